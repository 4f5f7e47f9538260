#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace neph::cli {

/// Where nephd listens.
struct Endpoint {
  std::string host = "127.0.0.1";
  std::string port = "2633";
  std::string path = "/RPC2";

  /// \returns kInvalid unless `url` has the form http://HOST[:PORT][/PATH]
  [[nodiscard]] static Result<Endpoint> parse(std::string_view url);
  [[nodiscard]] std::string text() const;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// What was typed; empty means not given.
struct CredentialOptions {
  std::string endpoint;  ///< --endpoint URL
  std::string auth;      ///< --auth USER:PASSWORD, or a file that holds it
  std::string state;     ///< --state DIR
};

struct Credentials {
  Endpoint endpoint;
  std::string session;       ///< "user:password"
  std::string session_from;  ///< file, variable or option, for messages
};

/// An environment variable, nullopt when unset.
using Variables = std::function<std::optional<std::string>(std::string_view name)>;

/// Looks in this order, for session and endpoint each on its own: the option; the directory of
/// --state; ONE_AUTH (a file) and ONE_XMLRPC; the directory in NEPH_STATE; ~/.one (auth.md
/// section 6); ./var. nephd writes `one_auth` and `endpoint` into its state directory. Without
/// any endpoint it is http://127.0.0.1:2633/RPC2.
/// \returns kUnavailable when no session is found, kInvalid when what is found cannot be used
[[nodiscard]] Result<Credentials> find_credentials(const CredentialOptions& options,
                                                   const Variables& variables);

}  // namespace neph::cli
