#pragma once

#include "datastore/image.h"

/// What only this room reads and writes of its rows.
namespace neph::datastore {

/// The next id of the counter of that name.
[[nodiscard]] std::int64_t take_id(db::Txn& txn, std::string_view counter);

/// Inserts under `datastore.id`, or under the next id when that is unset; touches it.
DatastoreId insert_datastore(db::Txn& txn, Datastore datastore);
/// Name, owner, permissions, whether enabled, attributes; touches it.
void save_datastore(db::Txn& txn, const Datastore& datastore);
[[nodiscard]] std::optional<DatastoreId> find_datastore_by_name(db::Txn& txn,
                                                                std::string_view name);
/// Puts a datastore into a cluster; touches both.
void join_cluster(db::Txn& txn, DatastoreId datastore, ClusterId cluster);
[[nodiscard]] bool is_cluster(db::Txn& txn, ClusterId cluster);
/// The cluster that everything is in unless somebody says otherwise.
void ensure_default_cluster(db::Txn& txn);

/// Takes an image out of everybody's account, while the room of a new owner is checked. The
/// transaction must give it an owner again, or fail.
void disown(db::Txn& txn, ImageId id);
/// The image whose file that is.
[[nodiscard]] std::optional<ImageId> find_image_by_source(db::Txn& txn, std::string_view source);

}  // namespace neph::datastore
