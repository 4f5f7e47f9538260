#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace neph::datastore_driver::fs {

/// Reads the percentages that `qemu-img -p` prints as "    (12.34/100%)\r" out of chunks that
/// begin and end anywhere. A percentage never falls.
class QemuProgress {
 public:
  /// \returns the newest percentage if this chunk completed one
  std::optional<double> hear(std::string_view chunk);

 private:
  std::string rest_;
  double percent_ = 0;
};

}  // namespace neph::datastore_driver::fs
