#pragma once

#include "datastore/image.h"

/// What only this room reads and writes of its rows.
namespace neph::datastore {

/// Inserts under `datastore.id`, or under the next id when that is unset; touches it.
DatastoreId insert_datastore(db::Txn& txn, Datastore datastore);
/// Name, owner, permissions, whether enabled, drivers, attributes; touches it.
void save_datastore(db::Txn& txn, const Datastore& datastore);
[[nodiscard]] std::optional<DatastoreId> find_datastore_by_name(db::Txn& txn,
                                                                std::string_view name);
/// Puts a datastore into a cluster; touches both.
void join_cluster(db::Txn& txn, DatastoreId datastore, ClusterId cluster);
/// Takes it out again; touches both.
void leave_cluster(db::Txn& txn, DatastoreId datastore, ClusterId cluster);
/// VMs on hosts of the cluster that have their disks, or an image of a disk, in the datastore.
[[nodiscard]] std::vector<VmId> list_vms_between(db::Txn& txn, DatastoreId datastore,
                                                 ClusterId cluster);
/// What still needs a datastore and forbids removing it, in words: "2 images".
[[nodiscard]] std::vector<std::string> list_leftovers_in(db::Txn& txn, DatastoreId id);
/// VMs that are DONE keep their history, which names the datastore, but no reference to its row.
/// \pre list_leftovers_in() is empty
void delete_datastore_row(db::Txn& txn, DatastoreId id);
[[nodiscard]] bool is_cluster(db::Txn& txn, ClusterId cluster);
/// The cluster that everything is in unless somebody says otherwise.
void ensure_default_cluster(db::Txn& txn);

/// Takes an image out of everybody's account, while the room of a new owner is checked. The
/// transaction must give it an owner again, or fail.
void disown(db::Txn& txn, ImageId id);
/// The image whose file that is.
[[nodiscard]] std::optional<ImageId> find_image_by_source(db::Txn& txn, std::string_view source);

}  // namespace neph::datastore
