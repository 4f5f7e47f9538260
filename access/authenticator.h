#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "access/directory.h"
#include "base/lanes.h"

namespace neph::access {

/// A fresh argon2id hash of a password (libsodium). Takes about 50 ms and 64 MiB: passwords lane.
[[nodiscard]] Result<std::string> hash_password(const std::string& password);
/// Random text for passwords and tokens, from the kernel's generator: two hexadecimal digits for
/// each byte.
[[nodiscard]] std::string random_word(std::size_t bytes);
/// What is stored for users of the driver server_cipher: SHA-256 in small hexadecimal digits. A
/// text that is such a hash already stays as it is, since `oneuser passwd --sha256` hashes itself.
[[nodiscard]] std::string server_cipher_hash(const std::string& password);

/// Turns session strings into actors. Users are looked up where the caller says, so that it works
/// over the view; a password that was verified is remembered under a keyed digest for a while.
class Authenticator {
 public:
  struct Settings {
    Duration session_time{900'000};  ///< 0: nothing is remembered
    int default_umask = 0177;
    std::size_t backlog_max = 64;    ///< hashes waiting; more are refused
  };
  /// Must be safe on any thread.
  using Lookup = std::function<std::optional<User>(std::string_view name)>;
  using Done = std::function<void(Result<Actor>)>;

  Authenticator(Lanes& lanes, Lookup lookup, Settings settings);
  ~Authenticator();
  Authenticator(const Authenticator&) = delete;
  Authenticator& operator=(const Authenticator&) = delete;

  /// Any thread. `done` is called at once, on this thread, for a remembered password or a login
  /// token, else on the passwords lane. The error is kUnauthenticated whatever the reason, which is
  /// logged; told are, as kUnavailable, a full backlog and that too many log-ins have failed. While
  /// that is so, only passwords and tokens that were right before are taken. Forms:
  /// "user:password", "user:token", "user:sealed" (driver ssh: with the private key),
  /// "serveradmin:target:token", "serveradmin:target:group:token".
  /// \param peer  address of who calls, with its port
  void authenticate(const std::string& session, std::string_view peer, Done done);
  /// Forgets what is remembered of a user: password changed, user disabled or deleted.
  void forget(UserId user);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace neph::access
