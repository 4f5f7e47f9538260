#include <fmt/format.h>
#include <signal.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <random>
#include <thread>

#include "tests/e2e/libvirt_hosts.h"
#include "tests/e2e/story.h"
#include "tests/e2e/waiting.h"

/// The demo story, with nephd killed by -9 at a moment that a seed draws out of all its time, and
/// with QEMU or libvirtd killed as well. Whatever was acknowledged comes about.
///
/// NEPH_STORM_SEED=7 plays seed 7 alone.
namespace neph::e2e {
namespace {

using std::chrono::milliseconds;

constexpr int kStoriesAtATime = 2;

enum class Victim { kNephd, kQemu, kLibvirtd };

struct Blow {
  Victim victim = Victim::kNephd;
  int step = 0;
  milliseconds after{0};  ///< since the step began
};

std::string words_of(const Blow& blow) {
  static constexpr const char* kNames[] = {"nephd", "QEMU", "libvirtd"};
  return fmt::format("{} in \"{}\" after {} ms", kNames[static_cast<int>(blow.victim)],
                     Story::kStory.at(static_cast<std::size_t>(blow.step)).name,
                     blow.after.count());
}

/// Uniform over what the story usually takes.
Blow draw(std::mt19937_64& dice, Victim victim) {
  milliseconds total{0};
  for (const auto& step : Story::kStory) total += step.usual;
  milliseconds moment(static_cast<long>(dice() % static_cast<std::uint64_t>(total.count())));
  int step = 0;
  while (moment >= Story::kStory.at(static_cast<std::size_t>(step)).usual)
    moment -= Story::kStory.at(static_cast<std::size_t>(step++)).usual;
  return {victim, step, moment};
}

/// Every third seed also kills the guest.
std::vector<Blow> blows_of(std::uint64_t seed) {
  std::mt19937_64 dice(seed);
  std::vector<Blow> blows{draw(dice, Victim::kNephd)};
  if (seed % 3 == 0) blows.push_back(draw(dice, Victim::kQemu));
  return blows;
}

/// Kills at the moments of a story, and brings back what the story cannot do without.
class Storm {
 public:
  Storm(Cloud& cloud, std::string name, std::vector<Blow> blows, LibvirtHost* host = nullptr)
      : cloud_(cloud),
        host_(host),
        story_(cloud, std::move(name), [this] { revive(); }),
        blows_(std::move(blows)) {}

  /// \returns what went wrong, empty for nothing
  std::string play() {
    std::vector<std::jthread> killers;
    for (const auto& blow : blows_)
      killers.emplace_back(
          [this, blow](const std::stop_token& stop) { await_and_deal(blow, stop); });
    try {
      story_.play();
      for (auto& killer : killers) killer.join();
      revive();
      story_.check_end();
      return {};
    } catch (const std::exception& problem) {
      return problem.what();
    }
  }

  [[nodiscard]] std::string times() const { return story_.times(); }

 private:
  /// A blow behind a step that was quicker than usual is dealt at once.
  void await_and_deal(const Blow& blow, const std::stop_token& stop) {
    using Clock = std::chrono::steady_clock;
    const auto pause = [] { std::this_thread::sleep_for(milliseconds(1)); };
    while (story_.step() < blow.step && !stop.stop_requested()) pause();
    const auto due = Clock::now() + blow.after;
    while (story_.step() == blow.step && Clock::now() < due && !stop.stop_requested()) pause();
    if (!stop.stop_requested()) deal(blow.victim, stop);
  }

  void deal(Victim victim, const std::stop_token& stop) {
    if (victim == Victim::kQemu) return kill_qemus(stop);
    const std::lock_guard lock(mutex_);
    if (victim == Victim::kLibvirtd) {
      story_.announce(Story::Strike::kHitsGuests);
      host_->kill_libvirtd();
      is_libvirtd_down_ = true;
    } else {
      story_.announce(Story::Strike::kSparesGuests);
      ::kill(cloud_.nephd().find_daemon(), SIGKILL);
      is_nephd_down_ = true;
    }
  }

