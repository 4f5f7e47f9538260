#include "events/outbox.h"

namespace neph::events {

bool is_pending(db::Txn& txn) {
  return txn.value<int>("SELECT 1 FROM outbox LIMIT 1").has_value();
}

std::vector<Event> list_pending(db::Txn& txn, int count_max) {
  std::vector<Event> events;
  auto rows = txn.query(
      "SELECT id, subject, object_id, state, lcm_state, body FROM outbox ORDER BY id LIMIT ?",
      count_max);
  while (rows.next()) {
    events.push_back({rows.integer(0), rows.text(1), rows.integer(2), rows.get<int>(3),
                      rows.get<int>(4), rows.text(5)});
  }
  return events;
}

void record_call(db::Txn& txn, std::string_view method, std::string_view body) {
  txn.exec("INSERT INTO outbox(subject, body) VALUES (?, ?)", method, body);
}

void erase(db::Txn& txn, const Event& event) {
  txn.exec("DELETE FROM outbox WHERE id = ?", event.id);
}

}  // namespace neph::events
