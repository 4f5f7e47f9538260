#include "compute/internal/scheduled_work.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/numbers.h"
#include "base/words.h"

namespace neph::compute::internal {
namespace {

using K = WorkKind;

/// What ARGS of an action are, in their order.
struct WorkRow {
  std::string_view name;
  WorkKind what;
  bool has_disk;
  bool has_snapshot;
  bool has_name;
  std::string_view args;  ///< in words
};
constexpr auto kWorks = std::to_array<WorkRow>({
    {"snapshot-create", K::kSnapshotCreate, false, false, true, "NAME"},
    {"snapshot-revert", K::kSnapshotRevert, false, true, false, "SNAPSHOT_ID"},
    {"snapshot-delete", K::kSnapshotDelete, false, true, false, "SNAPSHOT_ID"},
    {"disk-snapshot-create", K::kDiskSnapshotCreate, true, false, true, "DISK_ID,NAME"},
    {"disk-snapshot-revert", K::kDiskSnapshotRevert, true, true, false, "DISK_ID,SNAPSHOT_ID"},
    {"disk-snapshot-delete", K::kDiskSnapshotDelete, true, true, false, "DISK_ID,SNAPSHOT_ID"},
});

/// Takes the words of ARGS one after the other.
class Words {
 public:
  explicit Words(std::string_view args) {
    for (const auto part : between_commas(args)) words_.push_back(without_blanks(part));
  }
  /// Empty when there is none.
  std::string_view next() { return at_ < words_.size() ? words_[at_++] : std::string_view{}; }
  std::int64_t next_number() { return natural_from(next()).value_or(-1); }
  [[nodiscard]] bool is_over() const { return at_ >= words_.size(); }

 private:
  std::vector<std::string_view> words_;
  std::size_t at_ = 0;
};

Result<ScheduledWork> read_row(const WorkRow& row, std::string_view args) {
  Words words(args);
  ScheduledWork work;
  work.what = row.what;
  if (row.has_disk) work.disk = DiskId{words.next_number()};
  if (row.has_snapshot) work.snapshot = words.next_number();
  if (row.has_name) work.name = words.next();
  const bool is_whole = words.is_over() && (!row.has_disk || work.disk.is_set()) &&
                        (!row.has_snapshot || work.snapshot >= 0);
  if (is_whole) return work;
  return fail(Errc::kInvalid, "Wrong ARGS \"{}\" of the scheduled action {}: {} is wanted", args,
              row.name, row.args);
}

/// RESET as people write it, or as the command `onevm backup` does; every backup is whole anyway.
bool is_reset_word(std::string_view word) {
  constexpr auto kWordsOfReset = std::to_array<std::string_view>({"", "YES", "NO", "0", "1"});
  return std::ranges::find(kWordsOfReset, word) != kWordsOfReset.end();
}

Result<ScheduledWork> read_backup(std::string_view args) {
  Words words(args);
  ScheduledWork work;
  work.what = K::kBackup;
  const auto store = words.next();
  work.datastore = DatastoreId{natural_from(store).value_or(-1)};
  const bool is_reset = is_reset_word(words.next());
  const bool is_store = store.empty() || store == "-1" || work.datastore.is_set();
  if (is_store && is_reset && words.is_over()) return work;
  return fail(Errc::kInvalid,
              "Wrong ARGS \"{}\" of the scheduled action backup: DATASTORE_ID is wanted, or "
              "nothing for that of the last backup",
              args);
}

/// What needs no more than the VM, and MANAGE of it.
std::optional<Action> find_plain_action(std::string_view name) {
  const auto action = action_from(name);
  const bool is_plain =
      action && name_of(*action) == name && right_for(*action) == access::Op::kManage;
  return is_plain ? action : std::nullopt;
}

}  // namespace

Result<ScheduledWork> read_scheduled_work(std::string_view action, std::string_view args) {
  if (action == "backup") return read_backup(args);
  const auto* row = std::ranges::find(kWorks, action, &WorkRow::name);
  if (row != kWorks.end()) return read_row(*row, args);
  if (const auto plain = find_plain_action(action)) {
    ScheduledWork work;
    work.action = *plain;
    return work;
  }
  return fail(Errc::kInvalid,
              "Action \"{}\" cannot be scheduled: hold, release, suspend, stop, resume, reboot, "
              "poweroff, undeploy and terminate can, the last four also with -hard, and backup, "
              "snapshot-create, -revert and -delete, and disk-snapshot-create, -revert and -delete",
              action);
}

}  // namespace neph::compute::internal
