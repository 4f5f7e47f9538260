#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/log.h"
#include "bench/filling.h"
#include "daemon/restore.h"
#include "tests/support/whole_nephd.h"

/// bench_backup [MEGABYTES]: how long `neph backup` of a store of that size takes, how long calls
/// wait meanwhile, and how long `neph restore` of it takes.
namespace neph {
namespace {

namespace fs = std::filesystem;

constexpr int kVms = 20'000;
constexpr std::int64_t kMegabyte = 1'000'000;
/// What a VM costs beside its user template.
constexpr std::int64_t kRowBytes = 600;
constexpr Duration kQuiet{5'000};
/// Between two calls of somebody who does nothing but call.
constexpr Duration kPause{5};

Result<int> fill(const fs::path& folder, std::int64_t megabytes) {
  const auto database = TRY(db::Database::open(folder / "nephd.db"));
  const auto each = std::max<std::int64_t>(megabytes * kMegabyte / kVms - kRowBytes, 0);
  const std::string script =
      fmt::format("START_SCRIPT=\"{}\"\n", std::string(static_cast<std::size_t>(each), 'x'));
  return database->transact_one({1'700'000'000'000}, [&](db::Txn& txn) -> Result<int> {
    bench::add_hosts(txn, kVms);
    for (int id = 0; id < kVms; ++id) bench::add_vm(txn, id, script);
    bench::move_counters(txn);
    return 0;
  });
}

/// How long calls of one kind have taken.
class Waits {
 public:
  void add(Duration took) { took_.push_back(took.count()); }
  std::string words() {
    if (took_.empty()) return "none";
    std::sort(took_.begin(), took_.end());
    const auto at = [&](double part) {
      return took_[static_cast<std::size_t>(part * static_cast<double>(took_.size() - 1))];
    };
    return fmt::format("{}: median {} ms, 99 % within {} ms, longest {} ms", took_.size(),
                       at(0.5), at(0.99), took_.back());
  }

 private:
  std::vector<std::int64_t> took_;
};

/// \returns how long the call took
Result<Duration> time(cli::RpcClient& rpc, std::string_view method, cli::Values arguments) {
  SystemClock clock;
  const Duration began = clock.monotonic();
  TRY(rpc.call(method, std::move(arguments)));
  return clock.monotonic() - began;
}

struct Observed {
  Waits writes;
  Waits reads;
};

/// Asks until `is_over`, as a client that writes and reads all the time.
Result<Observed> ask_until(cli::RpcClient& rpc, const std::function<bool()>& is_over) {
  SystemClock clock;
  Observed seen;
  for (int number = 0; !is_over(); ++number) {
    const std::int64_t vm = number % kVms / 2 * 2;
    const auto change = fmt::format("SEEN=\"{}\"", number);
    seen.writes.add(TRY(time(rpc, "one.vm.update", {vm, change, 1})));
    seen.reads.add(TRY(time(rpc, "one.vm.info", {vm})));
    clock.sleep_for(kPause);
  }
  return seen;
}

void tell(std::string_view when, Observed seen) {
  fmt::print("{}: writes {}; reads {}\n", when, seen.writes.words(), seen.reads.words());
}

bool is_job_over(cli::RpcClient& rpc, std::int64_t job) {
  const auto shown = rpc.call_document("neph.job.info", {job});
  if (!shown) return true;
  const std::string state = shown->get("STATE");
  return state == "done" || state == "failed" || state == "cancelled";
}

Result<void> back_up(WholeNephd& nephd, const fs::path& file) {
  SystemClock clock;
  cli::RpcClient& rpc = nephd.rpc();
  const Duration quiet_until = clock.monotonic() + kQuiet;
  tell("before", TRY(ask_until(rpc, [&] { return clock.monotonic() >= quiet_until; })));
  const Duration began = clock.monotonic();
  const auto job = TRY(rpc.call_id("neph.backup", {file.string()}));
  tell("meanwhile", TRY(ask_until(rpc, [&] { return is_job_over(rpc, job); })));
  fmt::print("backup of {} MB: {} ms\n", fs::file_size(file) / kMegabyte,
             (clock.monotonic() - began).count());
  return {};
}

}  // namespace

Result<void> measure(std::int64_t megabytes) {
  WholeNephd nephd;
  CHECK_OK(nephd.start());
  nephd.stop();
  TRY(fill(nephd.folder(), megabytes));
  CHECK_OK(nephd.start());
  const fs::path file = nephd.folder() / "backup";
  CHECK_OK(back_up(nephd, file));
  nephd.stop();
  SystemClock clock;
  const Duration began = clock.monotonic();
  TRY(daemon::restore_store(nephd.folder(), file, clock.now()));
  fmt::print("restore of {} MB: {} ms\n", fs::file_size(file) / kMegabyte,
             (clock.monotonic() - began).count());
  return {};
}

}  // namespace neph

int main(int count, char** words) {
  neph::log::set_level(neph::log::Level::kError);
  if (const auto done = neph::measure(count > 1 ? std::atoll(words[1]) : 200); !done) {
    fmt::print(stderr, "bench_backup: {}\n", done.error().text());
    return 1;
  }
  return 0;
}
