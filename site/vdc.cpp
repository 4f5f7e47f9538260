#include "site/vdc.h"

#include <algorithm>
#include <functional>
#include <set>

#include "access/acls.h"
#include "access/directory.h"
#include "site/internal/updated.h"
#include "site/internal/vdc_rows.h"

namespace neph::site {
namespace {

using access::AclRule;
using access::Resource;

struct Grant {
  Resource resource;
  std::int64_t rights;
};

/// What a group may do to a resource of a VDC.
std::vector<Grant> grants_of(VdcKind kind, const VdcRights& rights) {
  switch (kind) {
    case VdcKind::kCluster:
      return {{Resource::kHost, rights.cluster_host},
              {Resource::kNet, rights.cluster_network},
              {Resource::kDatastore, rights.cluster_datastore}};
    case VdcKind::kHost: return {{Resource::kHost, rights.host}};
    case VdcKind::kDatastore: return {{Resource::kDatastore, rights.datastore}};
    case VdcKind::kNetwork: return {{Resource::kNet, rights.network}};
  }
  return {};
}

struct RuleOrder {
  bool operator()(const AclRule& a, const AclRule& b) const {
    return std::tie(a.user, a.resource, a.rights, a.zone) <
           std::tie(b.user, b.resource, b.rights, b.zone);
  }
};
using Rules = std::set<AclRule, RuleOrder>;

void add_rules(Rules& rules, GroupId group, const VdcResource& resource,
               const VdcRights& rights) {
  const auto which = resource.object == kAllOfZone ? access::everything()
                     : resource.kind == VdcKind::kCluster
                         ? access::cluster_of(resource.object)
                         : access::only(resource.object);
  for (const auto& grant : grants_of(resource.kind, rights)) {
    if (grant.rights == 0) continue;
    rules.insert({{},
                  access::group_of(group.value),
                  static_cast<std::int64_t>(grant.resource) | which,
                  grant.rights,
                  access::only(resource.zone)});
  }
}

/// All rules that the VDCs of a group stand for.
Rules rules_of(db::Txn& txn, const VdcRights& rights, GroupId group) {
  Rules rules;
  for (const VdcId id : list_vdcs_of(txn, group)) {
    const auto vdc = find_vdc(txn, id);
    if (!vdc) continue;
    for (const auto& resource : vdc->resources) add_rules(rules, group, resource, rights);
  }
  return rules;
}

/// Makes a change, and of the rules of these groups whatever differs afterwards.
void change_with_rules(db::Txn& txn, const VdcRights& rights, const std::vector<GroupId>& groups,
                       const std::function<void()>& change) {
  std::vector<Rules> before;
  for (const GroupId group : groups) before.push_back(rules_of(txn, rights, group));
  change();
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const Rules after = rules_of(txn, rights, groups[i]);
    for (const auto& rule : before[i])
      if (!after.contains(rule)) access::drop_acl(txn, rule);
    for (const auto& rule : after)
      if (!before[i].contains(rule)) access::ensure_acl(txn, rule);
  }
}

Result<void> check_vdc_name_free(db::Txn& txn, VdcId id, std::string_view name) {
  const auto other = find_vdc_by_name(txn, name);
  if (!other || *other == id) return {};
  return fail(Errc::kConflict, "NAME is already taken by VDC {}.", *other);
}

std::string name_of(const VdcResource& resource) {
  const auto word = [&] {
    switch (resource.kind) {
      case VdcKind::kCluster: return "cluster";
      case VdcKind::kHost: return "host";
      case VdcKind::kDatastore: return "datastore";
      case VdcKind::kNetwork: return "virtual network";
    }
    return "?";
  }();
  if (resource.object == kAllOfZone) return fmt::format("every {}", word);
  return fmt::format("{} {}", word, resource.object);
}

bool has(const Vdc& vdc, const VdcResource& resource) {
  return std::ranges::find(vdc.resources, resource) != vdc.resources.end();
}

}  // namespace

access::Subject subject_of(const Vdc& vdc) {
  return {Resource::kVdc, vdc.id.value,           vdc.name, UserId{0},
          GroupId{0},     access::Permissions{0}, {}};
}

