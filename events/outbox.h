#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/lanes.h"
#include "db/store.h"

/// What happened, for whoever reacts to it. An event is a row that is written in the transaction
/// in which it happens: changes of state by triggers of the schema, calls by record_call(). It is
/// delivered at least once, also after a kill -9.
namespace neph::events {

struct Event {
  std::int64_t id = -1;
  std::string subject;         ///< VM, IMAGE, HOST, or the method that was called
  std::int64_t object = -1;
  int state = -1;              ///< numbers of the wire
  int lcm_state = -1;          ///< VMs only
  std::string body;            ///< of a call: its CALL_INFO document
};

[[nodiscard]] bool is_pending(db::Txn& txn);
/// The oldest ones.
[[nodiscard]] std::vector<Event> list_pending(db::Txn& txn, int count_max);
void record_call(db::Txn& txn, std::string_view method, std::string_view body);
void erase(db::Txn& txn, const Event& event);

/// Hands every event to `deliver`, in the order in which they happened, in the transaction that
/// erases it. Construct before the store is used; lives on the store lane.
class Courier {
 public:
  using Deliver = std::function<void(db::Txn&, const Event&)>;
  Courier(db::Store& store, Lanes& lanes, Deliver deliver);
  Courier(const Courier&) = delete;
  Courier& operator=(const Courier&) = delete;

  /// Delivers what an earlier life left behind, then whatever comes.
  void start();

 private:
  void ask();
  void deliver_all();

  db::Store& store_;
  Lanes& lanes_;
  Deliver deliver_;
  bool is_started_ = false;
  bool is_asked_ = false;
};

}  // namespace neph::events
