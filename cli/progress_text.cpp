#include "cli/progress_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.h"
#include "cli/table.h"

namespace neph::cli {
namespace {

constexpr std::size_t kBarMin = 10;
constexpr std::size_t kBarMax = 30;

std::string bytes_text(const Report& report) {
  std::string text = fmt::format("{} of {}", to_text(Bytes{report.bytes_done}),
                                 to_text(Bytes{report.bytes_total}));
  if (report.rate > 0) text += fmt::format(", {}/s", to_text(Bytes{report.rate}));
  if (report.standing == Standing::kGoing && report.seconds_left >= 0)
    text += fmt::format(", {} left", span_text(report.seconds_left));
  return text;
}

std::string bar(int percent, std::size_t width) {
  const auto filled = width * static_cast<std::size_t>(percent) / 100;
  return fmt::format("[{:#<{}}{:-<{}}]", "", filled, "", width - filled);
}

}  // namespace

int percent_of(const Report& report) {
  if (report.bytes_total <= 0) return -1;
  // In this order, since the product of two big disks' bytes would overflow.
  const double share =
      static_cast<double>(report.bytes_done) / static_cast<double>(report.bytes_total);
  return std::clamp(static_cast<int>(share * 100.0), 0, 100);
}

std::string progress_bar(std::string_view subject, const Report& report, std::size_t width) {
  const int percent = percent_of(report);
  const std::string before = fmt::format("{}: {} ", subject, report.phase);
  if (percent < 0)
    return cut_to(one_line(before + (report.note.empty() ? "" : "(" + report.note + ")")), width);
  std::string after = fmt::format(" {}%  {}", percent, bytes_text(report));
  if (!report.note.empty()) after += "  (" + report.note + ")";
  const auto taken = display_width(before) + display_width(after) + 2;
  const auto room = width > taken ? width - taken : 0;
  const auto bar_width = std::clamp(room, kBarMin, kBarMax);
  return cut_to(one_line(before + bar(percent, bar_width) + after), width);
}

std::string bar_text(const Report& report) {
  const int percent = percent_of(report);
  if (percent < 0) return {};
  return fmt::format("{} {}%  {}", bar(percent, kBarMin), percent, bytes_text(report));
}

std::string progress_line(std::string_view subject, const Report& report) {
  std::string text = fmt::format("{}: {}", subject, report.phase);
  const int percent = percent_of(report);
  if (percent >= 0) text += fmt::format(" {}%, {}", percent, bytes_text(report));
  if (!report.note.empty()) text += fmt::format(" ({})", report.note);
  return one_line(text);
}

std::string span_text(std::int64_t seconds) {
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return fmt::format("{} min {:02} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {:02} min", seconds / 3600, seconds / 60 % 60);
}

}  // namespace neph::cli
