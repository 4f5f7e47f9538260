#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <set>

#include "base/log.h"
#include "tests/crash/story.h"

/// Each story is played once to count its cut points, then once for each of them: the power goes
/// there, the controller starts again, all comes to rest, and what must be true is asked.
///
/// In a plain run some cut points of each story are drawn by NEPH_CRASH_SEED; NEPH_CRASH_CUTS says
/// how many, NEPH_FULL=1 takes all. NEPH_CRASH_STORY plays one story alone, and with NEPH_CRASH_CUT
/// and NEPH_CRASH_SECOND one cut of it again, with the log.
namespace neph::crash {
namespace {

constexpr int kCutsOfAStory = 5;  ///< in a plain run

enum class Store { kSyncs, kSyncsNothing };

/// Where the power goes.
struct Plan {
  int first = Power::kNever;
  int second = Power::kNever;  ///< counted from the restart
  std::uint64_t seed = 1;
  Store store = Store::kSyncs;
};

struct Ending {
  Complaints complaints;
  int points = 0;  ///< of a whole run
  std::string where;
  std::set<std::string> kinds;            ///< of the jobs there were
  std::set<std::string> kinds_there_are;
};

/// One playing of one story.
class Play {
 public:
  Play(const Story& story, const Plan& plan) : story_(story), plan_(plan), stage_(plan.seed) {}

  Ending run() {
    stage_.open();
    for (const Step& step : story_.before) {
      stage_.begin_step(Stage::Attempt::kFirst);
      step(stage_);
      stage_.drive(kRest);
    }
    if (plan_.store == Store::kSyncsNothing) stage_.stop_syncing();
    stage_.power().arm(plan_.first);
    while (!try_to_end()) {
    }
    ending_.points = stage_.power().count();
    stage_.power().arm(Power::kNever);
    add(stage_.complaints());
    Complaints told = stage_.found();
    for (const Check& check : story_.end) check(stage_, told);
    if (!told.empty() && may_end_otherwise()) {
      told.clear();
      for (const Check& check : story_.otherwise) check(stage_, told);
    }
    add(told);
    for (const auto& kind : stage_.kinds_used()) ending_.kinds.insert(kind);
    for (const auto& kind : stage_.kinds_there_are()) ending_.kinds_there_are.insert(kind);
    if (ending_.complaints.empty()) add(stage_.clean_up());
    return ending_;
  }

 private:
  [[nodiscard]] bool may_end_otherwise() const { return cuts_ > 0 && !story_.otherwise.empty(); }
  void add(const Complaints& more) {
    ending_.complaints.insert(ending_.complaints.end(), more.begin(), more.end());
  }

  /// \returns false when the power went
  bool try_to_end() try {
    if (is_down_) {
      stage_.restart();
      is_down_ = false;
      if (may_end_otherwise()) stage_.allow_refusals();
      stage_.power().arm(cuts_ == 1 ? plan_.second : Power::kNever);
      stage_.drive(stage_.rest());
      if (is_step_begun_ && stage_.is_acknowledged()) next();
      if (stage_.comes_to_rest()) add(stage_.complaints());
    }
    for (; at_ < story_.steps.size(); next()) {
      stage_.begin_step(is_step_begun_ ? Stage::Attempt::kAgain : Stage::Attempt::kFirst);
      is_step_begun_ = true;
      story_.steps[at_](stage_);
      stage_.drive(stage_.rest());
    }
    stage_.drive(kRest);
    return true;
  } catch (const PowerCut&) {
    ending_.where += (cuts_++ > 0 ? ", then " : "") + stage_.power().where();
    is_down_ = true;
    return false;
  }

  void next() {
    ++at_;
    is_step_begun_ = false;
  }

