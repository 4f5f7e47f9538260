#include "api/internal/methods.h"

namespace neph::api {
namespace {

using access::Op;

struct AllocateDatastore {
  std::string content;
  ClusterId cluster;
};
struct ShowDatastore {
  DatastoreId datastore;
  bool decrypt = false;
};
struct UpdateDatastore {
  DatastoreId datastore;
  std::string content;
  std::int64_t update_type = 0;
};
struct OnDatastore {
  DatastoreId datastore;
};
struct RenameDatastore {
  DatastoreId datastore;
  std::string name;
};
struct EnableDatastore {
  DatastoreId datastore;
  bool is_enabled = false;
};
struct ChmodDatastore {
  DatastoreId datastore;
  std::int64_t owner_use, owner_manage, owner_admin;
  std::int64_t group_use, group_manage, group_admin;
  std::int64_t other_use, other_manage, other_admin;
};
struct ChownDatastore {
  DatastoreId datastore;
  UserId user;
  GroupId group;
};

/// The right on the datastore itself, for arguments that have a field `datastore`.
template <Op op>
constexpr auto on_datastore = [](Call& call, const auto& ask) {
  return need(call, op, ObjectKind::kDatastore, ask.datastore);
};

Result<void> may_allocate(Call& call, const AllocateDatastore& ask) {
  CHECK_OK(need_create(call, access::Resource::kDatastore));
  if (!ask.cluster.is_set()) return {};
  return need(call, Op::kAdmin, ObjectKind::kCluster, ask.cluster);
}

Result<DatastoreId> allocate_datastore(Call& call, const AllocateDatastore& ask) {
  const auto content = TRY(text::Template::parse(ask.content));
  return call.services().images.allocate_datastore(call.txn(), call.actor(), content, ask.cluster);
}

Result<DatastoreId> update_datastore(Call& call, const UpdateDatastore& ask) {
  const bool appends = TRY(is_append(ask.update_type));
  const auto change = TRY(text::Template::parse(ask.content));
  CHECK_OK(call.services().images.update_datastore(call.txn(), ask.datastore, change, appends));
  return ask.datastore;
}

Result<DatastoreId> delete_datastore(Call& call, const OnDatastore& ask) {
  CHECK_OK(call.services().images.remove_datastore(call.txn(), ask.datastore));
  CHECK_OK(site::forget_resource(call.txn(), call.services().vdc_rights,
                                 site::VdcKind::kDatastore, ask.datastore.value));
  return ask.datastore;
}

Result<DatastoreId> rename_datastore(Call& call, const RenameDatastore& ask) {
  CHECK_OK(call.services().images.rename_datastore(call.txn(), ask.datastore, ask.name));
  return ask.datastore;
}

Result<DatastoreId> enable_datastore(Call& call, const EnableDatastore& ask) {
  CHECK_OK(
      call.services().images.set_datastore_enabled(call.txn(), ask.datastore, ask.is_enabled));
  return ask.datastore;
}

Result<void> may_chmod(Call& call, const ChmodDatastore& ask) {
  const auto found = TRY(datastore::find_datastore(call.txn(), ask.datastore));
  const auto right = access::right_needed(found.permissions, change_of(ask));
  return need(call, right, ObjectKind::kDatastore, ask.datastore);
}

Result<DatastoreId> chmod_datastore(Call& call, const ChmodDatastore& ask) {
  const auto found = TRY(datastore::find_datastore(call.txn(), ask.datastore));
  const auto permissions = TRY(access::apply(found.permissions, change_of(ask)));
  CHECK_OK(call.services().images.chmod_datastore(call.txn(), ask.datastore, permissions));
  return ask.datastore;
}

Result<void> may_chown(Call& call, const ChownDatastore& ask) {
  return need_chown(call, ObjectKind::kDatastore, ask.datastore.value, ask.user, ask.group);
}

Result<DatastoreId> chown_datastore(Call& call, const ChownDatastore& ask) {
  CHECK_OK(call.services().images.chown_datastore(call.txn(), ask.datastore, ask.user, ask.group));
  return ask.datastore;
}

Result<EscapedText> show_datastore(Call& call, const ShowDatastore& ask) {
  return show(call, ObjectKind::kDatastore, ask.datastore.value);
}

Result<EscapedText> list_datastores(Call& call) {
  return list(call, ObjectKind::kDatastore, "DATASTORE_POOL", {});
}

void add_datastore_life_cycle(Registry<Call>& registry) {
  registry.add({
      method("one.datastore.allocate", &allocate_datastore)
          .writes()
          .args("template", "cluster")
          .required(1)
          .needs("CREATE DATASTORE, ADMIN of a CLUSTER that is named", &may_allocate)
          .doc("Makes a datastore in a cluster; -1 is the default one.")
          .answers("id of the datastore"),
      method("one.datastore.delete", &delete_datastore)
          .writes()
          .args("datastore")
          .needs("MANAGE DATASTORE", on_datastore<Op::kManage>)
          .doc("Removes a datastore without images, that no VM has its disks in and no snapshot is "
               "copied into. Its directory stays, and so do datastores 0, 1 and 2.")
          .answers("id of the datastore"),
      method("one.datastore.enable", &enable_datastore)
          .writes()
          .args("datastore", "enable")
          .needs("MANAGE DATASTORE", on_datastore<Op::kManage>)
          .doc("Enables or disables a system datastore; a disabled one gets no new VMs.")
          .answers("id of the datastore"),
  });
}

void add_datastore_changes(Registry<Call>& registry) {
  registry.add({
      method("one.datastore.update", &update_datastore)
          .writes()
          .args("datastore", "template", "update_type")
          .required(2)
          .needs("MANAGE DATASTORE", on_datastore<Op::kManage>)
          .doc("Replaces (0) or merges (1) the attributes of a datastore. Type, drivers and path "
               "stay.")
          .answers("id of the datastore"),
      method("one.datastore.rename", &rename_datastore)
          .writes()
          .args("datastore", "name")
          .needs("MANAGE DATASTORE", on_datastore<Op::kManage>)
          .doc("Renames a datastore.")
          .answers("id of the datastore"),
      method("one.datastore.chmod", &chmod_datastore)
          .writes()
          .args("datastore", "owner_u", "owner_m", "owner_a", "group_u", "group_m", "group_a",
                "other_u", "other_m", "other_a")
          .needs("MANAGE DATASTORE, for the bits *_a ADMIN DATASTORE", &may_chmod)
          .doc("Changes permissions; each bit is -1 keep, 0 clear, 1 set.")
          .answers("id of the datastore"),
      method("one.datastore.chown", &chown_datastore)
          .writes()
          .args("datastore", "user", "group")
          .needs("MANAGE DATASTORE, MANAGE of another USER, USE of another GROUP", &may_chown)
          .doc("Gives a datastore to another user, another group, or both; -1 keeps.")
          .answers("id of the datastore"),
  });
}

void add_datastore_documents(Registry<Call>& registry) {
  registry.add({
      method("one.datastore.info", &show_datastore)
          .reads()
          .args("datastore", "decrypt")
          .required(1)
          .needs("USE DATASTORE", on_datastore<Op::kUse>)
          .doc("Shows a datastore. No attribute is stored encrypted, so decrypt changes nothing.")
          .answers("DATASTORE document"),
      method("one.datastorepool.info", &list_datastores)
          .reads()
          .for_anyone()
          .doc("Lists the datastores the caller may use.")
          .answers("DATASTORE_POOL document"),
  });
}

}  // namespace

void add_datastore_methods(Registry<Call>& registry) {
  add_datastore_life_cycle(registry);
  add_datastore_changes(registry);
  add_datastore_documents(registry);
}

}  // namespace neph::api
