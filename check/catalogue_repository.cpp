#include "check/catalogue.h"
#include "check/internal/reports.h"

namespace neph::check {
namespace {

/// Sums of decimals are kept to six places.
constexpr double kDriftMin = 1e-5;

void read_hosts(db::Txn& txn, Catalogue& rows) {
  auto row = txn.query(
      "SELECT id, name, vm_mad, uri, admin_state, is_reachable, monitored_at, error "
      "FROM hosts ORDER BY id");
  while (row.next()) {
    HostRow host{row.get<HostId>(0), row.text(1), row.text(2), row.text(3),
                 row.integer(4) == 2, {}};
    // A host that was never visited is asked; one that is known to be away costs a time-out.
    if (row.integer(5) == 0 && !row.text(7).empty()) host.lost = row.text(7);
    rows.hosts.push_back(std::move(host));
  }
}

void read_datastores(db::Txn& txn, Catalogue& rows) {
  auto row = txn.query("SELECT id, name, tm_mad, base_path, type FROM datastores ORDER BY id");
  while (row.next()) {
    rows.datastores.push_back({row.get<DatastoreId>(0), row.text(1), row.text(2), row.text(3),
                               row.get<datastore::DatastoreType>(4)});
  }
}

void read_vms(db::Txn& txn, Catalogue& rows) {
  auto row = txn.query(
      "SELECT v.id, v.user_id, v.state, v.lcm_state, v.host_id, v.uuid, d.base_path, "
      "v.memory_path, v.job_id FROM vms v LEFT JOIN datastores d ON d.id = v.system_datastore_id");
  while (row.next()) {
    VmRow vm;
    vm.id = row.get<VmId>(0);
    vm.owner = row.get<UserId>(1);
    vm.stand = {row.get<compute::VmState>(2), row.get<compute::LcmState>(3)};
    vm.host = row.get<HostId>(4);
    vm.uuid = row.text(5);
    if (!row.is_null(6)) vm.directory = compute::vm_directory(row.text(6), vm.id);
    vm.memory_path = row.text(7);
    vm.job = row.get<JobId>(8);
    rows.vms.emplace(vm.id, std::move(vm));
  }
}

datastore_driver::Format format_of(const std::string& name) {
  return datastore_driver::format_from(name).value_or(datastore_driver::Format::kQcow2);
}

void read_disks(db::Txn& txn, Catalogue& rows) {
  auto row = txn.query(
      "SELECT vm_id, disk_id, kind, path, format, overlay_path, is_present, is_retained, "
      "is_persistent, size_mb FROM vm_disks WHERE is_present = 1 OR is_retained = 1");
  while (row.next()) {
    rows.disks.push_back({row.get<VmId>(0), row.get<DiskId>(1), row.get<compute::DiskKind>(2),
                          row.text(3), format_of(row.text(4)), row.text(5), row.get<bool>(6),
                          row.get<bool>(7), row.get<bool>(8), row.integer(9)});
  }
}

ImageRow image_from(const db::Cursor& row) {
  return {row.get<ImageId>(0), row.get<UserId>(1),    row.get<DatastoreId>(2),
          row.get<datastore::ImageState>(3), row.text(4), format_of(row.text(5)),
          row.integer(6), row.get<JobId>(7)};
}

void read_images(db::Txn& txn, Catalogue& rows) {
  auto row = txn.query(
      "SELECT id, user_id, datastore_id, state, CASE type WHEN ? THEN '' ELSE source END, format, "
      "size_mb, job_id FROM images",
      datastore::ImageType::kBackup);
  while (row.next()) rows.images[row.get<ImageId>(0)] = image_from(row);
  auto part = txn.query(
      "SELECT i.id, i.user_id, i.datastore_id, i.state, d.path, i.format, d.size_mb, i.job_id "
      "FROM backup_disks d JOIN images i ON i.id = d.image_id");
  while (part.next()) rows.backup_disks.push_back(image_from(part));
  auto point = txn.query("SELECT path FROM disk_snapshots");
  while (point.next()) rows.restore_points.insert(point.text(0));
}

void read_snapshots(db::Txn& txn, Catalogue& rows) {
  auto row = txn.query(
      "SELECT id, user_id, vm_id, disk_id, image_id, phase, pin_path, job_id FROM snapshots");
  while (row.next()) {
    const auto id = row.get<SnapshotId>(0);
    rows.snapshots[id] = {id, row.get<UserId>(1), row.get<VmId>(2), row.get<DiskId>(3),
                          row.get<ImageId>(4), row.get<snapshots::Phase>(5), row.text(6),
                          row.get<JobId>(7)};
  }
  auto hold = txn.query("SELECT snapshot_id, vm_id, disk_id FROM disk_holds ORDER BY snapshot_id");
  while (hold.next())
    rows.holds.push_back({hold.get<SnapshotId>(0), hold.get<VmId>(1), hold.get<DiskId>(2)});
}

void read_jobs(db::Txn& txn, Catalogue& rows, Instant since) {
  rows.next_job =
      JobId{txn.value<std::int64_t>("SELECT next FROM counters WHERE name = 'job'").value_or(0)};
  auto open = txn.query("SELECT id FROM jobs WHERE state <= 3");
  while (open.next()) rows.open_jobs.insert(open.get<JobId>(0));
  const Instant from = since.is_set() ? since : txn.at() + Duration{1};
  // A snapshot may wait for its guest for weeks: that is no work on the VM.
  auto busy = txn.query(
      "SELECT vm_id, image_id, state = 3 AND kind LIKE 'snapshot.%' FROM jobs "
      "WHERE state <= 3 OR (state > 3 AND changed_at_ms >= ?)",
      from);
  while (busy.next()) {
    if (const auto vm = busy.get<VmId>(0); vm.is_set() && !busy.get<bool>(2))
      rows.busy_vms.insert(vm);
    if (const auto image = busy.get<ImageId>(1); image.is_set()) rows.busy_images.insert(image);
  }
  auto claim = txn.query("SELECT resource, job_id FROM job_claims ORDER BY resource");
  while (claim.next()) rows.claims.push_back({claim.text(0), claim.get<JobId>(1)});
}

void read_users(db::Txn& txn, Catalogue& rows) {
  auto row = txn.query("SELECT id, name FROM users");
  while (row.next()) rows.user_names[row.get<UserId>(0)] = row.text(1);
}

/// The views that define what counts against quotas are those named *_usage.
std::string usage_definition(db::Txn& txn) {
  std::string definition;
  auto view = txn.query(
      "SELECT name FROM sqlite_master WHERE type = 'view' AND name LIKE '%\\_usage' ESCAPE '\\' "
      "ORDER BY name");
  while (view.next()) {
    for (const auto& [kind, column] : {std::pair{1, "user_id"}, std::pair{2, "group_id"}}) {
      if (!definition.empty()) definition += " UNION ALL ";
      definition += fmt::format("SELECT {} AS owner_kind, {} AS owner_id, section, key, metric, "
                                "amount FROM {}", kind, column, view.text(0));
    }
  }
  return definition;
}

void read_drifts(db::Txn& txn, Catalogue& rows) {
  auto row = txn.query(
      fmt::format("SELECT owner_kind, owner_id, section, key, metric, TOTAL(kept), TOTAL(counted) "
                  "FROM (SELECT owner_kind, owner_id, section, key, metric, used AS kept, "
                  "0 AS counted FROM quota_usage UNION ALL SELECT owner_kind, owner_id, section, "
                  "key, metric, 0, amount FROM ({})) GROUP BY 1, 2, 3, 4, 5 "
                  "HAVING ABS(TOTAL(kept) - TOTAL(counted)) > ? ORDER BY 1, 2, 3, 4, 5",
                  usage_definition(txn)),
      kDriftMin);
  while (row.next()) {
    const std::string key = row.text(3).empty() ? "" : row.text(3) + "/";
    rows.drifts.push_back(
        {fmt::format("{} {}", row.integer(0) == 1 ? "user" : "group", row.integer(1)),
         fmt::format("{}/{}{}", row.text(2), key, row.text(4)), row.real(5), row.real(6)});
  }
}

}  // namespace

Catalogue read_catalogue(db::Txn& txn, Instant since) {
  Catalogue rows;
  rows.at = txn.at();
  read_hosts(txn, rows);
  read_datastores(txn, rows);
  read_vms(txn, rows);
  read_disks(txn, rows);
  read_images(txn, rows);
  read_snapshots(txn, rows);
  read_jobs(txn, rows, since);
  read_users(txn, rows);
  read_drifts(txn, rows);
  return rows;
}

void recount_quotas(db::Txn& txn) {
  const std::string definition = usage_definition(txn);
  txn.exec("DELETE FROM quota_usage");
  txn.exec(fmt::format("INSERT INTO quota_usage SELECT owner_kind, owner_id, section, key, metric, "
                       "ROUND(TOTAL(amount), 6) FROM ({}) GROUP BY 1, 2, 3, 4, 5", definition));
  for (const auto& [kind, table] : {std::pair{ObjectKind::kUser, "users"},
                                    std::pair{ObjectKind::kGroup, "groups"}}) {
    auto row = txn.query(fmt::format("SELECT id FROM {}", table));
    while (row.next()) txn.touch(kind, row.integer(0));
  }
}

}  // namespace neph::check
