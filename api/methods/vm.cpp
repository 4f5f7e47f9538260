#include <array>
#include <utility>

#include "api/internal/methods.h"
#include "api/internal/owned_methods.h"

namespace neph::api {
namespace {

using access::Op;

struct AllocateVm {
  std::string content;
  bool is_held = false;
};
struct ShowVm {
  VmId vm;
  bool decrypt = false;
};
struct DeployVm {
  VmId vm;
  HostId host;
  bool enforce = false;
  DatastoreId datastore;
  std::string content;
};
struct ActOnVm {
  std::string action;
  VmId vm;
};
struct RecoverVm {
  VmId vm;
  IntOrBool operation;
};
struct UpdateVm {
  VmId vm;
  std::string content;
  std::int64_t update_type = 0;
};
struct RenameVm {
  VmId vm;
  std::string name;
};
struct ChmodVm {
  VmId vm;
  std::int64_t owner_use, owner_manage, owner_admin;
  std::int64_t group_use, group_manage, group_admin;
  std::int64_t other_use, other_manage, other_admin;
};
struct ChownVm {
  VmId vm;
  UserId user;
  GroupId group;
};
struct ListVms {
  std::int64_t filter = -2;
  std::int64_t start = -1;
  std::int64_t end = -1;
  std::int64_t state = -2;
  std::string query;
};

// Allocation and placement.

Result<VmId> allocate_vm(Call& call, const AllocateVm& ask) {
  compute::NewVmAsk fresh;
  fresh.attributes = TRY(text::Template::parse(ask.content));
  fresh.is_held = ask.is_held;
  return call.services().vms.allocate(call.txn(), call.actor(), fresh);
}

Result<void> may_use_host(Call& call, const DeployVm& ask) {
  return need(call, Op::kManage, ObjectKind::kHost, ask.host);
}

Result<void> may_use_datastore(Call& call, const DeployVm& ask) {
  if (!ask.datastore.is_set()) return {};
  return need(call, Op::kUse, ObjectKind::kDatastore, ask.datastore);
}

Result<VmId> deploy_vm(Call& call, const DeployVm& ask) {
  if (!TRY(text::Template::parse(ask.content)).empty()) {
    return fail(Errc::kInvalid, "NICs cannot be added while deploying: there are no networks to "
                                "choose from");
  }
  CHECK_OK(call.services().vms.deploy(call.txn(), call.actor().user,
                                      {ask.vm, ask.host, ask.enforce, ask.datastore}));
  return ask.vm;
}

// Actions.

/// Actions of OpenNebula 4.12 that have become operations of one.vm.recover.
std::optional<compute::Recover> recover_from(std::string_view action) {
  using compute::Recover;
  static constexpr auto kNames = std::to_array<std::pair<std::string_view, Recover>>({
      {"delete", Recover::kDelete},
      {"finalize", Recover::kDelete},
      {"delete-recreate", Recover::kRecreate},
      {"resubmit", Recover::kRecreate},
  });
  for (const auto& [name, how] : kNames) {
    if (name == action) return how;
  }
  return std::nullopt;
}

Result<void> may_act(Call& call, const ActOnVm& ask) {
  if (recover_from(ask.action)) return need(call, Op::kAdmin, ObjectKind::kVm, ask.vm);
  const auto action = compute::action_from(ask.action);
  if (!action) return fail(Errc::kInvalid, "Wrong action name \"{}\"", ask.action);
  return need(call, compute::right_for(*action), ObjectKind::kVm, ask.vm);
}

Result<void> act(Call& call, const ActOnVm& ask) {
  auto& vms = call.services().vms;
  const UserId by = call.actor().user;
  if (const auto how = recover_from(ask.action)) return vms.recover(call.txn(), by, ask.vm, *how);
  const auto action = compute::action_from(ask.action);
  NEPH_ASSERT(action.has_value());
  return vms.act(call.txn(), by, ask.vm, *action);
}

Result<VmId> act_on_vm(Call& call, const ActOnVm& ask) {
  auto done = act(call, ask);
  if (done) return ask.vm;
  Error error = std::move(done.error());
  if (error.code == Errc::kWrongState && !error.message.starts_with("Error performing")) {
    error.message = fmt::format("Error performing action \"{}\": {}", ask.action, error.message);
  }
  return tl::unexpected(std::move(error));
}

Result<VmId> recover_vm(Call& call, const RecoverVm& ask) {
  const auto operation = ask.operation.value;
  if (operation < 0 || operation > static_cast<int>(compute::Recover::kDeleteDb)) {
    return fail(Errc::kInvalid, "Wrong recovery operation {}: 0 failure, 1 success, 2 retry, "
                                "3 delete, 4 delete and recreate, 5 delete from the database",
                operation);
  }
  CHECK_OK(call.services().vms.recover(call.txn(), call.actor().user, ask.vm,
                                       static_cast<compute::Recover>(operation)));
  return ask.vm;
}

// What a VM is called, says and allows.

Result<VmId> update_vm(Call& call, const UpdateVm& ask) {
  const bool appends = TRY(is_append(ask.update_type));
  const auto change = TRY(text::Template::parse(ask.content));
  CHECK_OK(call.services().vms.update(call.txn(), call.actor(), ask.vm, change, appends));
  return ask.vm;
}

Result<VmId> rename_vm(Call& call, const RenameVm& ask) {
  CHECK_OK(call.services().vms.rename(call.txn(), ask.vm, ask.name));
  return ask.vm;
}

Result<void> may_chmod_vm(Call& call, const ChmodVm& ask) {
  const auto vm = TRY(compute::find_vm(call.txn(), ask.vm));
  const auto right = access::right_needed(vm.permissions, change_of(ask));
  return need(call, right, ObjectKind::kVm, ask.vm);
}

Result<VmId> chmod_vm(Call& call, const ChmodVm& ask) {
  const auto vm = TRY(compute::find_vm(call.txn(), ask.vm));
  const auto permissions = TRY(access::apply(vm.permissions, change_of(ask)));
  CHECK_OK(call.services().vms.chmod(call.txn(), ask.vm, permissions));
  return ask.vm;
}

Result<void> may_chown_vm(Call& call, const ChownVm& ask) {
  return need_chown(call, ObjectKind::kVm, ask.vm.value, ask.user, ask.group);
}

Result<VmId> chown_vm(Call& call, const ChownVm& ask) {
  CHECK_OK(call.services().vms.chown(call.txn(), ask.vm, ask.user, ask.group));
  return ask.vm;
}

// Documents.

Result<EscapedText> show_vm(Call& call, const ShowVm& ask) {
  return show(call, ObjectKind::kVm, ask.vm.value);
}

Result<EscapedText> list_pool(Call& call, const ListVms& ask, bool is_full) {
  view::ListAsk which{ask.filter, ask.start, ask.end, ask.state, is_full};
  which.query = TRY(view::Query::parse(ask.query));
  return list(call, ObjectKind::kVm, "VM_POOL", which);
}

Result<EscapedText> list_vms(Call& call, const ListVms& ask) { return list_pool(call, ask, false); }
Result<EscapedText> list_vms_in_full(Call& call, const ListVms& ask) {
  return list_pool(call, ask, true);
}

void add_vm_life_cycle(Registry<Call>& registry) {
  registry.add({
      method("one.vm.allocate", &allocate_vm)
          .writes()
          .args("template", "hold")
          .required(1)
          .needs("CREATE VM", may_create<access::Resource::kVm>)
          .legacy_code(Errc::kWrongState, kInternalCode)
          .legacy_code(Errc::kExhausted, kInternalCode)
          .doc("Makes a VM from a template; also needs USE of its images.")
          .answers("id of the new VM"),
      method("one.vm.deploy", &deploy_vm)
          .writes()
          .args("vm", "host", "enforce", "datastore", "template")
          .required(2)
          .needs("ADMIN VM", on_vm<Op::kAdmin>)
          .needs("MANAGE HOST", &may_use_host)
          .needs("USE DATASTORE", &may_use_datastore)
          .doc("Starts a VM on a host. With enforce, only if the host has the capacity.")
          .answers("id of the VM"),
      method("one.vm.action", &act_on_vm)
          .writes()
          .args("action", "vm")
          .needs("MANAGE VM, for resched, unresched and delete ADMIN VM", &may_act)
          .legacy_code(Errc::kInvalid, kActionCode)
          .doc("Does to a VM: hold, release, suspend, stop, resume, poweroff, undeploy, terminate, "
               "reboot (these four also -hard), resched, unresched, or a name of OpenNebula 4.12.")
          .answers("id of the VM"),
      method("one.vm.recover", &recover_vm)
          .writes()
          .args("vm", "operation")
          .needs("ADMIN VM", on_vm<Op::kAdmin>)
          .legacy_code(Errc::kInvalid, kActionCode)
          .doc("Gets a VM out of a state it cannot leave: 0 as if what it waits for had failed, 1 "
               "as if it had succeeded, 2 again, 3 delete, 4 delete and recreate, 5 only the row.")
          .answers("id of the VM"),
  });
}

void add_vm_attributes(Registry<Call>& registry) {
  registry.add({
      method("one.vm.update", &update_vm)
          .writes()
          .args("vm", "template", "update_type")
          .required(2)
          .needs("MANAGE VM", on_vm<Op::kManage>)
          .doc("Changes USER_TEMPLATE: update type 0 replaces it, 1 merges.")
          .answers("id of the VM"),
      method("one.vm.rename", &rename_vm)
          .writes()
          .args("vm", "name")
          .needs("MANAGE VM", on_vm<Op::kManage>)
          .doc("Renames a VM.")
          .answers("id of the VM"),
      method("one.vm.chmod", &chmod_vm)
          .writes()
          .args("vm", "owner_u", "owner_m", "owner_a", "group_u", "group_m", "group_a", "other_u",
                "other_m", "other_a")
          .needs("MANAGE VM, for the bits *_a ADMIN VM", &may_chmod_vm)
          .doc("Changes permissions; each bit is -1 keep, 0 clear, 1 set.")
          .answers("id of the VM"),
      method("one.vm.chown", &chown_vm)
          .writes()
          .args("vm", "user", "group")
          .needs("MANAGE VM, MANAGE of another USER, USE of another GROUP", &may_chown_vm)
          .doc("Gives a VM to another user, another group, or both; -1 keeps.")
          .answers("id of the VM"),
  });
}

void add_vm_documents(Registry<Call>& registry) {
  registry.add({
      method("one.vm.info", &show_vm)
          .reads()
          .args("vm", "decrypt")
          .required(1)
          .needs("USE VM", on_vm<Op::kUse>)
          .doc("Shows a VM. Nothing is stored encrypted, so decrypt changes nothing.")
          .answers("VM document"),
      method("one.vmpool.info", &list_vms)
          .reads()
          .args("filter", "start", "end", "state", "query")
          .required(4)
          .for_anyone()
          .doc("Lists the VMs the caller may use. Filter: a user id, -1 the caller's and his "
               "groups', -2 all, -3 the caller's, -4 his primary group's. From start to end, or a "
               "page when end is below -1. State -2 any, -1 any but DONE, else exactly that. Query "
               "VM.NAME=web&VM.TEMPLATE.DISK[*].IMAGE=debian, parts of values that must all be "
               "there; without a name anywhere in the VM's document.")
          .answers("VM_POOL document, VMs in brief"),
      method("one.vmpool.infoextended", &list_vms_in_full)
          .reads()
          .args("filter", "start", "end", "state", "query")
          .required(4)
          .for_anyone()
          .doc("As one.vmpool.info, with the whole documents.")
          .answers("VM_POOL document, VMs in full"),
  });
}

}  // namespace

void add_vm_methods(Registry<Call>& registry) {
  add_lock_methods(registry, {"vm", "VM", ObjectKind::kVm});
  add_vm_life_cycle(registry);
  add_vm_attributes(registry);
  add_vm_documents(registry);
}

}  // namespace neph::api
