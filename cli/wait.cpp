#include "cli/wait.h"

#include <optional>
#include <ostream>

namespace neph::cli {
namespace {

constexpr Duration kInterval{300};
constexpr Duration kOutageMax{30'000};
constexpr std::string_view kClearLine = "\r\x1b[K";

/// Draws reports; on a log only what is new.
class Display {
 public:
  Display(Surroundings& around, std::string subject)
      : around_(around), subject_(std::move(subject)) {}

  void show(const Report& report) {
    if (around_.err_terminal.is_terminal) return show_bar(report);
    const std::string key = fmt::format("{}|{}|{}", report.phase, report.note,
                                        percent_of(report) / 10);
    if (key == last_key_) return;
    last_key_ = key;
    around_.err << progress_line(subject_, report) << std::endl;
  }

  /// Leaves what was drawn last on the screen.
  void finish() {
    if (is_line_open_) around_.err << '\n';
    is_line_open_ = false;
  }

 private:
  void show_bar(const Report& report) {
    const std::size_t width = around_.err_terminal.width > 1 ? around_.err_terminal.width - 1 : 79;
    around_.err << kClearLine << progress_bar(subject_, report, width) << std::flush;
    is_line_open_ = true;
  }

  Surroundings& around_;
  std::string subject_;
  std::string last_key_;
  bool is_line_open_ = false;
};

/// Forgives an outage of the server for a while; nullopt means look again.
class Looker {
 public:
  explicit Looker(const Clock& clock) : clock_(clock), last_answer_(clock.monotonic()) {}

  Result<std::optional<Report>> look(const WaitAsk& ask) {
    auto report = ask.look();
    if (report) {
      last_answer_ = clock_.monotonic();
      return std::optional(std::move(*report));
    }
    const bool is_outage = report.error().code == Errc::kUnavailable;
    if (is_outage && clock_.monotonic() - last_answer_ < kOutageMax) return std::nullopt;
    return tl::unexpected(report.error());
  }

 private:
  const Clock& clock_;
  Duration last_answer_;
};

}  // namespace

Result<ExitCode> wait_until_done(Surroundings& around, const WaitAsk& ask) {
  around.catch_interrupts();
  Display display(around, ask.subject);
  Looker looker(around.clock);
  const Duration start = around.clock.monotonic();
  Report last;
  while (true) {
    const auto report = looker.look(ask);
    if (!report) display.finish();
    if (!report) return tl::unexpected(report.error());
    if (*report) {
      last = **report;
    } else {
      last.phase = "nephd does not answer, trying again";
    }
    display.show(last);
    const bool is_over = *report && last.standing != Standing::kGoing;
    if (is_over) break;
    const bool is_late =
        ask.time_limit.count() > 0 && around.clock.monotonic() - start > ask.time_limit;
    if (around.is_interrupted() || is_late) {
      display.finish();
      around.err << fmt::format("neph: {}; {} goes on by itself, look with: {}\n",
                                is_late ? "the time given is over" : "not waiting any more",
                                ask.subject, ask.look_later);
      return is_late ? ExitCode::kWaitedFailed : ExitCode::kInterrupted;
    }
    around.clock.sleep_for(kInterval);
  }
  display.finish();
  if (last.standing == Standing::kDone) return ExitCode::kOk;
  around.err << fmt::format("neph: {} ended as {}{}{}\n", ask.subject, last.phase,
                            last.note.empty() ? "" : ": ", one_line(last.note));
  return ExitCode::kWaitedFailed;
}

}  // namespace neph::cli
