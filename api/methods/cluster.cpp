#include "api/internal/methods.h"

namespace neph::api {
namespace {

struct ShowCluster {
  ClusterId cluster;
  bool decrypt = false;
};

Result<void> may_use_cluster(Call& call, const ShowCluster& ask) {
  return need(call, access::Op::kUse, ObjectKind::kCluster, ask.cluster);
}

Result<EscapedText> show_cluster(Call& call, const ShowCluster& ask) {
  return show(call, ObjectKind::kCluster, ask.cluster.value);
}

Result<EscapedText> list_clusters(Call& call) {
  return list(call, ObjectKind::kCluster, "CLUSTER_POOL", {});
}

}  // namespace

void add_cluster_methods(Registry<Call>& registry) {
  registry.add({
      method("one.cluster.info", &show_cluster)
          .reads()
          .args("cluster", "decrypt")
          .required(1)
          .needs("USE CLUSTER", &may_use_cluster)
          .doc("Shows a cluster. Nothing is stored encrypted, so decrypt changes nothing.")
          .answers("CLUSTER document"),
      method("one.clusterpool.info", &list_clusters)
          .reads()
          .for_anyone()
          .doc("Lists the clusters the caller may use.")
          .answers("CLUSTER_POOL document"),
  });
}

}  // namespace neph::api
