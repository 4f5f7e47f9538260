#include "compute/vm_factory.h"

#include <algorithm>
#include <array>

#include "access/directory.h"
#include "compute/internal/factory.h"
#include "compute/restricted.h"
#include "compute/vm_template.h"

namespace neph::compute {
namespace {

/// What the server writes into TEMPLATE or answers from columns: dropped when somebody brings it
/// along, as a template made from a VM's document does.
constexpr auto kServerAttributes = std::to_array<std::string_view>(
    {"NAME", "VMID", "TEMPLATE_ID", "AUTOMATIC_REQUIREMENTS", "AUTOMATIC_DS_REQUIREMENTS",
     "AUTOMATIC_NIC_REQUIREMENTS", "TM_MAD_SYSTEM", "SERIAL_LOG", "DISK", "NIC", "NIC_ALIAS",
     "SCHED_ACTION"});

bool is_server_attribute(std::string_view name) {
  return std::find(kServerAttributes.begin(), kServerAttributes.end(), name) !=
         kServerAttributes.end();
}

/// A copy of what the caller wrote, each attribute where clients look for it.
void distribute(const text::Template& ask, Vm& vm) {
  for (const auto& attribute : ask.attributes()) {
    if (is_server_attribute(attribute.name)) continue;
    auto& side = is_vm_attribute(attribute.name) ? vm.attributes : vm.user_attributes;
    std::visit([&](const auto& value) { side.add(attribute.name, value); }, attribute.value);
  }
}

Result<void> check_allowed(db::Txn& txn, const access::Actor& actor, const Settings& settings,
                           const NewVmAsk& ask) {
  text::Template known;
  if (ask.made_from.is_set()) known = TRY(find_template(txn, ask.made_from)).attributes;
  return check_restricted(actor, settings.restricted_attributes, ask.attributes, known,
                          "VM Template");
}

void substitute_all(text::Vector& vector, const VariableLookup& lookup) {
  const auto items = vector.items();
  for (const auto& [key, value] : items) {
    // A script is full of dollars that are the guest's own.
    const auto unknown = key == "START_SCRIPT" ? Unknown::kStays : Unknown::kBecomesEmpty;
    vector.set(key, substitute(value, lookup, unknown));
  }
}

}  // namespace

void fill_in_variables(db::Txn& txn, Vm& vm, const NewVm& fresh) {
  const auto nics = with_networks(txn, fresh.nics);
  const auto lookup = variables_of(txn, vm, fresh.disks, nics);
  std::vector<std::pair<std::string_view, text::Vector>> filled;
  for (const std::string_view name : {"CONTEXT", "RAW"}) {
    const auto* written = vm.attributes.find_vector(name);
    if (written == nullptr) continue;
    text::Vector vector = *written;
    substitute_all(vector, lookup);
    filled.emplace_back(name, std::move(vector));
  }
  // Set together at the end, because the lookup reads the same template.
  for (auto& [name, vector] : filled) {
    const bool has_network = name == "CONTEXT" && vector.is_yes("NETWORK");
    if (has_network) add_network_context(vector, nics);
    vm.attributes.set(name, std::move(vector));
  }
}

namespace {

/// The NICs as they were read, with what follows from the addresses they get.
Result<void> take_leases(db::Txn& txn, NewVm& fresh) {
  for (auto& ask : fresh.nic_asks) {
    const auto nic = std::ranges::find(fresh.nics, ask.nic, &VmNic::id);
    ask.attributes = nic->attributes;
    nic->attributes = TRY(network::take_lease(txn, ask, fresh.vm.id));
  }
  return {};
}

/// "<template name>-<id>", or "one-<id>".
std::string default_name(db::Txn& txn, const Vm& vm) {
  if (vm.made_from.is_set()) {
    const auto vm_template = find_template(txn, vm.made_from);
    if (vm_template) return fmt::format("{}-{}", vm_template->name, vm.id);
  }
  return domain_name(vm.id);
}

}  // namespace

Result<NewVm> read_new_vm(db::Txn& txn, const access::Actor& actor, const Settings& settings,
                          const NewVmAsk& ask) {
  Reading reading{txn, actor, settings, ask.attributes, {}, {}};
  Vm& vm = reading.fresh.vm;
  vm.name = ask.name.empty() ? ask.attributes.get("NAME") : ask.name;
  if (!vm.name.empty()) CHECK_OK(access::check_name("virtual machine", vm.name));
  CHECK_OK(read_capacity(ask.attributes, vm));
  CHECK_OK(check_provided(ask.attributes));
  CHECK_OK(check_allowed(txn, actor, settings, ask));
  distribute(ask.attributes, vm);
  CHECK_OK(read_machine(reading));
  CHECK_OK(read_disks(reading));
  CHECK_OK(read_nics(reading));
  CHECK_OK(read_boot_order(reading));
  CHECK_OK(read_requirements(reading));
  vm.owner = actor.user;
  vm.group = actor.group;
  vm.permissions = access::initial_permissions(actor);
  vm.created = txn.at();
  vm.made_from = ask.made_from;
  if (ask.made_from.is_set()) vm.attributes.set("TEMPLATE_ID", fmt::format("{}", ask.made_from));
  const bool is_held = ask.is_held || ask.attributes.is_yes("SUBMIT_ON_HOLD");
  // Also what tells where a VM in CLONING goes afterwards.
  if (is_held) vm.attributes.set("SUBMIT_ON_HOLD", "YES");
  vm.state = is_held ? VmState::kHold : VmState::kPending;
  if (!reading.fresh.waits_for.empty()) vm.state = VmState::kCloning;
  return std::move(reading.fresh);
}

Result<VmId> insert_new_vm(db::Txn& txn, NewVm fresh) {
  Vm& vm = fresh.vm;
  vm.id = insert_vm(txn, vm);
  CHECK_OK(take_leases(txn, fresh));
  if (vm.name.empty()) vm.name = default_name(txn, vm);
  vm.attributes.set("VMID", fmt::format("{}", vm.id));
  for (auto& nic : fresh.nics) {
    nic.vm = vm.id;
    nic.attributes.set("TARGET", nic_target(vm.id, nic));
    save_nic(txn, nic);
  }
  for (auto& disk : fresh.disks) {
    disk.vm = vm.id;
    save_disk(txn, disk);
  }
  fill_in_variables(txn, vm, fresh);
  save_vm(txn, vm);
  return vm.id;
}

}  // namespace neph::compute
