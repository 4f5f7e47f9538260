#include "site/vm_group.h"

#include "api/internal/owned_methods.h"
#include "compute/vm_roles.h"

namespace neph::api {
namespace {

using access::Op;

struct AllocateVmGroup {
  std::string content;
};
struct DeleteVmGroup {
  VmGroupId vm_group;
};
struct AddRole {
  VmGroupId vm_group;
  std::string content;
};
struct DeleteRole {
  VmGroupId vm_group;
  std::int64_t role = -1;
};
struct UpdateRole {
  VmGroupId vm_group;
  std::int64_t role = -1;
  std::string content;
};

struct JoinVmGroup {
  VmId vm;
  VmGroupId vm_group;
  std::string role;
};
struct LeaveVmGroup {
  VmId vm;
};

constexpr auto may_manage_vm_group = [](Call& call, const auto& ask) {
  return need(call, Op::kManage, ObjectKind::kVmGroup, ask.vm_group);
};

Result<VmGroupId> allocate_vm_group(Call& call, const AllocateVmGroup& ask) {
  return site::create_vm_group(call.txn(), call.actor(), TRY(text::Template::parse(ask.content)));
}

Result<VmGroupId> delete_vm_group(Call& call, const DeleteVmGroup& ask) {
  CHECK_OK(site::delete_vm_group(call.txn(), ask.vm_group));
  return ask.vm_group;
}

Result<VmGroupId> add_role(Call& call, const AddRole& ask) {
  CHECK_OK(site::add_role(call.txn(), ask.vm_group, TRY(text::Template::parse(ask.content))));
  return ask.vm_group;
}

Result<VmGroupId> delete_role(Call& call, const DeleteRole& ask) {
  CHECK_OK(site::delete_role(call.txn(), ask.vm_group, ask.role));
  return ask.vm_group;
}

Result<VmGroupId> update_role(Call& call, const UpdateRole& ask) {
  CHECK_OK(site::update_role(call.txn(), ask.vm_group, ask.role,
                             TRY(text::Template::parse(ask.content))));
  return ask.vm_group;
}

Result<VmId> join_vm_group(Call& call, const JoinVmGroup& ask) {
  CHECK_OK(compute::join_vm_group(call.txn(), call.actor(), ask.vm, ask.vm_group, ask.role));
  return ask.vm;
}

Result<VmId> leave_vm_group(Call& call, const LeaveVmGroup& ask) {
  CHECK_OK(compute::leave_vm_group(call.txn(), ask.vm));
  return ask.vm;
}

Result<EscapedText> list_vm_groups(Call& call, const ListWindow& ask) {
  view::ListAsk which;
  which.filter = ask.filter;
  which.start = ask.start;
  which.end = ask.end;
  return list(call, ObjectKind::kVmGroup, "VM_GROUP_POOL", which);
}

OwnedKind owned_vm_groups() {
  OwnedKind kind{"vmgroup", "VMGROUP", ObjectKind::kVmGroup};
  kind.rename = [](Call& call, std::int64_t id, const std::string& name) {
    return site::rename_vm_group(call.txn(), VmGroupId{id}, name);
  };
  kind.update = [](Call& call, std::int64_t id, const text::Template& change, bool is_append) {
    return site::update_vm_group(call.txn(), VmGroupId{id}, change, is_append);
  };
  kind.chmod = [](Call& call, std::int64_t id, access::Permissions permissions) {
    return site::chmod_vm_group(call.txn(), VmGroupId{id}, permissions);
  };
  kind.chown = [](Call& call, std::int64_t id, UserId user, GroupId group) {
    return site::chown_vm_group(call.txn(), VmGroupId{id}, user, group);
  };
  return kind;
}

void add_role_methods(Registry<Call>& registry) {
  registry.add({
      method("one.vmgroup.roleadd", &add_role)
          .writes()
          .args("vmgroup", "template")
          .needs("MANAGE VMGROUP", may_manage_vm_group)
          .doc("Adds the ROLE of the template to a VM group.")
          .answers("id of the VM group"),
      method("one.vmgroup.roledelete", &delete_role)
          .writes()
          .args("vmgroup", "role")
          .needs("MANAGE VMGROUP", may_manage_vm_group)
          .doc("Removes a role that no VM has and no rule names, and that is not the last one.")
          .answers("id of the VM group"),
      method("one.vmgroup.roleupdate", &update_role)
          .writes()
          .args("vmgroup", "role", "template")
          .needs("MANAGE VMGROUP", may_manage_vm_group)
          .doc("Changes policy and hosts of a role; VMs that are placed stay where they are.")
          .answers("id of the VM group"),
  });
}

void add_member_methods(Registry<Call>& registry) {
  registry.add({
      method("one.vm.vmgroupadd", &join_vm_group)
          .writes()
          .args("vm", "vmgroup", "role")
          .needs("MANAGE VM", on_vm<Op::kManage>)
          .needs("USE VMGROUP",
                 [](Call& call, const JoinVmGroup& ask) {
                   return need(call, Op::kUse, ObjectKind::kVmGroup, ask.vm_group);
                 })
          .legacy_code(Errc::kInvalid, kActionCode)
          .doc("Gives a VM a role of a VM group. One that is on a host must fit there with what the"
               " role asks for; it is not moved.")
          .answers("id of the VM"),
      method("one.vm.vmgroupdel", &leave_vm_group)
          .writes()
          .args("vm")
          .needs("MANAGE VM", on_vm<Op::kManage>)
          .doc("Takes a VM out of its VM group.")
          .answers("id of the VM"),
  });
}

}  // namespace

void add_vm_group_methods(Registry<Call>& registry) {
  registry.add({
      method("one.vmgroup.allocate", &allocate_vm_group)
          .writes()
          .args("template")
          .needs("CREATE VMGROUP", may_create<access::Resource::kVmGroup>)
          .doc("Makes a VM group: NAME, ROLE=[NAME, POLICY=AFFINED|ANTI_AFFINED, HOST_AFFINED,"
               " HOST_ANTI_AFFINED], and between roles AFFINED=\"a, b\" and ANTI_AFFINED. VMs"
               " join by VMGROUP=[VMGROUP_ID, ROLE].")
          .answers("id of the new VM group"),
      method("one.vmgroup.delete", &delete_vm_group)
          .writes()
          .args("vmgroup")
          .needs("MANAGE VMGROUP", may_manage_vm_group)
          .doc("Deletes a VM group that no VM is in.")
          .answers("id of the VM group"),
      method("one.vmgrouppool.info", &list_vm_groups)
          .reads()
          .args("filter", "start", "end")
          .for_anyone()
          .doc("Lists the VM groups the caller may use. Filter, start and end as of"
               " one.templatepool.info.")
          .answers("VM_GROUP_POOL document"),
  });
  add_role_methods(registry);
  add_member_methods(registry);
  add_owned_methods(registry, owned_vm_groups());
  add_lock_methods(registry, {"vmgroup", "VMGROUP", ObjectKind::kVmGroup});
  add_info_method(registry, {"vmgroup", "VMGROUP", ObjectKind::kVmGroup, "VM_GROUP"});
}

}  // namespace neph::api