  /// The next that there are.
  void kill_qemus(const std::stop_token& stop) {
    while (story_.step() < Story::kSteps && !stop.stop_requested()) {
      const auto qemus = cloud_.all_qemus();
      if (!qemus.empty()) story_.announce(Story::Strike::kHitsGuests);
      for (const pid_t pid : qemus) ::kill(pid, SIGKILL);
      if (!qemus.empty()) return;
      std::this_thread::sleep_for(kPollPause);
    }
  }

  void revive() {
    const std::lock_guard lock(mutex_);
    if (is_libvirtd_down_) host_->start();
    is_libvirtd_down_ = false;
    if (!is_nephd_down_) return;
    cloud_.nephd().reap();
    is_nephd_down_ = false;
    cloud_.restart();
  }

  Cloud& cloud_;
  LibvirtHost* const host_;
  std::mutex mutex_;
  bool is_nephd_down_ = false;
  bool is_libvirtd_down_ = false;
  Story story_;
  const std::vector<Blow> blows_;
};

std::string all_words(const std::vector<Blow>& blows) {
  std::string words;
  for (const auto& blow : blows) words += (words.empty() ? "" : ", ") + words_of(blow);
  return words;
}

/// The only seed that is asked for, or 1 to `many`.
std::vector<std::uint64_t> seeds(int in_default, int in_full) {
  const char* asked = std::getenv("NEPH_STORM_SEED");
  if (asked != nullptr) return {std::strtoull(asked, nullptr, 10)};
  std::vector<std::uint64_t> made;
  const int many = std::getenv("NEPH_FULL") == nullptr ? in_default : in_full;
  for (int seed = 1; seed <= many; ++seed) made.push_back(static_cast<std::uint64_t>(seed));
  return made;
}

void judge(const std::string& test, std::uint64_t seed, const std::vector<Blow>& blows,
           const std::string& problem, const Cloud& cloud, const std::string& times) {
  if (problem.empty())
    return note(fmt::format("seed {}: killed {}; {}", seed, all_words(blows), times));
  ADD_FAILURE() << problem << "\nkilled " << all_words(blows) << "\nagain: NEPH_STORM_SEED=" << seed
                << " ./test --filter '" << test << "'\nnephd complained:\n" << cloud.complaints();
}

void play_seed(std::uint64_t seed) {
  const auto blows = blows_of(seed);
  Cloud cloud;
  Storm storm(cloud, fmt::format("story{}", seed), blows);
  const auto problem = storm.play();
  judge("GuestStorm.TheStory*", seed, blows, problem, cloud, storm.times());
}

TEST(GuestStorm, TheStoryEndsAsItShouldWhereverNephdIsKilled) {
  const auto all = seeds(5, 50);
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (auto i = next++; i < all.size(); i = next++) {
      try {
        play_seed(all[i]);
      } catch (const std::exception& problem) {
        ADD_FAILURE() << "seed " << all[i] << ": " << problem.what();
      }
    }
  };
  std::vector<std::jthread> workers;
  for (int i = 0; i < kStoriesAtATime; ++i) workers.emplace_back(work);
}

TEST(GuestStorm, ADeadLibvirtdIsWaitedForAndTheStoryGoesOn) {
  const HostNetwork network;
  if (!network.is_possible()) GTEST_SKIP() << "no network namespaces or no libvirtd here";
  for (const auto seed : seeds(1, 10)) {
    std::mt19937_64 dice(seed);
    const std::vector<Blow> blows{draw(dice, Victim::kLibvirtd), draw(dice, Victim::kNephd)};
    Cloud cloud({"EMBEDDED_HOST=NO"});
    LibvirtHost host(1, cloud.folder());
    host.start();
    cloud.add_host(host.name(), host.uri());
    Storm storm(cloud, fmt::format("story{}", seed), blows, &host);
    const auto problem = storm.play();
    judge("GuestStorm.ADeadLibvirtd*", seed, blows, problem, cloud, storm.times());
  }
}

}  // namespace
}  // namespace neph::e2e