  const Story& story_;
  const Plan plan_;
  Stage stage_;
  Ending ending_;
  std::size_t at_ = 0;
  bool is_step_begun_ = false;
  bool is_down_ = false;
  int cuts_ = 0;
};

bool is_full() { return std::getenv("NEPH_FULL") != nullptr; }

std::int64_t number_from(const char* name, std::int64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoll(text);
}

std::string replay(const Story& story, const Plan& plan) {
  return fmt::format("NEPH_CRASH_STORY='{}' NEPH_CRASH_CUT={} NEPH_CRASH_SECOND={} "
                     "NEPH_CRASH_SEED={} build/tests/crash --gtest_filter='StoryCrash.*'",
                     story.name, plan.first, plan.second, plan.seed);
}

/// The cut points to try: all of them, or some.
std::vector<int> chosen(int points, std::mt19937_64& random) {
  std::vector<int> cuts(static_cast<std::size_t>(points));
  for (int i = 0; i < points; ++i) cuts[static_cast<std::size_t>(i)] = i;
  const auto wanted =
      static_cast<std::size_t>(number_from("NEPH_CRASH_CUTS", is_full() ? points : kCutsOfAStory));
  if (cuts.size() <= wanted) return cuts;
  std::shuffle(cuts.begin(), cuts.end(), random);
  cuts.resize(wanted);
  return cuts;
}

/// What became of all stories.
struct Tally {
  int points = 0;
  int cuts = 0;
  int bad = 0;
  std::set<std::string> kinds;
  std::set<std::string> kinds_there_are;
};

void expect_well(const Story& story, const Plan& plan, Tally& tally) {
  SCOPED_TRACE(fmt::format("{}, cut {}", story.name, plan.first));
  const Ending ending = Play(story, plan).run();
  ++tally.cuts;
  if (ending.complaints.empty()) return;
  ++tally.bad;
  std::string all;
  for (const auto& complaint : ending.complaints) all += "\n  " + complaint;
  ADD_FAILURE() << story.name << ", cut " << plan.first << " (" << ending.where << "):" << all
                << "\nreplay: " << replay(story, plan);
}

void play(const Story& story, std::uint64_t seed, Tally& tally) {
  SCOPED_TRACE(story.name);
  const Ending whole = Play(story, {.seed = seed}).run();
  tally.kinds.insert(whole.kinds.begin(), whole.kinds.end());
  tally.kinds_there_are = whole.kinds_there_are;
  ASSERT_EQ(whole.complaints, Complaints{}) << story.name << ", without a cut";
  tally.points += whole.points;
  std::mt19937_64 random(seed);
  for (const int cut : chosen(whole.points, random)) {
    Plan plan{.first = cut, .seed = random()};
    // Every fourth recovery is cut as well.
    if (random() % 4 == 0) plan.second = static_cast<int>(random() % 40);
    expect_well(story, plan, tally);
  }
}

class StoryCrash : public testing::Test {
 protected:
  void SetUp() override {
    const bool is_replay = std::getenv("NEPH_CRASH_CUT") != nullptr;
    log::set_level(is_replay ? log::Level::kDebug : log::Level::kError);
  }
};

TEST_F(StoryCrash, EveryStoryEndsWellWhereverThePowerGoes) {
  const char* wanted = std::getenv("NEPH_CRASH_STORY");
  const auto seed = static_cast<std::uint64_t>(number_from("NEPH_CRASH_SEED", 1));
  Tally tally;
  for (const Story& story : all_stories()) {
    if (wanted != nullptr && story.name != wanted) continue;
    if (std::getenv("NEPH_CRASH_CUT") == nullptr) {
      play(story, seed, tally);
      continue;
    }
    expect_well(story,
                {.first = static_cast<int>(number_from("NEPH_CRASH_CUT", 0)),
                 .second = static_cast<int>(number_from("NEPH_CRASH_SECOND", Power::kNever)),
                 .seed = seed},
                tally);
  }
  if (wanted == nullptr && std::getenv("NEPH_CRASH_CUT") == nullptr) {
    EXPECT_EQ(tally.kinds, tally.kinds_there_are) << "a kind of job that no story is about";
  }
  std::printf("[   NOTE   ] %d cut points in %zu job kinds, %d tried, ended badly: %d\n",
              tally.points, tally.kinds.size(), tally.cuts, tally.bad);
}

/// Power cuts that take nothing along would prove nothing.
TEST_F(StoryCrash, OverAStoreThatSyncsNothingTheSameCutsLoseWhatWasAcknowledged) {
  const auto all = all_stories();
  const auto story = std::ranges::find(all, "a clone", &Story::name);
  ASSERT_NE(story, all.end());
  Plan plan{.store = Store::kSyncsNothing};
  const Ending whole = Play(*story, plan).run();
  ASSERT_EQ(whole.complaints, Complaints{}) << "without a cut nothing is lost";
  int lost = 0;
  for (plan.first = 0; plan.first < whole.points; ++plan.first) {
    const auto complaints = Play(*story, plan).run().complaints;
    if (std::ranges::count(complaints, "image made is not there, not READY") > 0) ++lost;
  }
  EXPECT_GT(lost, 0);
  std::printf("[   NOTE   ] over a store that syncs nothing %d of %d cuts lose what was "
              "acknowledged\n", lost, whole.points);
}

}  // namespace
}  // namespace neph::crash
