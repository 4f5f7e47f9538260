#include "site/vm_group.h"

#include <algorithm>
#include <set>

#include "access/directory.h"
#include "base/numbers.h"
#include "site/internal/roles.h"
#include "site/internal/updated.h"
#include "site/internal/vm_group_rows.h"

namespace neph::site {
namespace {

Result<void> check_vm_group_name_free(db::Txn& txn, VmGroupId id, UserId owner,
                                      std::string_view name) {
  const auto other = find_vm_group_by_name(txn, owner, name);
  if (!other || *other == id) return {};
  return fail(Errc::kConflict, "NAME is already taken by VMGROUP {}.", *other);
}

/// AFFINED and ANTI_AFFINED name roles that are there.
Result<void> check_rules(const VmGroup& group) {
  for (const char* rule : {"AFFINED", "ANTI_AFFINED"}) {
    for (const auto& names : role_sets(group, rule)) {
      for (const auto& name : names)
        if (role_named(group, name) == nullptr)
          return fail(Errc::kInvalid, "{} of the vm group names the role \"{}\", which it does not"
                      " have", rule, name);
    }
  }
  return {};
}

Result<const text::Vector*> only_role(const text::Template& ask) {
  const auto roles = ask.vectors("ROLE");
  if (roles.size() == 1) return roles.front();
  return fail(Errc::kInvalid, "One ROLE = [ ... ] is needed, {} were given", roles.size());
}

}  // namespace

access::Subject subject_of(const VmGroup& group) {
  return {access::Resource::kVmGroup, group.id.value,    group.name, group.owner,
          group.group,                group.permissions, {}};
}

Result<VmGroupId> create_vm_group(db::Txn& txn, const access::Actor& actor,
                                  const text::Template& ask) {
  VmGroup group;
  group.name = ask.get("NAME");
  CHECK_OK(access::check_name("vm group", group.name));
  CHECK_OK(check_vm_group_name_free(txn, {}, actor.user, group.name));
  group.owner = actor.user;
  group.group = actor.group;
  group.permissions = access::initial_permissions(actor);
  for (const auto* vector : ask.vectors("ROLE"))
    group.roles.push_back(TRY(read_role(group, std::ssize(group.roles), *vector)));
  if (group.roles.empty()) return fail(Errc::kInvalid, "A vm group needs a ROLE = [ NAME = ... ]");
  group.attributes = ask;
  for (const char* name : {"NAME", "ROLE"}) group.attributes.erase(name);
  CHECK_OK(check_rules(group));
  const auto id = insert_vm_group(txn, group);
  for (const auto& role : group.roles) insert_role(txn, id, role);
  return id;
}

Result<void> delete_vm_group(db::Txn& txn, VmGroupId id) {
  const VmGroup group = TRY(find_vm_group(txn, id));
  for (const auto& role : group.roles)
    if (!role.vms.empty())
      return fail(Errc::kWrongState, "Cannot delete vm group {}: its role {} has VM {}", id,
                  role.name, role.vms.front());
  delete_vm_group_row(txn, id);
  return {};
}

Result<void> rename_vm_group(db::Txn& txn, VmGroupId id, const std::string& name) {
  VmGroup group = TRY(find_vm_group(txn, id));
  CHECK_OK(access::check_name("vm group", name));
  CHECK_OK(check_vm_group_name_free(txn, id, group.owner, name));
  group.name = name;
  save_vm_group(txn, group);
  return {};
}

Result<void> update_vm_group(db::Txn& txn, VmGroupId id, const text::Template& change,
                             bool is_append) {
  VmGroup group = TRY(find_vm_group(txn, id));
  group.attributes = TRY(updated(group.attributes, change, is_append));
  group.attributes.erase("ROLE");
  CHECK_OK(check_rules(group));
  save_vm_group(txn, group);
  return {};
}

Result<void> chmod_vm_group(db::Txn& txn, VmGroupId id, access::Permissions permissions) {
  VmGroup group = TRY(find_vm_group(txn, id));
  group.permissions = permissions;
  save_vm_group(txn, group);
  return {};
}

Result<void> chown_vm_group(db::Txn& txn, VmGroupId id, UserId user, GroupId owners) {
  VmGroup group = TRY(find_vm_group(txn, id));
  if (user.is_set()) {
    group.owner = TRY(access::find_user(txn, user)).id;
    CHECK_OK(check_vm_group_name_free(txn, id, user, group.name));
  }
  if (owners.is_set()) group.group = TRY(access::find_group(txn, owners)).id;
  save_vm_group(txn, group);
  return {};
}

Result<void> add_role(db::Txn& txn, VmGroupId id, const text::Template& ask) {
  const VmGroup group = TRY(find_vm_group(txn, id));
  const std::int64_t number = group.roles.empty() ? 0 : group.roles.back().id + 1;
  insert_role(txn, id, TRY(read_role(group, number, *TRY(only_role(ask)))));
  return {};
}

Result<void> delete_role(db::Txn& txn, VmGroupId id, std::int64_t number) {
  VmGroup group = TRY(find_vm_group(txn, id));
  const auto role = TRY(role_numbered(group, number));
  if (!role.vms.empty())
    return fail(Errc::kWrongState, "Cannot delete role {} of vm group {}: it has VM {}", role.name,
                id, role.vms.front());
  if (group.roles.size() == 1)
    return fail(Errc::kWrongState, "Cannot delete the last role of vm group {}", id);
  std::erase_if(group.roles, [&](const VmGroupRole& other) { return other.id == number; });
  CHECK_OK(check_rules(group));
  delete_role_row(txn, id, number);
  return {};
}

Result<void> update_role(db::Txn& txn, VmGroupId id, std::int64_t number,
                         const text::Template& ask) {
  VmGroup group = TRY(find_vm_group(txn, id));
  const auto role = TRY(role_numbered(group, number));
  text::Vector fresh = *TRY(only_role(ask));
  fresh.set("NAME", role.name);
  std::erase_if(group.roles, [&](const VmGroupRole& other) { return other.id == number; });
  save_role(txn, id, TRY(read_role(group, number, fresh)));
  return {};
}

Result<RoleRef> find_role(db::Txn& txn, const access::Actor& actor, VmGroupId id,
                          const std::string& name) {
  const VmGroup group = TRY(find_vm_group(txn, id));
  CHECK_OK(access::authorize(txn, actor, access::Op::kUse, subject_of(group)));
  const auto* role = role_named(group, name);
  if (role == nullptr)
    return fail(Errc::kInvalid, "vm group {} has no role \"{}\"", group.id, name);
  return RoleRef{group.id, role->id};
}

Result<std::optional<RoleRef>> find_role(db::Txn& txn, const access::Actor& actor,
                                         const text::Template& vm_attributes) {
  const auto* wish = vm_attributes.find_vector("VMGROUP");
  if (wish == nullptr) return std::optional<RoleRef>{};
  const std::string text = wish->get("VMGROUP_ID");
  const auto number = natural_from(text);
  if (!number)
    return fail(Errc::kInvalid, "VMGROUP_ID of the VM is \"{}\"; it must be the id of one", text);
  return TRY(find_role(txn, actor, VmGroupId{*number}, wish->get("ROLE")));
}

void join_role(db::Txn& txn, VmId vm, const RoleRef& role) { insert_member(txn, vm, role); }

void leave_role(db::Txn& txn, VmId vm) {
  if (const auto role = role_of(txn, vm)) delete_member(txn, vm, *role);
}

}  // namespace neph::site
