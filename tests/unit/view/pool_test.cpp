#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "view/view.h"

namespace neph::view {
namespace {

EntryPtr entry(std::int64_t id, const std::string& text = "") {
  Entry made;
  made.id = id;
  made.full = text;
  return std::make_shared<const Entry>(std::move(made));
}

std::vector<std::int64_t> descending(const Pool& pool) {
  std::vector<std::int64_t> ids;
  pool.visit_descending([&](const EntryPtr& found) {
    ids.push_back(found->id);
    return true;
  });
  return ids;
}

TEST(Pool, HoldsWhatAMapWouldHold) {
  constexpr unsigned kSeed = 7;
  std::mt19937 random(kSeed);
  std::map<std::int64_t, EntryPtr, std::greater<>> model;
  Pool pool;
  for (int step = 0; step < 5000; ++step) {
    const std::int64_t id = random() % 1500;
    if (random() % 3 == 0) {
      model.erase(id);
      pool.erase(id);
    } else {
      model[id] = entry(id);
      pool.put(model[id]);
    }
  }
  EXPECT_EQ(pool.size(), model.size());
  std::vector<std::int64_t> ids;
  for (const auto& [id, known] : model) {
    ids.push_back(id);
    EXPECT_EQ(pool.find(id), known);
  }
  EXPECT_EQ(descending(pool), ids) << "seed " << kSeed;
}

TEST(Pool, ACopyStaysAsItWas) {
  Pool pool;
  for (int id = 0; id < 600; ++id) pool.put(entry(id, "old"));
  const Pool copy = pool;
  pool.put(entry(3, "new"));
  pool.put(entry(900, "new"));
  pool.erase(599);
  EXPECT_EQ(copy.size(), 600u);
  EXPECT_EQ(copy.find(3)->full, "old");
  EXPECT_NE(copy.find(599), nullptr);
  EXPECT_EQ(copy.find(900), nullptr);
  EXPECT_EQ(pool.find(3)->full, "new");
  EXPECT_EQ(pool.size(), 600u);
}

TEST(Pool, FindsNothingUnderANegativeId) {
  Pool pool;
  pool.put(entry(0));
  EXPECT_EQ(pool.find(-1), nullptr);
  pool.erase(-1);
  EXPECT_EQ(pool.size(), 1u);
}

TEST(Pool, VisitsUntilItIsToldToStop) {
  Pool pool;
  for (const int id : {1, 300, 700}) pool.put(entry(id));
  std::vector<std::int64_t> seen;
  pool.visit_descending([&](const EntryPtr& found) {
    seen.push_back(found->id);
    return found->id > 300;
  });
  EXPECT_THAT(seen, testing::ElementsAre(700, 300));
  seen.clear();
  pool.visit_ascending([&](const EntryPtr& found) {
    seen.push_back(found->id);
    return found->id < 300;
  });
  EXPECT_THAT(seen, testing::ElementsAre(1, 300));
}

}  // namespace
}  // namespace neph::view
