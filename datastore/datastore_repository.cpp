#include <array>

#include "datastore/image.h"
#include "datastore/internal/rows.h"
#include "db/counters.h"
#include "db/list_ids.h"
#include "db/stored_template.h"

namespace neph::datastore {

namespace {

constexpr std::string_view kDatastoreById =
    "SELECT id, name, user_id, group_id, permissions, type, is_enabled, ds_mad, tm_mad,"
    " base_path, total_mb, free_mb, used_mb, template FROM datastores WHERE id = ?";

Datastore datastore_from(const db::Cursor& row) {
  return {.id = row.get<DatastoreId>(0),
          .name = row.text(1),
          .owner = row.get<UserId>(2),
          .group = row.get<GroupId>(3),
          .permissions = {row.get<int>(4)},
          .type = row.get<DatastoreType>(5),
          .is_enabled = row.get<bool>(6),
          .ds_mad = row.text(7),
          .tm_mad = row.text(8),
          .base_path = row.text(9),
          .total_mb = row.integer(10),
          .free_mb = row.integer(11),
          .used_mb = row.integer(12),
          .clusters = {},
          .attributes = db::stored_template(row.text(13))};
}

}  // namespace

Result<Datastore> find_datastore(db::Txn& txn, DatastoreId id) {
  auto row = txn.query(kDatastoreById, id);
  if (!row.next()) return fail(Errc::kNotFound, "Error getting datastore [{}].", id);
  Datastore datastore = datastore_from(row);
  auto clusters = txn.query(
      "SELECT cluster_id FROM cluster_datastores WHERE datastore_id = ? ORDER BY cluster_id", id);
  while (clusters.next()) datastore.clusters.push_back(clusters.get<ClusterId>(0));
  return datastore;
}

std::optional<DatastoreId> find_datastore_by_name(db::Txn& txn, std::string_view name) {
  return txn.value<DatastoreId>("SELECT id FROM datastores WHERE name = ?", name);
}

std::vector<DatastoreId> list_datastores(db::Txn& txn) {
  return db::list_ids<DatastoreId>(txn, "SELECT id FROM datastores ORDER BY id");
}

std::vector<ImageId> list_images_of(db::Txn& txn, DatastoreId id) {
  std::vector<ImageId> ids;
  auto rows = txn.query("SELECT id FROM images WHERE datastore_id = ? ORDER BY id", id);
  while (rows.next()) ids.push_back(rows.get<ImageId>(0));
  return ids;
}

void save_usage(db::Txn& txn, DatastoreId id, const datastore_driver::Usage& usage) {
  constexpr std::int64_t kMegabyte = 1'048'576;
  // Free space is rounded down and used space up: neither may promise what is not there.
  const std::int64_t total = usage.total.value / kMegabyte;
  const std::int64_t free = usage.free.value / kMegabyte;
  const std::int64_t used = usage.used.megabytes_up();
  txn.exec(
      "UPDATE datastores SET total_mb = ?1, free_mb = ?2, used_mb = ?3 WHERE id = ?4"
      " AND (total_mb <> ?1 OR free_mb <> ?2 OR used_mb <> ?3)",
      total, free, used, id);
  if (txn.changed_rows() > 0) txn.touch(ObjectKind::kDatastore, id);
}

DatastoreId insert_datastore(db::Txn& txn, Datastore datastore) {
  if (!datastore.id.is_set()) datastore.id = db::take_id<DatastoreId>(txn, "datastore");
  txn.exec(
      "INSERT INTO datastores(id, name, user_id, group_id, permissions, type, is_enabled, ds_mad,"
      " tm_mad, base_path, template) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      datastore.id, datastore.name, datastore.owner, datastore.group, datastore.permissions.bits,
      datastore.type, datastore.is_enabled, datastore.ds_mad, datastore.tm_mad,
      datastore.base_path, datastore.attributes.to_text());
  txn.touch(ObjectKind::kDatastore, datastore.id);
  return datastore.id;
}

void save_datastore(db::Txn& txn, const Datastore& datastore) {
  txn.exec(
      "UPDATE datastores SET name = ?, user_id = ?, group_id = ?, permissions = ?,"
      " is_enabled = ?, ds_mad = ?, tm_mad = ?, template = ? WHERE id = ?",
      datastore.name, datastore.owner, datastore.group, datastore.permissions.bits,
      datastore.is_enabled, datastore.ds_mad, datastore.tm_mad, datastore.attributes.to_text(),
      datastore.id);
  txn.touch(ObjectKind::kDatastore, datastore.id);
}

void join_cluster(db::Txn& txn, DatastoreId datastore, ClusterId cluster) {
  txn.exec("INSERT OR IGNORE INTO cluster_datastores(cluster_id, datastore_id) VALUES (?, ?)",
           cluster, datastore);
  txn.touch(ObjectKind::kDatastore, datastore);
  txn.touch(ObjectKind::kCluster, cluster);
}

void leave_cluster(db::Txn& txn, DatastoreId datastore, ClusterId cluster) {
  txn.exec("DELETE FROM cluster_datastores WHERE cluster_id = ? AND datastore_id = ?", cluster,
           datastore);
  txn.touch(ObjectKind::kDatastore, datastore);
  txn.touch(ObjectKind::kCluster, cluster);
}

std::vector<VmId> list_vms_between(db::Txn& txn, DatastoreId datastore, ClusterId cluster) {
  std::vector<VmId> vms;
  auto rows = txn.query(
      "SELECT v.id FROM vms v JOIN hosts h ON h.id = v.host_id"
      " WHERE h.cluster_id = ?1 AND v.state <> 6 AND (v.system_datastore_id = ?2 OR EXISTS"
      " (SELECT 1 FROM vm_disks d WHERE d.vm_id = v.id AND d.image_datastore_id = ?2))"
      " ORDER BY v.id",
      cluster, datastore);
  while (rows.next()) vms.push_back(rows.get<VmId>(0));
  return vms;
}

std::vector<std::string> list_leftovers_in(db::Txn& txn, DatastoreId id) {
  // States: 6 is DONE; a snapshot in phase 5, 8 or 9 is over, a job in state 4 and above is.
  constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kKinds{{
      {"images", "SELECT COUNT(*) FROM images WHERE datastore_id = ?"},
      {"VMs", "SELECT COUNT(*) FROM vms WHERE system_datastore_id = ? AND state <> 6"},
      {"disks that snapshots keep",
       "SELECT COUNT(*) FROM vm_disks d JOIN vms v ON v.id = d.vm_id"
       " WHERE v.system_datastore_id = ? AND d.is_retained = 1 AND v.state = 6"},
      {"unfinished snapshots",
       "SELECT COUNT(*) FROM snapshots WHERE datastore_id = ? AND phase NOT IN (5, 8, 9)"},
      {"unfinished jobs", "SELECT COUNT(*) FROM jobs WHERE datastore_id = ? AND state <= 3"},
  }};
  std::vector<std::string> leftovers;
  for (const auto& [words, sql] : kKinds) {
    const auto count = txn.value<std::int64_t>(sql, id).value_or(0);
    if (count > 0) leftovers.push_back(fmt::format("{} {}", count, words));
  }
  return leftovers;
}

void delete_datastore_row(db::Txn& txn, DatastoreId id) {
  auto clusters =
      txn.query("SELECT cluster_id FROM cluster_datastores WHERE datastore_id = ?", id);
  while (clusters.next()) txn.touch(ObjectKind::kCluster, clusters.get<ClusterId>(0));
  txn.exec("UPDATE vms SET system_datastore_id = NULL WHERE system_datastore_id = ?", id);
  txn.exec("DELETE FROM cluster_datastores WHERE datastore_id = ?", id);
  txn.exec("DELETE FROM datastores WHERE id = ?", id);
  txn.touch(ObjectKind::kDatastore, id);
}

bool is_cluster(db::Txn& txn, ClusterId cluster) {
  return txn.value<std::int64_t>("SELECT 1 FROM clusters WHERE id = ?", cluster).has_value();
}

void ensure_default_cluster(db::Txn& txn) {
  txn.exec("INSERT OR IGNORE INTO clusters(id, name) VALUES (0, 'default')");
  txn.touch(ObjectKind::kCluster, ClusterId{0});
}

access::Subject subject_of(const Datastore& datastore) {
  return {.kind = access::Resource::kDatastore,
          .id = datastore.id.value,
          .name = datastore.name,
          .owner = datastore.owner,
          .group = datastore.group,
          .permissions = datastore.permissions,
          .clusters = datastore.clusters};
}

}  // namespace neph::datastore
