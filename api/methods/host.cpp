#include "api/internal/methods.h"

namespace neph::api {
namespace {

using access::Op;

constexpr ClusterId kDefaultCluster{0};

/// OpenNebula 4.12 had the network driver in the place of the cluster, and the cluster behind it.
struct ClusterOrDriver {
  ClusterId cluster;
  bool is_driver = false;
};

}  // namespace

template <>
struct Codec<ClusterOrDriver> {
  static constexpr std::string_view type = "int";
  static OrFault<ClusterOrDriver> read(const Value& value, Place place) {
    if (decode_string(value, place)) return ClusterOrDriver{{}, true};
    const auto number = decode_integer(value, place);
    if (!number) return tl::unexpected(number.error());
    return ClusterOrDriver{ClusterId{*number}, false};
  }
};

namespace {

struct AllocateHost {
  std::string name;
  std::string im_mad;
  std::string vm_mad;
  ClusterOrDriver fourth;
  std::optional<ClusterId> fifth;
};
struct ShowHost {
  HostId host;
  bool decrypt = false;
};
struct OnHost {
  HostId host;
};
struct EnableHost {
  HostId host;
  bool is_enabled = true;
};
struct SetHostStatus {
  HostId host;
  std::int64_t status = 0;
};
struct UpdateHost {
  HostId host;
  std::string content;
  std::int64_t update_type = 0;
};
struct RenameHost {
  HostId host;
  std::string name;
};
struct LoseHost {
  HostId host;
  std::string name;
};

/// The right on the host itself, for arguments that have a field `host`.
template <Op op>
constexpr auto on_host = [](Call& call, const auto& ask) {
  return need(call, op, ObjectKind::kHost, ask.host);
};

ClusterId cluster_of(const AllocateHost& ask) {
  const auto asked = ask.fourth.is_driver ? ask.fifth.value_or(ClusterId{}) : ask.fourth.cluster;
  return asked.is_set() ? asked : kDefaultCluster;
}

Result<void> may_fill_cluster(Call& call, const AllocateHost& ask) {
  const auto cluster = cluster_of(ask);
  if (cluster == kDefaultCluster) return {};
  return need(call, Op::kAdmin, ObjectKind::kCluster, cluster);
}

Result<HostId> allocate_host(Call& call, const AllocateHost& ask) {
  return call.services().hosts.allocate(call.txn(), ask.name, ask.im_mad, ask.vm_mad,
                                        cluster_of(ask));
}

Result<HostId> delete_host(Call& call, const OnHost& ask) {
  CHECK_OK(call.services().hosts.remove(call.txn(), ask.host));
  CHECK_OK(site::forget_resource(call.txn(), call.services().vdc_rights,
                                 site::VdcKind::kHost, ask.host.value));
  return ask.host;
}

Result<HostId> set_host_status(Call& call, const SetHostStatus& ask) {
  if (ask.status < 0 || ask.status > static_cast<int>(compute::HostAdmin::kOffline)) {
    return fail(Errc::kInvalid, "Wrong status {} of a host: 0 enabled, 1 disabled, 2 offline",
                ask.status);
  }
  CHECK_OK(call.services().hosts.set_admin(call.txn(), ask.host,
                                           static_cast<compute::HostAdmin>(ask.status)));
  return ask.host;
}

Result<HostId> enable_host(Call& call, const EnableHost& ask) {
  const auto admin =
      ask.is_enabled ? compute::HostAdmin::kEnabled : compute::HostAdmin::kDisabled;
  CHECK_OK(call.services().hosts.set_admin(call.txn(), ask.host, admin));
  return ask.host;
}

Result<HostId> update_host(Call& call, const UpdateHost& ask) {
  const bool appends = TRY(is_append(ask.update_type));
  const auto change = TRY(text::Template::parse(ask.content));
  CHECK_OK(call.services().hosts.update(call.txn(), ask.host, change, appends));
  return ask.host;
}

Result<HostId> rename_host(Call& call, const RenameHost& ask) {
  CHECK_OK(call.services().hosts.rename(call.txn(), ask.host, ask.name));
  return ask.host;
}

Result<void> may_declare(Call& call, const LoseHost&) { return need_admin(call); }

Result<HostId> lose_host(Call& call, const LoseHost& ask) {
  CHECK_OK(call.services().hosts.declare_lost(call.txn(), ask.host, ask.name));
  return ask.host;
}

Result<EscapedText> show_host(Call& call, const ShowHost& ask) {
  return show(call, ObjectKind::kHost, ask.host.value);
}

Result<EscapedText> list_hosts(Call& call) {
  return list(call, ObjectKind::kHost, "HOST_POOL", {});
}

void add_host_changes(Registry<Call>& registry) {
  registry.add({
      method("one.host.allocate", &allocate_host)
          .writes()
          .args("name", "im_mad", "vm_mad", "cluster", "cluster_4_12")
          .required(4)
          .needs("CREATE HOST", may_create<access::Resource::kHost>)
          .needs("ADMIN CLUSTER unless it is the default one", &may_fill_cluster)
          .legacy_code(Errc::kConflict, kAllocateCode)
          .doc("Adds a host. Cluster -1 is the default one. With the five parameters of OpenNebula "
               "4.12 the fourth is a network driver, which is not looked at.")
          .answers("id of the new host"),
      method("one.host.delete", &delete_host)
          .writes()
          .args("host")
          .needs("ADMIN HOST", on_host<Op::kAdmin>)
          .doc("Removes a host on which there are neither VMs nor disks kept for snapshots.")
          .answers("id of the host"),
      method("one.host.enable", &enable_host)
          .writes()
          .args("host", "enable")
          .needs("ADMIN HOST", on_host<Op::kAdmin>)
          .doc("Enables a host or disables it: what clients of 4.x call instead of"
               " one.host.status.")
          .answers("id of the host"),
      method("one.host.status", &set_host_status)
          .writes()
          .args("host", "status")
          .needs("ADMIN HOST", on_host<Op::kAdmin>)
          .doc("Sets a host to 0 enabled, 1 disabled (watched, but gets no new VMs) or 2 offline "
               "(not watched).")
          .answers("id of the host"),
      method("one.host.update", &update_host)
          .writes()
          .args("host", "template", "update_type")
          .required(2)
          .needs("ADMIN HOST", on_host<Op::kAdmin>)
          .doc("Changes the attributes of a host: update type 0 replaces them, 1 merges. "
               "LIBVIRT_URI says how the host is reached.")
          .answers("id of the host"),
      method("one.host.rename", &rename_host)
          .writes()
          .args("host", "name")
          .needs("ADMIN HOST", on_host<Op::kAdmin>)
          .doc("Renames a host; it is reached as before.")
          .answers("id of the host"),
      method("neph.host.lost", &lose_host)
          .writes()
          .args("host", "name")
          .needs("administrator", &may_declare)
          .doc("Declares that nothing runs any more on a host that does not answer: it lost its "
               "power, or was fenced. Its VMs are taken to be off, and what waited for it goes on. "
               "The host's name must be said. Refused while the host answers.")
          .answers("id of the host"),
  });
}

void add_host_documents(Registry<Call>& registry) {
  registry.add({
      method("one.host.info", &show_host)
          .reads()
          .args("host", "decrypt")
          .required(1)
          .needs("USE HOST", on_host<Op::kUse>)
          .doc("Shows a host. Nothing is stored encrypted, so decrypt changes nothing.")
          .answers("HOST document"),
      method("one.hostpool.info", &list_hosts)
          .reads()
          .for_anyone()
          .doc("Lists the hosts the caller may use.")
          .answers("HOST_POOL document"),
  });
}

}  // namespace

void add_host_methods(Registry<Call>& registry) {
  add_host_changes(registry);
  add_host_documents(registry);
}

}  // namespace neph::api
