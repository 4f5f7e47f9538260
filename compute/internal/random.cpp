#include <sodium.h>

#include <array>
#include <cstdint>

#include "compute/internal/factory.h"

namespace neph::compute {
namespace {

/// From the kernel's generator: an id that cannot be guessed, and no seed to repeat after a fork.
template <std::size_t kSize>
std::array<std::uint8_t, kSize> random_bytes() {
  std::array<std::uint8_t, kSize> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  return bytes;
}

}  // namespace

std::string random_uuid() {
  auto bytes = random_bytes<16>();
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x40);  // version 4
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);  // variant of RFC 4122
  std::string uuid;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    if (at == 4 || at == 6 || at == 8 || at == 10) uuid += '-';
    uuid += fmt::format("{:02x}", bytes[at]);
  }
  return uuid;
}

std::string random_mac() {
  const auto tail = random_bytes<4>();
  return fmt::format("02:00:{:02x}:{:02x}:{:02x}:{:02x}", tail[0], tail[1], tail[2], tail[3]);
}

}  // namespace neph::compute
