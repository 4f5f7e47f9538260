#include <algorithm>

#include <fmt/ranges.h>

#include "access/directory.h"
#include "datastore/image_service.h"
#include "datastore/internal/rows.h"

namespace neph::datastore {

namespace {

/// ImageService::bootstrap() makes those up to this one wherever they are missing.
constexpr DatastoreId kLastBootstrapped{2};

}  // namespace

Result<void> ImageService::remove_datastore(db::Txn& txn, DatastoreId id) {
  TRY(find_datastore(txn, id));
  if (id <= kLastBootstrapped)
    return fail(Errc::kWrongState, "Cannot delete datastore {}: 0, 1 and 2 are always there", id);
  const auto leftovers = list_leftovers_in(txn, id);
  if (!leftovers.empty())
    return fail(Errc::kWrongState, "Datastore {} is not empty: {}", id,
                fmt::join(leftovers, ", "));
  delete_datastore_row(txn, id);
  return {};
}

Result<void> ImageService::rename_datastore(db::Txn& txn, DatastoreId id,
                                            const std::string& name) {
  Datastore datastore = TRY(find_datastore(txn, id));
  if (datastore.name == name) return {};
  CHECK_OK(access::check_name("NAME", name));
  if (const auto clash = find_datastore_by_name(txn, name))
    return fail(Errc::kConflict, "NAME is already taken by DATASTORE {}.", *clash);
  datastore.name = name;
  save_datastore(txn, datastore);
  for (const ImageId image : list_images_of(txn, id)) txn.touch(ObjectKind::kImage, image);
  return {};
}

Result<void> ImageService::set_datastore_enabled(db::Txn& txn, DatastoreId id, bool is_enabled) {
  Datastore datastore = TRY(find_datastore(txn, id));
  if (datastore.type != DatastoreType::kSystem)
    return fail(Errc::kInvalid, "Datastore {} is no system datastore; only those can be {}", id,
                is_enabled ? "enabled" : "disabled");
  datastore.is_enabled = is_enabled;
  save_datastore(txn, datastore);
  return {};
}

Result<void> ImageService::chmod_datastore(db::Txn& txn, DatastoreId id,
                                           access::Permissions permissions) {
  Datastore datastore = TRY(find_datastore(txn, id));
  datastore.permissions = permissions;
  save_datastore(txn, datastore);
  return {};
}

Result<void> ImageService::chown_datastore(db::Txn& txn, DatastoreId id, UserId user,
                                           GroupId group) {
  Datastore datastore = TRY(find_datastore(txn, id));
  if (user.is_set()) datastore.owner = TRY(access::find_user(txn, user)).id;
  if (group.is_set()) datastore.group = TRY(access::find_group(txn, group)).id;
  save_datastore(txn, datastore);
  return {};
}

Result<void> ImageService::add_to_cluster(db::Txn& txn, DatastoreId id, ClusterId cluster) {
  TRY(find_datastore(txn, id));
  if (!is_cluster(txn, cluster))
    return fail(Errc::kNotFound, "Error getting cluster [{}].", cluster);
  join_cluster(txn, id, cluster);
  return {};
}

Result<void> ImageService::remove_from_cluster(db::Txn& txn, DatastoreId id, ClusterId cluster) {
  const Datastore datastore = TRY(find_datastore(txn, id));
  if (!is_cluster(txn, cluster))
    return fail(Errc::kNotFound, "Error getting cluster [{}].", cluster);
  if (std::ranges::find(datastore.clusters, cluster) == datastore.clusters.end())
    return fail(Errc::kWrongState, "Datastore {} is not in cluster {}", id, cluster);
  const auto vms = list_vms_between(txn, id, cluster);
  if (!vms.empty())
    return fail(Errc::kWrongState,
                "Cannot take datastore {} out of cluster {}: VMs on its hosts use it: {}", id,
                cluster, fmt::join(vms, ", "));
  leave_cluster(txn, id, cluster);
  return {};
}

}  // namespace neph::datastore
