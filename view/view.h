#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/directory.h"
#include "access/permissions.h"
#include "access/quota.h"
#include "compute/showback.h"
#include "db/store.h"
#include "jobs/progress_board.h"
#include "monitoring/board.h"
#include "site/zone.h"
#include "snapshots/snapshot.h"
#include "view/query.h"

/// What readers see: an immutable picture of every pool, swapped after each commit. Readers take
/// current() and keep it as long as they like; they never touch SQLite or a lock.
namespace neph::view {

/// Bytes of a text, from `at`.
struct Span {
  std::size_t at = 0;
  std::size_t size = 0;
};

/// A part of a document that names another object, for callers only who may USE that one.
struct Guarded {
  Span part;
  ObjectKind kind = ObjectKind::kVm;
  std::int64_t id = -1;
};

/// A record of a VM's history, for accounting.
struct HistorySpan {
  Span part;      ///< of `full`: its HISTORY element
  Instant started;
  Instant ended;  ///< unset: it is the VM's present one
};

/// One object. `full` is the document of *.info, `brief` the element inside pool documents where
/// that is another; both are escaped XML.
struct Entry {
  std::int64_t id = -1;
  access::Subject subject;
  int state = 0;              ///< VMs: STATE, for filters; jobs: JobState; snapshots: Phase
  std::int64_t type = 0;      ///< documents: which application's
  std::string name;
  std::string full;
  std::string brief;          ///< empty: as `full`
  /// Of snapshots and jobs: whose progress to add while reading.
  JobId job;
  Span progress;              ///< of `full`: the elements that show it
  ImageId image;              ///< of jobs: the image that it works on
  Span detail;                ///< of `full`: what only *.info shows, old history or a job's log
  std::vector<Guarded> guarded;  ///< of `full`, in its order
  Span monitoring;               ///< of `full`: the element that shows what is measured
  Span brief_monitoring;         ///< of `brief`
  std::vector<HistorySpan> history;  ///< of VMs, oldest first
};
using EntryPtr = std::shared_ptr<const Entry>;

/// Entries by ascending id. Copies share their chunks, so changing a few entries of many copies
/// little. A value type.
class Pool {
 public:
  [[nodiscard]] EntryPtr find(std::int64_t id) const;
  void put(EntryPtr entry);
  void erase(std::int64_t id);
  [[nodiscard]] std::size_t size() const { return size_; }
  /// From the highest id to the lowest, as pools are listed; stops when visit answers false.
  void visit_descending(const std::function<bool(const EntryPtr&)>& visit) const;
  /// The other way round.
  void visit_ascending(const std::function<bool(const EntryPtr&)>& visit) const;

 private:
  static constexpr std::int64_t kChunk = 256;
  using Chunk = std::array<EntryPtr, kChunk>;
  std::map<std::int64_t, std::shared_ptr<const Chunk>> chunks_;  ///< by id / kChunk
  std::size_t size_ = 0;
};

/// A map for reading that copies share. Most commits change no user, and users are many.
template <class Map>
class SharedMap {
 public:
  SharedMap() = default;
  explicit SharedMap(Map map) : map_(std::make_shared<const Map>(std::move(map))) {}
  template <class Key>
  [[nodiscard]] auto find(const Key& key) const { return map_->find(key); }
  [[nodiscard]] auto begin() const { return map_->begin(); }
  [[nodiscard]] auto end() const { return map_->end(); }
  [[nodiscard]] std::size_t size() const { return map_->size(); }
  [[nodiscard]] const Map& get() const { return *map_; }

 private:
  std::shared_ptr<const Map> map_ = std::make_shared<const Map>();
};

struct View {
  std::map<ObjectKind, Pool> pools;
  std::vector<access::AclRule> acls;
  SharedMap<std::map<std::string, access::User, std::less<>>> users_by_name;
  SharedMap<std::map<UserId, access::User>> users;
  std::string default_user_quotas;   ///< document
  std::string default_group_quotas;
  site::Zone zone;
  /// By year, month and VM.
  std::shared_ptr<const std::vector<compute::MonthlyCost>> showback =
      std::make_shared<const std::vector<compute::MonthlyCost>>();
  const jobs::ProgressBoard* board = nullptr;  ///< outlives the view
  const monitoring::Board* samples = nullptr;  ///< outlives the view

