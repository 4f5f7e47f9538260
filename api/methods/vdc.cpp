#include "site/vdc.h"

#include "api/internal/owned_methods.h"

namespace neph::api {
namespace {

using access::Op;
using site::VdcKind;

struct AllocateVdc {
  std::string content;
};
struct DeleteVdc {
  VdcId vdc;
};
struct GroupOfVdc {
  VdcId vdc;
  GroupId group;
};
struct ResourceOfVdc {
  VdcId vdc;
  std::int64_t zone = 0;
  std::int64_t object = 0;
};

/// A kind of resource in the names of methods and in rights.
struct ResourceRow {
  VdcKind kind;
  const char* name;
  const char* right;
  ObjectKind object;
};
constexpr ResourceRow kResources[] = {
    {VdcKind::kCluster, "cluster", "ADMIN CLUSTER", ObjectKind::kCluster},
    {VdcKind::kHost, "host", "ADMIN HOST", ObjectKind::kHost},
    {VdcKind::kDatastore, "datastore", "ADMIN DATASTORE", ObjectKind::kDatastore},
    {VdcKind::kNetwork, "vnet", "ADMIN NET", ObjectKind::kNetwork},
};

constexpr auto may_administer_vdc = [](Call& call, const auto& ask) {
  return need(call, Op::kAdmin, ObjectKind::kVdc, ask.vdc);
};
Result<void> may_administer_group_of_vdc(Call& call, const GroupOfVdc& ask) {
  return need(call, Op::kAdmin, ObjectKind::kGroup, ask.group);
}
Result<void> may_administer_zone(Call& call, const ResourceOfVdc& ask) {
  if (ask.zone != site::kThisZone)
    return fail(Errc::kNotFound, "Error getting zone [{}].", ask.zone);
  access::Subject zone;
  zone.kind = access::Resource::kZone;
  zone.id = ask.zone;
  return need(call, Op::kAdmin, zone);
}

Result<VdcId> allocate_vdc(Call& call, const AllocateVdc& ask) {
  return site::create_vdc(call.txn(), TRY(text::Template::parse(ask.content)));
}

Result<VdcId> delete_vdc(Call& call, const DeleteVdc& ask) {
  CHECK_OK(site::delete_vdc(call.txn(), call.services().vdc_rights, ask.vdc));
  return ask.vdc;
}

Result<VdcId> add_group_to_vdc(Call& call, const GroupOfVdc& ask) {
  CHECK_OK(site::add_group(call.txn(), call.services().vdc_rights, ask.vdc, ask.group));
  return ask.vdc;
}

Result<VdcId> remove_group_from_vdc(Call& call, const GroupOfVdc& ask) {
  CHECK_OK(site::remove_group(call.txn(), call.services().vdc_rights, ask.vdc, ask.group));
  return ask.vdc;
}

Result<EscapedText> list_vdcs(Call& call) {
  return list(call, ObjectKind::kVdc, "VDC_POOL", {});
}

using Change = Result<void> (*)(db::Txn&, const site::VdcRights&, VdcId,
                                const site::VdcResource&);

MethodBuilder<Call, ResourceOfVdc, VdcId> resource_row(const char* verb, const ResourceRow& row,
                                                       Change change) {
  const auto needs = [row](Call& call, const ResourceOfVdc& ask) -> Result<void> {
    if (ask.object == site::kAllOfZone) return {};
    return need(call, Op::kAdmin, row.object, ask.object);
  };
  const auto run = [row, change](Call& call, const ResourceOfVdc& ask) -> Result<VdcId> {
    CHECK_OK(change(call.txn(), call.services().vdc_rights, ask.vdc,
                    {row.kind, ask.zone, ask.object}));
    return ask.vdc;
  };
  MethodBuilder<Call, ResourceOfVdc, VdcId> built{fmt::format("one.vdc.{}{}", verb, row.name),
                                                  run};
  return built.writes()
      .args("vdc", "zone", row.name)
      .needs("ADMIN VDC", may_administer_vdc)
      .needs("ADMIN ZONE", &may_administer_zone)
      .needs(row.right, needs)
      .answers("id of the VDC");
}

void add_resource_methods(Registry<Call>& registry) {
  for (const auto& row : kResources) {
    registry.add(resource_row("add", row, &site::add_resource)
                     .doc(fmt::format("Lets the groups of a VDC use a {}, or with -10 all of them:"
                                      " ACL rules are made for it.",
                                      row.name)));
    registry.add(resource_row("del", row, &site::remove_resource)
                     .doc(fmt::format("Takes a {}, or with -10 the word about all of them, out of"
                                      " a VDC, with the ACL rules that no other VDC needs.",
                                      row.name)));
  }
}

OwnedKind owned_vdcs() {
  OwnedKind kind{"vdc", "VDC", ObjectKind::kVdc};
  kind.rename = [](Call& call, std::int64_t id, const std::string& name) {
    return site::rename_vdc(call.txn(), VdcId{id}, name);
  };
  kind.update = [](Call& call, std::int64_t id, const text::Template& change, bool is_append) {
    return site::update_vdc(call.txn(), VdcId{id}, change, is_append);
  };
  return kind;
}

}  // namespace

void add_vdc_methods(Registry<Call>& registry) {
  registry.add({
      method("one.vdc.allocate", &allocate_vdc)
          .writes()
          .args("template")
          .needs("CREATE VDC", may_create<access::Resource::kVdc>)
          .doc("Makes a virtual data center: groups, and what they may use. NAME must be there.")
          .answers("id of the new VDC"),
      method("one.vdc.delete", &delete_vdc)
          .writes()
          .args("vdc")
          .needs("ADMIN VDC", may_administer_vdc)
          .doc("Deletes a VDC with the ACL rules that no other VDC needs. VDC 0, which new groups"
               " are put into, stays.")
          .answers("id of the VDC"),
      method("one.vdc.addgroup", &add_group_to_vdc)
          .writes()
          .args("vdc", "group")
          .needs("ADMIN VDC", may_administer_vdc)
          .needs("ADMIN GROUP", &may_administer_group_of_vdc)
          .doc("Puts a group into a VDC: ACL rules let it use what is in it.")
          .answers("id of the VDC"),
      method("one.vdc.delgroup", &remove_group_from_vdc)
          .writes()
          .args("vdc", "group")
          .needs("ADMIN VDC", may_administer_vdc)
          .needs("ADMIN GROUP", &may_administer_group_of_vdc)
          .doc("Takes a group out of a VDC, with the ACL rules that no other VDC needs.")
          .answers("id of the VDC"),
      method("one.vdcpool.info", &list_vdcs)
          .reads()
          .for_anyone()
          .doc("Lists the VDCs the caller may use.")
          .answers("VDC_POOL document"),
  });
  add_resource_methods(registry);
  add_owned_methods(registry, owned_vdcs());
  add_info_method(registry, {"vdc", "VDC", ObjectKind::kVdc, "VDC"});
}

}  // namespace neph::api
