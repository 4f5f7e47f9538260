#include "network/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <charconv>

namespace neph::network {
namespace {

/// "02:00:0a" as a number; nullopt unless there are exactly so many bytes of two digits.
std::optional<std::uint64_t> parse_bytes(std::string_view text, std::size_t count) {
  constexpr std::size_t kStride = 3;
  if (text.size() != count * kStride - 1) return std::nullopt;
  std::uint64_t bits = 0;
  for (std::size_t at = 0; at < text.size(); at += kStride) {
    if (at > 0 && text[at - 1] != ':') return std::nullopt;
    unsigned byte = 0;
    const auto [end, problem] = std::from_chars(&text[at], &text[at] + 2, byte, 16);
    if (problem != std::errc{} || end != &text[at] + 2) return std::nullopt;
    bits = bits << 8 | byte;
  }
  return bits;
}

/// The bit of an EUI-64 that IPv6 inverts.
constexpr std::uint64_t kUniversal = 0x0200'0000'0000'0000;

using Bytes16 = std::array<unsigned char, 16>;

std::uint64_t half_of(const Bytes16& bytes, std::size_t from) {
  std::uint64_t half = 0;
  for (std::size_t at = from; at < from + 8; ++at) half = half << 8 | bytes[at];
  return half;
}

}  // namespace

std::optional<Mac> Mac::parse(std::string_view text) {
  const auto bits = parse_bytes(text, 6);
  if (!bits) return std::nullopt;
  return Mac{*bits};
}

Mac Mac::of(std::uint16_t prefix, std::uint32_t low) {
  return {std::uint64_t{prefix} << 32 | low};
}

std::string Mac::text() const {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", bits >> 40 & 0xFF,
                     bits >> 32 & 0xFF, bits >> 24 & 0xFF, bits >> 16 & 0xFF, bits >> 8 & 0xFF,
                     bits & 0xFF);
}

std::optional<Ip4> Ip4::parse(std::string_view text) {
  in_addr address{};
  if (::inet_pton(AF_INET, std::string(text).c_str(), &address) != 1) return std::nullopt;
  return Ip4{ntohl(address.s_addr)};
}

std::string Ip4::text() const {
  return fmt::format("{}.{}.{}.{}", bits >> 24, bits >> 16 & 0xFF, bits >> 8 & 0xFF, bits & 0xFF);
}

std::optional<Ip6> Ip6::parse(std::string_view text) {
  Bytes16 bytes{};
  if (::inet_pton(AF_INET6, std::string(text).c_str(), bytes.data()) != 1) return std::nullopt;
  return Ip6{half_of(bytes, 0), half_of(bytes, 8)};
}

Ip6 Ip6::of(std::uint64_t prefix, Mac mac) {
  constexpr std::uint64_t kMiddle = 0x0000'00FF'FE00'0000;
  const std::uint64_t upper = mac.bits >> 24 << 40;
  const std::uint64_t lower = mac.bits & 0xFF'FFFF;
  return {prefix, (upper | kMiddle | lower) ^ kUniversal};
}

Mac Ip6::mac_in(Ip6 address) {
  const std::uint64_t bits = address.low ^ kUniversal;
  return {bits >> 40 << 24 | (bits & 0xFF'FFFF)};
}

std::string Ip6::text() const {
  Bytes16 bytes{};
  for (std::size_t at = 0; at < 8; ++at) {
    const auto shift = 8 * (7 - at);
    bytes[at] = static_cast<unsigned char>(high >> shift);
    bytes[8 + at] = static_cast<unsigned char>(low >> shift);
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET6, bytes.data(), text.data(), text.size());
  return text.data();
}

std::optional<std::uint16_t> parse_mac_prefix(std::string_view text) {
  const auto bits = parse_bytes(text, 2);
  if (!bits) return std::nullopt;
  return static_cast<std::uint16_t>(*bits);
}

}  // namespace neph::network
