#include "api/internal/methods.h"

namespace neph::api {
namespace {

using access::Op;

constexpr int kAllocateCode = 16384;

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

Result<EscapedText> show_datastore(Call& call, const ShowDatastore& ask) {
  return show(call, ObjectKind::kDatastore, ask.datastore.value);
}

Result<EscapedText> list_datastores(Call& call) {
  return list(call, ObjectKind::kDatastore, "DATASTORE_POOL", {});
}

}  // namespace

void add_datastore_methods(Registry<Call>& registry) {
  registry.add({
      method("one.datastore.allocate", &allocate_datastore)
          .writes()
          .args("template", "cluster")
          .required(1)
          .needs("CREATE DATASTORE, ADMIN of a CLUSTER that is named", &may_allocate)
          .legacy_code(Errc::kInvalid, kAllocateCode)
          .doc("Makes a datastore in a cluster; -1 is the default one.")
          .answers("id of the datastore"),
      method("one.datastore.update", &update_datastore)
          .writes()
          .args("datastore", "template", "update_type")
          .required(2)
          .needs("MANAGE DATASTORE",
                 [](Call& call, const UpdateDatastore& ask) {
                   return need(call, Op::kManage, ObjectKind::kDatastore, ask.datastore);
                 })
          .doc("Replaces (0) or merges (1) the attributes of a datastore. Type, drivers and path "
               "stay.")
          .answers("id of the datastore"),
      method("one.datastore.info", &show_datastore)
          .reads()
          .args("datastore", "decrypt")
          .required(1)
          .needs("USE DATASTORE",
                 [](Call& call, const ShowDatastore& ask) {
                   return need(call, Op::kUse, ObjectKind::kDatastore, ask.datastore);
                 })
          .doc("Shows a datastore. No attribute is stored encrypted, so decrypt changes nothing.")
          .answers("DATASTORE document"),
      method("one.datastorepool.info", &list_datastores)
          .reads()
          .for_anyone()
          .doc("Lists the datastores the caller may use.")
          .answers("DATASTORE_POOL document"),
  });
}

}  // namespace neph::api
