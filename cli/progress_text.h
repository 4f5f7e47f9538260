#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace neph::cli {

enum class Standing { kGoing, kDone, kFailed };

/// How far an operation of the server is.
struct Report {
  Standing standing = Standing::kGoing;
  std::string phase;              ///< "copying", "BOOT"
  std::int64_t bytes_done = 0;
  std::int64_t bytes_total = 0;   ///< 0 when the phase moves no bytes
  std::int64_t rate = 0;          ///< bytes per second, 0 when unknown
  std::int64_t seconds_left = -1; ///< below 0 when unknown
  std::string note;               ///< why it waits or failed, or how it ended
};

/// 0 to 100; -1 when there is nothing to count.
[[nodiscard]] int percent_of(const Report& report);

/// One line for a terminal of `width` columns, with a bar where there are bytes to count.
[[nodiscard]] std::string progress_bar(std::string_view subject, const Report& report,
                                       std::size_t width);

/// "[####------] 45%  460.0 MiB of 1.0 GiB, 120.3 MiB/s, 5 s left"; empty when there is nothing
/// to count.
[[nodiscard]] std::string bar_text(const Report& report);

/// One line for a log: "snapshot 7: copying 45%, 460.0 MiB of 1.0 GiB, 120.3 MiB/s, 5 s left".
[[nodiscard]] std::string progress_line(std::string_view subject, const Report& report);

/// "5 s", "2 min 05 s", "1 h 03 min".
[[nodiscard]] std::string span_text(std::int64_t seconds);

}  // namespace neph::cli
