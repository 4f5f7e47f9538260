#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/lanes.h"
#include "db/database.h"

namespace neph::db {

/// The store lane's door: takes transactions from any thread, runs all that queued up in one
/// commit (D9b), then lets the observers publish what changed, then answers the callers. So a
/// reply never leaves before its transaction is on disk, and never before the view shows it.
class Store {
 public:
  /// `database` is used on the store lane only, once the store exists.
  Store(Database& database, Lanes& lanes) : database_(database), lanes_(lanes) {}

  /// Called on the store lane after each commit that changed something. The transaction is for
  /// reading. Registered before work is queued.
  using Observer = std::function<void(Txn&, const ChangeSet&)>;
  void observe(Observer observer) { observers_.push_back(std::move(observer)); }

  /// Queues one transaction. `done` is called on the store lane after the commit and must be
  /// short. `work` may run again only if it never ran: it is called exactly once.
  template <class T>
  void run(std::function<Result<T>(Txn&)> work, std::function<void(Result<T>)> done) {
    auto answer = std::make_shared<Result<T>>(tl::unexpected(Error{}));
    push({[work = std::move(work), answer](Txn& txn) -> Result<void> {
            *answer = work(txn);
            if (!*answer) return tl::unexpected(answer->error());
            return {};
          },
          [done = std::move(done), answer](const std::optional<Error>& error) {
            if (!done) return;
            if (error) done(tl::unexpected(*error));
            else done(std::move(*answer));
          }});
  }

  /// For work whose outcome interests nobody but the log.
  void run(std::function<Result<void>(Txn&)> work);

 private:
  struct Piece {
    Database::Work work;
    std::function<void(const std::optional<Error>&)> done;
  };
  void push(Piece piece);
  void drain();
  void tell_observers(Instant at, const ChangeSet& changes);
  void note_fullness(const Database::Outcome& outcome);

  /// Bounds how long one commit makes the first caller wait for the last.
  static constexpr std::size_t kGroupMax = 128;

  Database& database_;
  Lanes& lanes_;
  std::vector<Observer> observers_;
  std::mutex mutex_;
  std::vector<Piece> queue_;
  bool is_full_ = false;  ///< store lane only
};

}  // namespace neph::db
