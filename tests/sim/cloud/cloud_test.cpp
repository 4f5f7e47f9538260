#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "base/log.h"
#include "tests/sim/cloud/cloud.h"

namespace neph::cloud {

/// For GoogleTest.
void PrintTo(const Sabotage& sabotage, std::ostream* out) { *out << sabotage.name; }

namespace {

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

std::string words_of(const Report& report) {
  return fmt::format("{} calls, {} misfortunes, {} power cuts; snapshots acknowledged {}: ready "
                     "{}, given up by their owners {}, failed with a reason {}; {} backups ready",
                     report.calls, report.misfortunes, report.cuts, report.acknowledged,
                     report.ready, report.given_up, report.failed_with_reason, report.backups);
}

std::string complaints_of(const Report& report, std::uint64_t seed) {
  std::string text = fmt::format(
      "seed {}: see it with  NEPH_SEED={} NEPH_TRACE=1 tests/sim_cloud "
      "--gtest_filter=CloudSeed.L*\n",
      seed, seed);
  for (const auto& complaint : report.complaints) text += "  " + complaint + "\n";
  return text;
}

void quieten() { log::set_level(log::Level::kError); }

/// The lives of some seeds in a process of their own, since there are as many processors.
/// \returns a stream of their reports, one line of numbers and the complaints behind it
class Worker {
 public:
  Worker(const std::vector<std::uint64_t>& seeds, const Plan& plan) : results_(std::tmpfile()) {
    std::fflush(nullptr);
    process_ = fork();
    if (process_ != 0) return;
    for (const std::uint64_t seed : seeds) {
      Plan own = plan;
      own.seed = seed;
      write(live(own), seed);
    }
    std::fflush(results_);
    _exit(0);
  }
  ~Worker() { std::fclose(results_); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Waits for it. \returns how many seeds it finished
  std::size_t collect(Report& sum) {
    int status = 0;
    waitpid(process_, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "a worker died";
    std::rewind(results_);
    std::size_t finished = 0;
    Report one;
    int complaints = 0;
    while (std::fscanf(results_, "%d %d %d %d %d %d %d %d %d\n", &one.calls, &one.acknowledged,
                       &one.ready, &one.failed_with_reason, &one.given_up, &one.misfortunes,
                       &one.cuts, &one.backups, &complaints) == 9) {
      ++finished;
      sum.add(one);
      std::array<char, 4096> line{};
      for (; complaints > 0 && std::fgets(line.data(), line.size(), results_) != nullptr;
           --complaints)
        sum.complaints.emplace_back(line.data());
    }
    return finished;
  }

 private:
  void write(const Report& report, std::uint64_t seed) {
    std::string text;
    if (!report.complaints.empty()) text = complaints_of(report, seed);
    std::fprintf(results_, "%d %d %d %d %d %d %d %d %ld\n%s", report.calls, report.acknowledged,
                 report.ready, report.failed_with_reason, report.given_up, report.misfortunes,
                 report.cuts, report.backups,
                 static_cast<long>(std::count(text.begin(), text.end(), '\n')), text.c_str());
  }

  std::FILE* results_;
  pid_t process_ = 0;
};

/// Lives through all of them, as many at a time as there are processors.
Report live_all(std::uint64_t first, std::uint64_t count, const Plan& plan) {
  const auto processes = std::max(1U, std::thread::hardware_concurrency());
  std::vector<std::vector<std::uint64_t>> shares(processes);
  for (std::uint64_t i = 0; i < count; ++i) shares[i % processes].push_back(first + i);
  std::vector<std::unique_ptr<Worker>> workers;
  for (const auto& share : shares) workers.push_back(std::make_unique<Worker>(share, plan));
  Report sum;
  std::size_t finished = 0;
  for (const auto& worker : workers) finished += worker->collect(sum);
  EXPECT_EQ(finished, count);
  return sum;
}

/// One seed, for people: NEPH_SEED, NEPH_TRACE, NEPH_HOURS.
TEST(CloudSeed, LivesThroughItsHour) {
  quieten();
  Plan plan;
  plan.seed = number_from("NEPH_SEED", 1);
  plan.length = Duration{3'600'000 * static_cast<std::int64_t>(number_from("NEPH_HOURS", 1))};
  const auto report = live(plan);
  if (std::getenv("NEPH_TRACE") != nullptr)
    for (const auto& line : report.trace) fmt::print("{}\n", line);
  fmt::print("{}\n", words_of(report));
  EXPECT_TRUE(report.complaints.empty()) << complaints_of(report, plan.seed);
  EXPECT_GT(report.ready, 0);
}

TEST(CloudSeed, GivesTheSameTraceByteForByte) {
  quieten();
  Plan plan;
  plan.seed = 11;
  EXPECT_EQ(live(plan).trace, live(plan).trace);
  Plan other = plan;
  other.seed = 12;
  EXPECT_NE(live(plan).trace, live(other).trace);
}

TEST(CloudSeeds, LoseNothingAndLeaveNothingStuck) {
  quieten();
  const auto count = number_from("NEPH_SEEDS", 200);
  const auto began = std::chrono::steady_clock::now();
  const auto sum = live_all(1000, count, {});
  std::string text;
  for (const auto& complaint : sum.complaints) text += complaint;
  EXPECT_TRUE(sum.complaints.empty()) << text;
  EXPECT_GT(sum.ready, 0);
  fmt::print("[   NOTE   ] {} seeds of an hour in {:.1f} s: {}; lost: {}, stuck: {}\n", count,
             std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(),
             words_of(sum), sum.complaints.size(), sum.complaints.size());
}

/// A busier hour, so that few seeds do.
Plan busy_plan() {
  Plan plan;
  plan.pace = Duration{60'000};
  plan.weather = Duration{50'000};
  return plan;
}

/// A simulation that notices nothing proves nothing.
class CloudSabotage : public testing::TestWithParam<Sabotage> {};

/// And one that complains of everything proves no more.
TEST(CloudSabotageOfNothing, IsNotNoticed) {
  quieten();
  const auto sum = live_all(1, 4, busy_plan());
  EXPECT_TRUE(sum.complaints.empty()) << sum.complaints.front();
}

TEST_P(CloudSabotage, IsNoticed) {
  quieten();
  constexpr std::uint64_t kSeedsMax = 20;
  for (std::uint64_t seed = 1; seed <= kSeedsMax; ++seed) {
    Plan plan = busy_plan();
    plan.seed = seed;
    plan.sabotage = &GetParam();
    const auto report = live(plan);
    if (report.complaints.empty()) continue;
    fmt::print("[   NOTE   ] {}: seed {}: {}\n", GetParam().name, seed, report.complaints.front());
    return;
  }
  FAIL() << "nobody noticed in " << kSeedsMax << " seeds that " << GetParam().name;
}

std::string test_name(const testing::TestParamInfo<Sabotage>& info) {
  std::string name;
  bool is_first = true;
  for (const char letter : info.param.name) {
    if (letter == ' ') is_first = true;
    else name += is_first ? static_cast<char>(std::toupper(letter)) : letter;
    if (letter != ' ') is_first = false;
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Rules, CloudSabotage, testing::ValuesIn(sabotages()), test_name);

std::int64_t resident_kb() {
  std::ifstream status("/proc/self/statm");
  std::int64_t pages = 0;
  status >> pages >> pages;
  return pages * sysconf(_SC_PAGESIZE) / 1024;
}

/// Days from fresh seeds, as long as NEPH_SOAK_MINUTES says.
TEST(CloudSoak, LivesThroughDays) {
  const auto minutes = number_from("NEPH_SOAK_MINUTES", 0);
  if (minutes == 0) GTEST_SKIP() << "./test --soak MINUTES runs it";
  quieten();
  const auto began = std::chrono::steady_clock::now();
  const auto end = began + std::chrono::minutes(minutes);
  const auto fresh = static_cast<std::uint64_t>(
      std::chrono::system_clock::now().time_since_epoch().count() / 1'000'000);
  Plan plan;
  plan.length = Duration{86'400'000};
  Report sum;
  int days = 0;
  for (plan.seed = fresh; std::chrono::steady_clock::now() < end; ++plan.seed) {
    const auto report = live(plan);
    sum.add(report);
    ASSERT_TRUE(report.complaints.empty()) << complaints_of(report, plan.seed);
    ++days;
    if ((days & (days - 1)) == 0)
      fmt::print("[   NOTE   ] after {} days {} KB resident\n", days, resident_kb());
  }
  fmt::print("[   NOTE   ] {} days from seed {}: {}; {} KB resident\n", days, fresh,
             words_of(sum), resident_kb());
}

}  // namespace
}  // namespace neph::cloud
