#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Addresses as numbers that can be counted up. Value types, for any thread.
namespace neph::network {

/// Six bytes, the first of them the highest.
struct Mac {
  std::uint64_t bits = 0;
  /// "02:00:0a:00:00:01", in either case. nullopt for anything else.
  [[nodiscard]] static std::optional<Mac> parse(std::string_view text);
  /// `prefix` in the two upper bytes, an IPv4 address (or anything random) below.
  [[nodiscard]] static Mac of(std::uint16_t prefix, std::uint32_t low);
  [[nodiscard]] Mac plus(std::uint64_t count) const { return {bits + count}; }
  [[nodiscard]] std::string text() const;
  friend auto operator<=>(const Mac&, const Mac&) = default;
};
inline constexpr std::uint64_t kMacMax = 0xFFFF'FFFF'FFFF;

struct Ip4 {
  std::uint32_t bits = 0;
  [[nodiscard]] static std::optional<Ip4> parse(std::string_view text);  ///< "10.0.0.1"
  [[nodiscard]] Ip4 plus(std::uint64_t count) const {
    return {static_cast<std::uint32_t>(bits + count)};
  }
  [[nodiscard]] std::string text() const;
  friend auto operator<=>(const Ip4&, const Ip4&) = default;
};

/// Two halves: what a network hands out stays within the lower one.
struct Ip6 {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  [[nodiscard]] static std::optional<Ip6> parse(std::string_view text);
  /// The address that a prefix of 64 bits and a MAC make (RFC 4291, appendix A).
  [[nodiscard]] static Ip6 of(std::uint64_t prefix, Mac mac);
  /// The MAC in an address that of() has made; anything in others.
  [[nodiscard]] static Mac mac_in(Ip6 address);
  [[nodiscard]] Ip6 plus(std::uint64_t count) const { return {high, low + count}; }
  [[nodiscard]] std::string text() const;  ///< the short form
  friend auto operator<=>(const Ip6&, const Ip6&) = default;
};
inline constexpr std::uint64_t kLinkLocalPrefix = 0xFE80'0000'0000'0000;

/// "02:00" of MAC_PREFIX. nullopt for anything but two bytes.
[[nodiscard]] std::optional<std::uint16_t> parse_mac_prefix(std::string_view text);

}  // namespace neph::network