Result<VdcId> create_vdc(db::Txn& txn, const text::Template& ask) {
  Vdc vdc;
  vdc.name = ask.get("NAME");
  CHECK_OK(access::check_name("VDC", vdc.name));
  CHECK_OK(check_vdc_name_free(txn, {}, vdc.name));
  vdc.attributes = ask;
  vdc.attributes.erase("NAME");
  return insert_vdc(txn, vdc);
}

Result<void> delete_vdc(db::Txn& txn, const VdcRights& rights, VdcId id) {
  const Vdc vdc = TRY(find_vdc(txn, id));
  if (id == kDefaultVdc)
    return fail(Errc::kWrongState, "Cannot delete VDC {}: new groups are put into it", id);
  change_with_rules(txn, rights, vdc.groups, [&] { delete_vdc_row(txn, id); });
  return {};
}

Result<void> rename_vdc(db::Txn& txn, VdcId id, const std::string& name) {
  Vdc vdc = TRY(find_vdc(txn, id));
  CHECK_OK(access::check_name("VDC", name));
  CHECK_OK(check_vdc_name_free(txn, id, name));
  vdc.name = name;
  save_vdc(txn, vdc);
  return {};
}

Result<void> update_vdc(db::Txn& txn, VdcId id, const text::Template& change, bool is_append) {
  Vdc vdc = TRY(find_vdc(txn, id));
  vdc.attributes = TRY(updated(vdc.attributes, change, is_append));
  save_vdc(txn, vdc);
  return {};
}

Result<void> add_group(db::Txn& txn, const VdcRights& rights, VdcId id, GroupId group) {
  const Vdc vdc = TRY(find_vdc(txn, id));
  (void)TRY(access::find_group(txn, group));
  if (std::ranges::find(vdc.groups, group) != vdc.groups.end())
    return fail(Errc::kConflict, "Group {} is in VDC {} already", group, id);
  change_with_rules(txn, rights, {group}, [&] { insert_vdc_group(txn, id, group); });
  return {};
}

Result<void> remove_group(db::Txn& txn, const VdcRights& rights, VdcId id, GroupId group) {
  const Vdc vdc = TRY(find_vdc(txn, id));
  if (std::ranges::find(vdc.groups, group) == vdc.groups.end())
    return fail(Errc::kInvalid, "Group {} is not in VDC {}", group, id);
  change_with_rules(txn, rights, {group}, [&] { delete_vdc_group(txn, id, group); });
  return {};
}

Result<void> add_resource(db::Txn& txn, const VdcRights& rights, VdcId id,
                          const VdcResource& resource) {
  const Vdc vdc = TRY(find_vdc(txn, id));
  if (resource.zone != kThisZone)
    return fail(Errc::kNotFound, "Error getting zone [{}].", resource.zone);
  VdcResource all = resource;
  all.object = kAllOfZone;
  if (has(vdc, resource) || has(vdc, all))
    return fail(Errc::kConflict, "VDC {} has {} already", id,
                name_of(has(vdc, resource) ? resource : all));
  change_with_rules(txn, rights, vdc.groups, [&] {
    for (const auto& single : vdc.resources) {
      const bool is_covered = resource == all && single.kind == all.kind;
      if (is_covered) delete_vdc_resource(txn, id, single);
    }
    insert_vdc_resource(txn, id, resource);
  });
  return {};
}

Result<void> remove_resource(db::Txn& txn, const VdcRights& rights, VdcId id,
                             const VdcResource& resource) {
  const Vdc vdc = TRY(find_vdc(txn, id));
  if (!has(vdc, resource))
    return fail(Errc::kInvalid, "VDC {} does not have {}", id, name_of(resource));
  change_with_rules(txn, rights, vdc.groups, [&] { delete_vdc_resource(txn, id, resource); });
  return {};
}

Result<void> forget_resource(db::Txn& txn, const VdcRights& rights, VdcKind kind,
                             std::int64_t object) {
  const VdcResource resource{kind, kThisZone, object};
  for (const VdcId id : list_vdcs_with(txn, resource))
    CHECK_OK(remove_resource(txn, rights, id, resource));
  return {};
}

void forget_group(db::Txn& txn, GroupId group) {
  for (const VdcId id : list_vdcs_of(txn, group)) delete_vdc_group(txn, id, group);
}

void bootstrap_vdcs(db::Txn& txn) { insert_vdc_group(txn, kDefaultVdc, GroupId{1}); }

}  // namespace neph::site
