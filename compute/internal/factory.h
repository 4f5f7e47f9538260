#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compute/vm_factory.h"

/// The pieces of read_new_vm(). Each reads one part of the template and says, with kInvalid, which
/// attribute has which wrong value.
namespace neph::compute {

struct Reading {
  db::Txn& txn;
  const access::Actor& actor;
  const Settings& settings;
  const text::Template& ask;
  NewVm fresh;
  /// What is only in some clusters, such as "virtual network 3"; the VM needs one that has it all.
  struct Home {
    std::string what;
    std::vector<ClusterId> clusters;
  };
  std::vector<Home> homes;
};

/// CPU, VCPU, MEMORY.
[[nodiscard]] Result<void> read_capacity(const text::Template& ask, Vm& vm);
/// Refuses what only the server writes, and what is not provided and would be ignored silently.
[[nodiscard]] Result<void> check_provided(const text::Template& ask);
/// OS, GRAPHICS, INPUT, RAW and CPU_MODEL: checked, with defaults where clients expect to see them.
[[nodiscard]] Result<void> read_machine(Reading& reading);
/// DISK, in the order of the template; also the disk of CONTEXT, and then all targets.
[[nodiscard]] Result<void> read_disks(Reading& reading);
/// NIC and NIC_ALIAS.
[[nodiscard]] Result<void> read_nics(Reading& reading);
/// One disk or NIC more, behind those that reading.fresh has; its number is set. The new one is
/// the last of reading.fresh.disks or nics then.
[[nodiscard]] Result<void> read_one_disk(Reading& reading, VmDisk disk);
[[nodiscard]] Result<void> read_one_nic(Reading& reading, VmNic nic);
/// The same for an address more of the NIC whose NAME is PARENT.
[[nodiscard]] Result<void> read_one_alias(Reading& reading, VmNic alias);
/// "one-<vm>-<nic>", for an alias its parent's.
[[nodiscard]] std::string nic_target(VmId vm, const VmNic& nic);
/// Variables of CONTEXT and RAW, and the network attributes of CONTEXT.
void fill_in_variables(db::Txn& txn, Vm& vm, const NewVm& fresh);
/// OS/BOOT, which names disks and NICs, checked; DISK/ORDER and NIC/ORDER set.
[[nodiscard]] Result<void> read_boot_order(Reading& reading);
/// AUTOMATIC_REQUIREMENTS and AUTOMATIC_DS_REQUIREMENTS.
[[nodiscard]] Result<void> read_requirements(Reading& reading);

/// Whether attributes of that name belong to TEMPLATE; all others go to USER_TEMPLATE.
[[nodiscard]] bool is_vm_attribute(std::string_view name);

[[nodiscard]] std::optional<double> real_from(std::string_view text);

/// Gives every disk without a target its own: OS images first, then CD-ROMs and the context disk,
/// then the others, each the first free letter of its prefix.
struct TargetAsk {
  DiskId disk;
  std::string prefix;
  std::string target;  ///< set: taken as it is
  int rank = 0;        ///< lower ranks choose first
};
[[nodiscard]] Result<void> assign_targets(std::vector<TargetAsk>& asks);
/// The two letters of a target or DEV_PREFIX. \returns kInvalid for a bus there is not
[[nodiscard]] Result<std::string> prefix_from(std::string_view what, std::string_view prefix);

/// CONTEXT/ETHn_* (ETHn_ALIASm_*) from the NICs and their aliases. What is written there already
/// stays. NICs as with_networks() makes them.
void add_network_context(text::Vector& context, const std::vector<VmNic>& nics);
/// The same for a VM that has more NICs now, where NETWORK=YES asks for it; and what CONTEXT says
/// of a NIC that goes. The VM is saved by the caller.
void complete_network_context(db::Txn& txn, Vm& vm);
void forget_in_context(Vm& vm, const VmNic& nic);
/// The NICs with everything that their address ranges and networks say.
[[nodiscard]] std::vector<VmNic> with_networks(db::Txn& txn, std::vector<VmNic> nics);

[[nodiscard]] std::string random_uuid();  ///< version 4, lower case
[[nodiscard]] std::string random_mac();   ///< "02:00:..", locally administered

/// What $VARIABLES of CONTEXT and RAW stand for; nullopt: unknown.
struct Variable {
  std::string name;       ///< "VMID", "USER"
  std::string attribute;  ///< of "$USER[ATTRIBUTE]", else empty
  std::string key;        ///< of "$DISK[ATTRIBUTE, KEY=\"value\"]", else empty
  std::string value;
};
using VariableLookup = std::function<std::optional<std::string>(const Variable&)>;
enum class Unknown { kBecomesEmpty, kStays };
/// Replaces variables once, left to right; what is put in is not looked at again. `\$` is a dollar.
[[nodiscard]] std::string substitute(std::string_view text, const VariableLookup& lookup,
                                     Unknown unknown);
/// Variables of a VM whose id and disks are set.
[[nodiscard]] VariableLookup variables_of(db::Txn& txn, const Vm& vm,
                                          const std::vector<VmDisk>& disks,
                                          const std::vector<VmNic>& nics);

}  // namespace neph::compute