  [[nodiscard]] const Pool& pool(ObjectKind kind) const;
  /// kNotFound: "Error getting <what> [7]."
  [[nodiscard]] Result<EntryPtr> find(ObjectKind kind, std::int64_t id) const;
};

/// Which of a pool a caller wants (states.md 9).
struct ListAsk {
  std::int64_t filter = -2;    ///< as filter_flag
  std::int64_t start = -1;
  std::int64_t end = -1;
  std::int64_t vm_state = -2;  ///< -2 any, -1 all but DONE, else exactly this; VMs only
  bool is_full = false;        ///< infoextended
  std::optional<std::int64_t> type;  ///< documents only: of this type alone
  Query query;                 ///< asked of the whole document
};
/// Whether a job is the caller's business: his own, or of a VM or an image that he may MANAGE.
[[nodiscard]] bool may_see_job(const View& view, const access::Actor& actor, const Entry& job);
/// Filtered by rights: what the caller may USE (of jobs: see), from the highest id to the lowest;
/// ACL rules in the order of the user field. Snapshots and jobs carry their progress as it is now.
/// \returns kInvalid for wrong flags
[[nodiscard]] Result<std::vector<EntryPtr>> select(const View& view, ObjectKind kind,
                                                   const access::Actor& actor,
                                                   const ListAsk& ask);
/// `full` without the parts that the caller may not see.
[[nodiscard]] std::string visible_document(const View& view, const Entry& entry,
                                           const access::Actor& actor);
/// <TAG>...</TAG> around the selected ones; `ending` is XML that stands behind them. With samples
/// hosts and VMs show what they use now.
[[nodiscard]] std::string pool_document(std::string_view tag, const std::vector<EntryPtr>& entries,
                                        bool is_full, std::string_view ending = {},
                                        const monitoring::Board* samples = nullptr);

inline constexpr std::int64_t kMonitoringSecondsMax = 1'000'000'000;
/// MONITORING_DATA of hosts or VMs in the order given, each oldest first.
/// \param seconds  of the last so many; 0: the last sample of each; below: all that are kept
[[nodiscard]] std::string monitoring_document(const View& view, ObjectKind kind,
                                              const std::vector<EntryPtr>& entries,
                                              std::int64_t seconds);

/// UTC seconds; negative: no limit.
struct Period {
  std::int64_t start = -1;
  std::int64_t end = -1;
};
/// HISTORY_RECORDS of VMs in the order given: the records that ended after the start, or have not
/// ended, and began before the end. Their times are left as they are, as OpenNebula does; its
/// clients clip them.
[[nodiscard]] std::string accounting_document(const std::vector<EntryPtr>& entries,
                                              const Period& period);

/// SHOWBACK_RECORDS of VMs, of both months and those between them. Each record shows name and owner
/// of its VM as they are now.
[[nodiscard]] std::string showback_document(const View& view, const std::vector<EntryPtr>& entries,
                                            const compute::Months& months);

/// DEFAULT_USER_QUOTAS or DEFAULT_GROUP_QUOTAS: the limits of who has none of his own.
[[nodiscard]] std::string default_quotas_document(access::QuotaOwner kind,
                                                  const std::vector<access::QuotaUse>& quotas);

/// Bounds on memory: all open jobs are shown, and so many of the last.
inline constexpr int kJobsShown = 1000;

/// Keeps the picture: loads everything once, then re-reads what a commit touched.
class Publisher {
 public:
  /// \param samples  what hosts and VMs use; nullptr: nobody measures. Both boards outlive it.
  Publisher(db::Store& store, const jobs::ProgressBoard& board,
            const monitoring::Board* samples = nullptr);
  /// Loads everything; store lane, or before it runs. Until then the picture is empty.
  void load(db::Txn& txn);
  /// Any thread.
  [[nodiscard]] std::shared_ptr<const View> current() const;
  /// The document with what is in no row: of a snapshot or job its progress, of a host or VM what
  /// it uses.
  [[nodiscard]] std::string with_progress(const Entry& entry) const;

 private:
  void publish(db::Txn& txn, const db::ChangeSet& changes);
  void swap_in(std::shared_ptr<const View> next);

  const jobs::ProgressBoard& board_;
  const monitoring::Board* const samples_;
  mutable std::mutex mutex_;   ///< guards the pointer alone; never held while anything is done
  std::shared_ptr<const View> current_;
};

}  // namespace neph::view
