#include "compute/backups.h"

#include <algorithm>

#include "base/numbers.h"
#include "base/words.h"
#include "compute/guest_facts.h"
#include "compute/internal/changes.h"

namespace neph::compute {
namespace {

using hypervisor_driver::Quiesce;

constexpr auto kAskedKeys = std::to_array<std::string_view>(
    {"BACKUP_VOLATILE", "DISK_IDS", "FS_FREEZE", "INCREMENT_MODE", "KEEP_LAST", "MODE"});
constexpr auto kServerKeys = std::to_array<std::string_view>(
    {"LAST_BACKUP_ID", "LAST_BACKUP_SIZE", "LAST_DATASTORE_ID"});

bool is_one_of(std::span<const std::string_view> keys, std::string_view key) {
  return std::ranges::find(keys, key) != keys.end();
}

text::Vector stored_backup_config(const Vm& vm) {
  const auto* stored = vm.attributes.find_vector(kBackupConfig);
  return stored == nullptr ? text::Vector{} : *stored;
}

Result<Quiesce> quiesce_from(const std::string& word) {
  if (word.empty()) return Quiesce::kTry;
  if (word == "AGENT") return Quiesce::kRequire;
  if (word == "NONE" || word == "SUSPEND") return Quiesce::kNever;
  return fail(Errc::kInvalid, "BACKUP_CONFIG/FS_FREEZE \"{}\" is not one of NONE, AGENT, SUSPEND",
              word);
}

Result<std::vector<DiskId>> disk_ids_from(std::string_view list) {
  std::vector<DiskId> disks;
  for (const auto word : between_commas(list)) {
    const auto id = natural_from(word);
    if (!id) return fail(Errc::kInvalid, "BACKUP_CONFIG/DISK_IDS is not a list like \"0,2\"");
    disks.push_back(DiskId{*id});
  }
  return disks;
}

bool is_wanted(const VmDisk& disk, const BackupConfig& config) {
  if (disk.kind == DiskKind::kImage) return true;
  return disk.kind == DiskKind::kVolatile && config.takes_volatile && !is_swap(disk);
}

}  // namespace

Result<BackupConfig> read_backup_config(const text::Vector& said) {
  BackupConfig config;
  const std::string mode = said.get("MODE", "FULL");
  if (mode != "FULL")
    return fail(Errc::kInvalid,
                "BACKUP_CONFIG/MODE \"{}\" is not provided: backups are FULL, each a whole copy of "
                "the disks",
                mode);
  config.quiesce = TRY(quiesce_from(said.get("FS_FREEZE")));
  config.takes_volatile = said.is_yes("BACKUP_VOLATILE");
  config.disks = TRY(disk_ids_from(said.get("DISK_IDS")));
  const std::string keep = said.get("KEEP_LAST");
  const auto keep_last = keep.empty() ? 0 : natural_from(keep);
  if (!keep_last) return fail(Errc::kInvalid, "BACKUP_CONFIG/KEEP_LAST \"{}\" is no number", keep);
  config.keep_last = *keep_last;
  const auto last = natural_from(said.get("LAST_DATASTORE_ID"));
  if (last) config.last_datastore = DatastoreId{*last};
  return config;
}

Result<BackupConfig> backup_config_of(const Vm& vm) {
  return read_backup_config(stored_backup_config(vm));
}

text::Vector shown_backup_config(const Vm& vm) {
  const text::Vector stored = stored_backup_config(vm);
  text::Vector shown;
  for (const auto& [key, value] : stored.items())
    if (is_one_of(kAskedKeys, key) || is_one_of(kServerKeys, key)) shown.set(key, value);
  return shown;
}

text::Vector asked_backup_config(const Vm& vm) {
  const text::Vector stored = stored_backup_config(vm);
  text::Vector asked;
  for (const auto key : kAskedKeys)
    if (const auto* value = stored.find(key)) asked.set(key, *value);
  return asked;
}

text::Vector changed_backup_config(const Vm& vm, const text::Vector& asked) {
  const text::Vector stored = stored_backup_config(vm);
  text::Vector changed;
  for (const auto& [key, value] : asked.items())
    // Clients that edit send back all that they were shown.
    if (is_one_of(kAskedKeys, key)) changed.set(key, value);
  for (const auto key : kServerKeys)
    if (stored.has(key)) changed.set(key, stored.get(key));
  return changed;
}

text::Vector backup_keys_of(const text::Template& plan) {
  text::Vector keys;
  for (const auto key : kAskedKeys)
    if (const auto* value = plan.find(key)) keys.set(key, *value);
  return keys;
}

text::Vector overridden_backup_config(const Vm& vm, const text::Vector& said) {
  text::Vector config = stored_backup_config(vm);
  for (const auto& [key, value] : said.items()) config.set(key, value);
  return config;
}

void save_backup_config(db::Txn& txn, VmId id, text::Vector config) {
  auto vm = find_vm(txn, id);
  NEPH_ASSERT(vm.has_value());
  vm->attributes.set(kBackupConfig, std::move(config));
  save_vm(txn, *vm);
}

Result<std::vector<VmDisk>> disks_to_back_up(db::Txn& txn, VmId vm, const BackupConfig& config) {
  std::vector<VmDisk> chosen;
  std::size_t named = 0;
  for (VmDisk& disk : list_disks(txn, vm)) {
    const bool is_named = std::ranges::find(config.disks, disk.id) != config.disks.end();
    if (!is_wanted(disk, config) || (!config.disks.empty() && !is_named)) continue;
    if (disk.attributes.has("ATTACH") || !disk.is_present)
      return fail(Errc::kWrongState, "disk {} of virtual machine [{}] is not there yet", disk.id,
                  vm);
    if (is_named) ++named;
    chosen.push_back(std::move(disk));
  }
  if (named == config.disks.size()) return chosen;
  return fail(Errc::kWrongState,
              "BACKUP_CONFIG/DISK_IDS of virtual machine [{}] names a disk that cannot be backed "
              "up, or is not there",
              vm);
}

Result<void> check_backup_state(const Vm& vm) {
  return internal::check_change(vm, Change::kBackup).map([](auto*) {});
}

Result<JobId> begin_backup(db::Txn& txn, VmId id, jobs::NewJob job) {
  Vm vm = TRY(find_vm(txn, id));
  const ChangeRow* row = TRY(internal::check_change(vm, Change::kBackup));
  return internal::begin_change(txn, vm, *row, std::move(job));
}

void end_backup(db::Txn& txn, const jobs::Job& job, const Result<BackupDone>& outcome) {
  auto vm = internal::find_own_vm(txn, job);
  if (!vm) return;
  if (!outcome) {
    (void)internal::fail_change(txn, *vm, outcome.error());
    return;
  }
  text::Vector config = stored_backup_config(*vm);
  config.set("LAST_BACKUP_ID", fmt::format("{}", outcome->image));
  config.set("LAST_BACKUP_SIZE", fmt::format("{}", outcome->size_mb));
  config.set("LAST_DATASTORE_ID", fmt::format("{}", outcome->datastore));
  vm->attributes.set(kBackupConfig, std::move(config));
  internal::end_change(txn, *vm);
}

void note_backup_wait(db::Txn& txn, const jobs::Job& job, const std::string& reason) {
  auto vm = internal::find_own_vm(txn, job);
  if (!vm || vm->wait_reason == reason) return;
  vm->wait_reason = reason;
  save_vm(txn, *vm);
}

}  // namespace neph::compute
