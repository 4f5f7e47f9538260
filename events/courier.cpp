#include "base/log.h"
#include "events/outbox.h"

namespace neph::events {
namespace {

/// Events of one transaction: other writers wait meanwhile.
constexpr int kLot = 64;

}  // namespace

Courier::Courier(db::Store& store, Lanes& lanes, Deliver deliver)
    : store_(store), lanes_(lanes), deliver_(std::move(deliver)) {
  // Triggers write events, so nothing in the set of changes tells of them.
  store_.observe([this](db::Txn& txn, const db::ChangeSet&) {
    if (is_started_ && is_pending(txn)) ask();
  });
}

void Courier::start() {
  lanes_.store().post([this] {
    is_started_ = true;
    ask();
  });
}

void Courier::ask() {
  if (is_asked_) return;
  is_asked_ = true;
  lanes_.store().post([this] { deliver_all(); });
}

void Courier::deliver_all() {
  is_asked_ = false;
  store_.run<bool>(
      [this](db::Txn& txn) -> Result<bool> {
        const auto events = list_pending(txn, kLot);
        for (const auto& event : events) {
          deliver_(txn, event);
          erase(txn, event);
        }
        return std::ssize(events) == kLot;
      },
      [this](Result<bool> has_more) {
        if (!has_more) log::error("events.undelivered", {{"error", has_more.error().text()}});
        if (has_more && *has_more) ask();
      });
}

}  // namespace neph::events
