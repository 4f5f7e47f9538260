#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>

#include "api/internal/methods.h"
#include "tests/unit/api/world.h"

namespace neph::api {
namespace {

struct Remark {
  std::string text;
};

Result<UserId> remark(Call& call, const Remark& ask) {
  text::Template change;
  change.set("NOTE", ask.text);
  CHECK_OK(access::update_user(call.txn(), call.actor(), call.actor().user, change, true));
  return call.actor().user;
}

/// Counts replies by what they say; any thread.
class Mailbox {
 public:
  void put(const std::string& reply) {
    const auto told = told_by(reply);
    const std::lock_guard lock(mutex_);
    ++counts_[told.code];
    ++total_;
    arrived_.notify_all();
  }
  std::map<int, int> wait_for(int total) {
    std::unique_lock lock(mutex_);
    arrived_.wait_for(lock, std::chrono::seconds{60}, [&] { return total_ >= total; });
    return counts_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::map<int, int> counts_;
  int total_ = 0;
};

TEST(DispatcherThreads, AnswerEveryCallOnceWhateverTheLane) {
  constexpr int kRounds = 25;
  constexpr int kStrangers = 4;
  SystemClock clock;
  ThreadLanes lanes(clock, {2, 4});
  Rooms rooms(lanes);
  Registry<Call> rows;
  add_system_methods(rows);
  rows.add(method("test.note", &remark).writes().args("text").for_anyone());
  rooms.serve(std::move(rows));

  const std::string session = as_string("alice:alice-token");
  const std::vector<std::string> bodies = {
      call_of("one.system.version", session),
      call_of("test.note", session + as_string("a")),
      call_of("test.note", session + as_string(std::string(70'000, 'x'))),
      call_of("one.system.config", session),
      call_of("one.nosuch", session)};
  const std::string of_a_stranger = call_of("one.system.version", as_string("nobody:x"));
  Mailbox mailbox;
  const auto send = [&](const std::string& body) {
    rooms.dispatcher().handle(body, "127.0.0.1:1",
                              [&](const std::string& reply) { mailbox.put(reply); });
  };
  for (int i = 0; i < kRounds; ++i) {
    lanes.drivers().post([&] { std::for_each(bodies.begin(), bodies.end(), send); });
  }
  // Each costs a hash, on the lane where the others cost nothing.
  for (int i = 0; i < kStrangers; ++i) lanes.drivers().post([&] { send(of_a_stranger); });
  const auto counts =
      mailbox.wait_for(kRounds * static_cast<int>(bodies.size()) + kStrangers);
  lanes.stop();
  EXPECT_EQ(counts.at(0), 4 * kRounds);
  EXPECT_EQ(counts.at(-506), kRounds);
  EXPECT_EQ(counts.at(256), kStrangers);
}

}  // namespace
}  // namespace neph::api
