#include "scheduler/internal/attributes.h"

namespace neph::scheduler::internal {
namespace {

using Values = std::vector<std::string>;

/// "HYPERVISOR", "TEMPLATE/HYPERVISOR", and "PCI/VENDOR" for a key of every vector PCI.
Values find_in_template(const text::Template& content, std::string_view name) {
  constexpr std::string_view kPrefix = "TEMPLATE/";
  if (name.starts_with(kPrefix)) name.remove_prefix(kPrefix.size());
  const auto slash = name.find('/');
  const auto attribute_name = name.substr(0, slash);
  Values values;
  for (const auto& attribute : content.attributes()) {
    if (attribute.name != attribute_name) continue;
    const auto* vector = std::get_if<text::Vector>(&attribute.value);
    if (slash == std::string_view::npos) {
      if (vector == nullptr) values.push_back(std::get<std::string>(attribute.value));
    } else if (vector != nullptr) {
      if (const auto* value = vector->find(name.substr(slash + 1))) values.push_back(*value);
    }
  }
  return values;
}

Values number(std::int64_t value) { return {std::to_string(value)}; }

}  // namespace

text::AttributeLookup attributes_of(const HostState& state) {
  return [&state](std::string_view name) -> Values {
    const HostCandidate& host = *state.host;
    if (name == "ID") return number(host.id.value);
    if (name == "NAME") return {host.name};
    if (name == "CLUSTER") return {host.cluster_name};
    if (name == "CLUSTER_ID") return number(host.cluster.value);
    if (name == "FREE_CPU") return number(state.cpu_free);
    if (name == "FREE_MEMORY") return number(state.memory_free_kb);
    if (name == "MAX_CPU") return number(host.cpu_max);
    if (name == "MAX_MEM") return number(host.memory_max_kb);
    if (name == "RUNNING_VMS") return number(state.running_vms);
    return find_in_template(host.attributes, name);
  };
}

text::AttributeLookup attributes_of(const DatastoreState& state) {
  return [&state](std::string_view name) -> Values {
    const DatastoreCandidate& datastore = *state.datastore;
    if (name == "ID") return number(datastore.id.value);
    if (name == "NAME") return {datastore.name};
    if (name == "FREE_MB") return number(state.free_mb);
    if (name == "TOTAL_MB") return number(datastore.total_mb);
    if (name == "CLUSTERS/ID") {
      Values ids;
      for (const auto cluster : datastore.clusters) ids.push_back(std::to_string(cluster.value));
      return ids;
    }
    return find_in_template(datastore.attributes, name);
  };
}

}  // namespace neph::scheduler::internal
