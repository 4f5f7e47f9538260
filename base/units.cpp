#include "base/units.h"

#include <fmt/format.h>

#include <array>

namespace neph {

std::string to_text(Bytes amount) {
  static constexpr std::array<const char*, 5> kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  double scaled = static_cast<double>(amount.value);
  std::size_t unit = 0;
  while (scaled >= 1024.0 && unit + 1 < kUnits.size()) {
    scaled /= 1024.0;
    ++unit;
  }
  if (unit == 0) return fmt::format("{} B", amount.value);
  return fmt::format("{:.1f} {}", scaled, kUnits[unit]);
}

}  // namespace neph
