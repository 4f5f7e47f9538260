#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "db/database.h"
#include "tests/support/lossy_disk.h"

/// The state store on a disk that loses what was not synced.
namespace neph {
namespace {

using Effect = LossyDisk::Effect;

/// The log is written back more often than in the product, so that many cuts strike that, too.
constexpr const char* kSmallLog = "PRAGMA wal_autocheckpoint = 40";

/// What was found after power cuts.
struct Verdict {
  int torn = 0;     ///< the file is damaged, or a commit is there in part
  int missing = 0;  ///< acknowledged transactions that are gone
  Verdict& operator+=(const Verdict& more) {
    torn += more.torn;
    missing += more.missing;
    return *this;
  }
};

/// A store, and outside of it what its users were promised. Transaction n writes rows that say how
/// many they are, and removes those of transaction n - kLife.
class Ledger {
 public:
  /// \param pragmas  run after each opening; none for the product's own settings
  Ledger(std::uint64_t seed, std::vector<std::string> pragmas) : random_(seed) {
    open();
    (void)database_->transact_one({}, [](db::Txn& txn) -> Result<int> {
      txn.exec("CREATE TABLE ledger(n INTEGER, part INTEGER, parts INTEGER, text TEXT)");
      return 0;
    });
    pragmas_ = std::move(pragmas);
    set_pragmas();
  }

  /// Writes until the power goes at one of the next effects, starts again and looks.
  Verdict cut_and_look() {
    int left = static_cast<int>(random_() % 400);
    disk_.watch([&](Effect, std::string_view) {
      if (left-- == 0) disk_.power_cut(random_());
    });
    while (disk_.is_on()) write();
    disk_.watch({});
    database_.reset();
    open();
    if (!database_) return {.torn = 1};
    try {
      Verdict verdict;
      database_->read({}, [&](db::Txn& txn) { verdict = judge(txn); });
      return verdict;
    } catch (const db::Failure&) {
      return {.torn = 1};
    }
  }
  [[nodiscard]] std::int64_t acknowledged() const { return acknowledged_; }

 private:
  static constexpr std::int64_t kLife = 40;

  void open() {
    disk_.power_on();
    auto opened = db::Database::open(disk_.path("nephd.db"));
    if (!opened) return;
    database_ = std::move(*opened);
    set_pragmas();
  }
  void set_pragmas() {
    for (const auto& pragma : pragmas_)
      database_->read({}, [&](db::Txn& txn) { txn.exec(pragma); });
  }

  /// Several transactions in one commit, as the store lane groups them.
  void write() {
    std::vector<db::Database::Work> works(1 + random_() % 3);
    for (auto& work : works) work = transaction(++begun_);
    const auto outcome = database_->transact({}, works);
    const bool is_done = std::ranges::none_of(
        outcome.errors, [](const auto& error) { return error.has_value(); });
    if (is_done) acknowledged_ = begun_;
  }

  db::Database::Work transaction(std::int64_t n) {
    const auto parts = static_cast<std::int64_t>(1 + random_() % 8);
    const std::size_t size = random_() % 6000;
    return [=](db::Txn& txn) -> Result<void> {
      const std::string text(size, static_cast<char>('a' + n % 26));
      for (std::int64_t part = 0; part < parts; ++part)
        txn.exec("INSERT INTO ledger VALUES(?, ?, ?, ?)", n, part, parts, text);
      txn.exec("DELETE FROM ledger WHERE n <= ?", n - kLife);
      return {};
    };
  }

  Verdict judge(db::Txn& txn) {
    Verdict verdict;
    if (txn.value<std::string>("PRAGMA integrity_check") != "ok") ++verdict.torn;
    std::set<std::int64_t> there;
    auto rows = txn.query(
        "SELECT n, COUNT(*), MIN(parts), COUNT(DISTINCT part) FROM ledger GROUP BY n");
    while (rows.next()) {
      there.insert(rows.integer(0));
      const bool is_whole =
          rows.integer(1) == rows.integer(2) && rows.integer(3) == rows.integer(2);
      if (!is_whole) ++verdict.torn;
    }
    // The commit under way, if it is there, has removed what was kLife before its last one.
    for (auto n = std::max<std::int64_t>(1, begun_ - kLife + 1); n <= acknowledged_; ++n)
      if (!there.contains(n)) ++verdict.missing;
    const std::int64_t newest = there.empty() ? 0 : *there.rbegin();
    if (newest > acknowledged_ && newest != begun_) ++verdict.torn;
    acknowledged_ = begun_ = newest;
    return verdict;
  }

