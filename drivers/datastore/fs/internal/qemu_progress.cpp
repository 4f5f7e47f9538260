#include "drivers/datastore/fs/internal/qemu_progress.h"

#include <algorithm>
#include <cstdlib>

namespace neph::datastore_driver::fs {

std::optional<double> QemuProgress::hear(std::string_view chunk) {
  constexpr std::size_t kLineMax = 64;
  rest_ += chunk;
  const auto end = rest_.rfind("/100%)");
  std::optional<double> newest;
  if (end != std::string::npos) {
    const auto begin = rest_.rfind('(', end);
    if (begin != std::string::npos) {
      const double said = std::strtod(rest_.c_str() + begin + 1, nullptr);
      percent_ = std::clamp(said, percent_, 100.0);
      newest = percent_;
    }
    rest_.erase(0, end + 1);
  }
  if (rest_.size() > kLineMax) rest_.erase(0, rest_.size() - kLineMax);
  return newest;
}

}  // namespace neph::datastore_driver::fs
