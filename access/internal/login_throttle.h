#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"

namespace neph::access::internal {

/// How often a log-in may fail before the next one has to wait: `burst` times at once, and once
/// more for every `pause` that goes by.
struct FailureLimit {
  int burst = 1;
  Duration pause{0};
};

/// Remembers failures by a key, in bounded memory: when there are too many keys, the one that
/// would be free first is forgotten. Times are monotonic. Not thread safe.
class FailureCounter {
 public:
  explicit FailureCounter(FailureLimit limit) : limit_(limit) {}

  /// How long the next attempt has to wait; 0: it need not.
  [[nodiscard]] Duration wait(const std::string& key, Duration now) const;
  void add(const std::string& key, Duration now);
  void forget(const std::string& key) { forgotten_at_.erase(key); }
  [[nodiscard]] std::size_t size() const { return forgotten_at_.size(); }

 private:
  void make_room(Duration now);

  FailureLimit limit_;
  std::unordered_map<std::string, Duration> forgotten_at_;  ///< when no failure counts any more
};

/// Slows down who guesses passwords. Failures count for the user at an address, so that nobody
/// can keep a user out from elsewhere, and, more generously, for the address, where many users may
/// come from. Not thread safe.
class LoginThrottle {
 public:
  /// \param peer  "192.0.2.7:4711" or "[2001:db8::1]:4711". Of IPv6 the first 64 bits count, since
  ///              whoever has one address there has all of them
  [[nodiscard]] Duration wait(std::string_view user, std::string_view peer, Duration now) const;
  void failed(std::string_view user, std::string_view peer, Duration now);
  /// The failures of that user at that address count no longer.
  void succeeded(std::string_view user, std::string_view peer);

 private:
  FailureCounter users_{{.burst = 5, .pause = Duration{10'000}}};
  FailureCounter addresses_{{.burst = 50, .pause = Duration{1'000}}};
};

/// What of a peer's address counts: no port, and 64 bits of IPv6.
[[nodiscard]] std::string network_of(std::string_view peer);

}  // namespace neph::access::internal