  LossyDisk disk_;
  std::mt19937_64 random_;
  std::vector<std::string> pragmas_;
  std::unique_ptr<db::Database> database_;
  std::int64_t begun_ = 0;
  std::int64_t acknowledged_ = 0;
};

/// Some power cuts in each of many stores.
Verdict try_stores(int stores, const std::vector<std::string>& pragmas) {
  Verdict all;
  for (int seed = 0; seed < stores; ++seed) {
    Ledger ledger(static_cast<std::uint64_t>(seed), pragmas);
    Verdict one;
    // What is damaged once tells nothing more.
    for (int cut = 0; cut < 10 && one.torn == 0; ++cut) one += ledger.cut_and_look();
    all += one;
  }
  return all;
}

/// \returns the number of transactions that were acknowledged
std::int64_t expect_nothing_lost(int cuts, const std::vector<std::string>& pragmas) {
  Ledger ledger(1, pragmas);
  for (int cut = 0; cut < cuts; ++cut) {
    const Verdict verdict = ledger.cut_and_look();
    EXPECT_EQ(verdict.torn, 0) << "power cut " << cut;
    EXPECT_EQ(verdict.missing, 0) << "power cut " << cut;
    if (testing::Test::HasFailure()) break;
  }
  return ledger.acknowledged();
}

TEST(StoreCrash, EveryAcknowledgedTransactionSurvivesAPowerCutWhole) {
  const int factor = std::getenv("NEPH_FULL") == nullptr ? 1 : 10;
  const int cuts = 40 * factor;
  const int more = 600 * factor;
  const auto kept =
      expect_nothing_lost(cuts, {}) + expect_nothing_lost(more, {kSmallLog});
  std::printf("[   NOTE   ] %d power cuts of the store in %ld transactions, lost: 0, torn: 0\n",
              cuts + more, static_cast<long>(kept));
}

TEST(StoreCrash, WithoutSyncsTheSameCutsTearIt) {
  EXPECT_GT(try_stores(10, {"PRAGMA synchronous = OFF", kSmallLog}).torn, 0);
}

TEST(StoreCrash, WithFewerSyncsTheSameCutsLoseWhatWasAcknowledgedButTearNothing) {
  const Verdict verdict = try_stores(10, {"PRAGMA synchronous = NORMAL", kSmallLog});
  EXPECT_GT(verdict.missing, 0);
  EXPECT_EQ(verdict.torn, 0);
}

TEST(StoreCrash, AFirstStartThatIsCutAnywhereIsMadeGoodByTheNext) {
  const std::string schema = db::Database::open(":memory:").value()->schema();
  const int step = std::getenv("NEPH_FULL") == nullptr ? 5 : 1;
  bool was_cut = true;
  int cuts = 0;
  for (; was_cut; cuts += step) {
    LossyDisk disk;
    int left = cuts;
    disk.watch([&](Effect, std::string_view) {
      if (left-- == 0) disk.power_cut(static_cast<std::uint64_t>(cuts));
    });
    (void)db::Database::open(disk.path("nephd.db"));
    was_cut = !disk.is_on();
    disk.watch({});
    disk.power_cut(static_cast<std::uint64_t>(cuts) + 1);
    disk.power_on();
    const auto opened = db::Database::open(disk.path("nephd.db"));
    ASSERT_TRUE(opened) << "cut " << cuts << ": " << opened.error().text();
    EXPECT_EQ((*opened)->schema(), schema) << "cut " << cuts;
  }
  EXPECT_GT(cuts, 10);
}

}  // namespace
}  // namespace neph
