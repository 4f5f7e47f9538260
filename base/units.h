#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace neph {

/// A number of bytes. Sizes on OpenNebula's wire are MB (2^20 bytes), see megabytes_up().
struct Bytes {
  std::int64_t value = 0;

  constexpr Bytes() = default;
  constexpr explicit Bytes(std::int64_t count) : value(count) {}
  [[nodiscard]] static constexpr Bytes megabytes(std::int64_t count) {
    return Bytes{count * 1048576};
  }
  /// Whole megabytes, rounded up: what OpenNebula's clients and quotas count in.
  [[nodiscard]] constexpr std::int64_t megabytes_up() const { return (value + 1048575) / 1048576; }
  friend constexpr auto operator<=>(Bytes, Bytes) = default;
  friend constexpr Bytes operator+(Bytes a, Bytes b) { return Bytes{a.value + b.value}; }
  friend constexpr Bytes operator-(Bytes a, Bytes b) { return Bytes{a.value - b.value}; }
};

/// "1.4 GiB", for people.
[[nodiscard]] std::string to_text(Bytes amount);

}  // namespace neph
