#include "compute/vm_roles.h"

#include "compute/vm.h"
#include "site/vm_group.h"
#include "text/expression.h"

namespace neph::compute {
namespace {

constexpr const char* kVmGroup = "VMGROUP";

/// Placement obeys roles, but nobody moves a guest because of one.
Result<void> check_place(db::Txn& txn, const Vm& vm) {
  if (vm.state != VmState::kActive || !vm.host.is_set()) return {};
  const std::string rules = site::host_requirement(txn, vm.id);
  const auto requirement = TRY(text::Requirement::parse(rules));
  const auto is_kept = requirement.matches([&](std::string_view name) {
    return name == "ID" ? std::vector<std::string>{fmt::format("{}", vm.host)}
                        : std::vector<std::string>{};
  });
  if (is_kept) return {};
  return fail(Errc::kWrongState,
              "virtual machine [{}] is on host {}, where the role does not let it be ({}): migrate "
              "it first, or power it off",
              vm.id, vm.host, rules);
}

}  // namespace

Result<void> join_vm_group(db::Txn& txn, const access::Actor& actor, VmId id, VmGroupId group,
                           const std::string& role) {
  Vm vm = TRY(find_vm(txn, id));
  if (vm.state == VmState::kDone)
    return fail(Errc::kWrongState, "virtual machine [{}] has ended", id);
  if (const auto now = site::role_of(txn, id)) {
    return fail(Errc::kWrongState,
                "virtual machine [{}] has a role of vm group {} already: take it out of that first",
                id, now->group);
  }
  site::join_role(txn, id, TRY(site::find_role(txn, actor, group, role)));
  CHECK_OK(check_place(txn, vm));
  text::Vector written;
  written.set("VMGROUP_ID", fmt::format("{}", group));
  written.set("ROLE", role);
  vm.attributes.set(kVmGroup, std::move(written));
  save_vm(txn, vm);
  return {};
}

Result<void> leave_vm_group(db::Txn& txn, VmId id) {
  Vm vm = TRY(find_vm(txn, id));
  site::leave_role(txn, id);
  vm.attributes.erase(kVmGroup);
  save_vm(txn, vm);
  return {};
}

}  // namespace neph::compute
