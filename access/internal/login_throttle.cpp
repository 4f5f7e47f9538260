#include "access/internal/login_throttle.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace neph::access::internal {
namespace {

constexpr std::size_t kKeysMax = 10'000;
constexpr std::size_t kPrefixBytes = 8;
constexpr std::string_view kMapped = "::ffff:";

/// No name of a user holds a blank.
std::string key_of(std::string_view user, const std::string& address) {
  return std::string(user) + ' ' + address;
}

}  // namespace

Duration FailureCounter::wait(const std::string& key, Duration now) const {
  const auto found = forgotten_at_.find(key);
  if (found == forgotten_at_.end()) return Duration{0};
  const Duration allowed = limit_.pause * (limit_.burst - 1);
  return std::max(Duration{0}, found->second - now - allowed);
}

void FailureCounter::add(const std::string& key, Duration now) {
  auto found = forgotten_at_.find(key);
  if (found == forgotten_at_.end()) {
    if (forgotten_at_.size() >= kKeysMax) make_room(now);
    found = forgotten_at_.emplace(key, now).first;
  }
  found->second = std::max(found->second, now) + limit_.pause;
}

void FailureCounter::make_room(Duration now) {
  std::erase_if(forgotten_at_, [now](const auto& entry) { return entry.second <= now; });
  if (forgotten_at_.size() < kKeysMax) return;
  const auto first = std::ranges::min_element(
      forgotten_at_, {}, [](const auto& entry) { return entry.second; });
  forgotten_at_.erase(first);
}

Duration LoginThrottle::wait(std::string_view user, std::string_view peer, Duration now) const {
  const std::string address = network_of(peer);
  return std::max(users_.wait(key_of(user, address), now), addresses_.wait(address, now));
}

void LoginThrottle::failed(std::string_view user, std::string_view peer, Duration now) {
  const std::string address = network_of(peer);
  users_.add(key_of(user, address), now);
  addresses_.add(address, now);
}

void LoginThrottle::succeeded(std::string_view user, std::string_view peer) {
  users_.forget(key_of(user, network_of(peer)));
}

std::string network_of(std::string_view peer) {
  if (!peer.starts_with('[')) return std::string(peer.substr(0, peer.find(':')));
  const std::string text(peer.substr(1, peer.find(']') - 1));
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) return text;
  // "::ffff:192.0.2.7": a socket of both families shows IPv4 so.
  if (text.starts_with(kMapped) && text.find('.') != std::string::npos)
    return text.substr(kMapped.size());
  return std::string(bytes.begin(), bytes.begin() + kPrefixBytes);
}

}  // namespace neph::access::internal
