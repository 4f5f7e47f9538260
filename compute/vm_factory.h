#pragma once

#include <map>
#include <string>
#include <vector>

#include "access/permissions.h"
#include "compute/settings.h"
#include "compute/vm.h"
#include "datastore/image.h"
#include "drivers/hypervisor/driver.h"
#include "network/leases.h"
#include "text/template.h"

/// From a user's template to the rows of a VM, and from the rows to what the drivers need.
/// Facts: OpenNebula 7.4, xml.md. Pure functions where no Txn is passed.
namespace neph::compute {

/// A VM as it is to be inserted: ids are not set yet.
struct NewVm {
  Vm vm;
  std::vector<VmDisk> disks;  ///< image disks and volatile ones first, then CD-ROMs as written,
                              ///< the context disk last
  std::vector<VmNic> nics;
  std::vector<network::NicAsk> nic_asks;  ///< of the NICs that want an address of a network
  /// A LOCKED image that is being copied: the VM starts in CLONING until it is READY.
  std::vector<ImageId> waits_for;
};

struct NewVmAsk {
  text::Template attributes;     ///< NAME, CPU, VCPU, MEMORY, DISK, NIC, CONTEXT, OS, GRAPHICS ...
  std::string name;              ///< wins over NAME; empty: "one-<id>" later
  TemplateId made_from;
  bool is_held = false;
};
/// Reads and checks everything: MEMORY and CPU are there, restricted attributes (administrators
/// may), DISK [IMAGE|IMAGE_ID (with IMAGE_UNAME)] the caller may USE and whose state allows it,
/// volatile disks (TYPE=fs|swap, FORMAT, SIZE), NIC (NETWORK or NETWORK_ID, see network/leases.h;
/// BRIDGE = "..."; MODEL and nothing else for user mode),
/// server-only attributes (SAVE_AS, SAVED_*, SNAPSHOT) refused, device targets assigned (prefix
/// of DISK, image, default; vda, hda, sda ...; boot order), IMAGE attributes inherited, MAC
/// addresses made, CONTEXT variables substituted ($NAME, $VMID stays until the id is known),
/// GRAPHICS, AUTOMATIC_REQUIREMENTS from clusters of image datastores and networks. Attributes that
/// OpenNebula keeps in USER_TEMPLATE go there; capacity, OS, GRAPHICS ... stay in TEMPLATE.
/// \returns kInvalid / kDenied / kNotFound / kWrongState / kConflict naming object and reason
[[nodiscard]] Result<NewVm> read_new_vm(db::Txn& txn, const access::Actor& actor,
                                        const Settings& settings, const NewVmAsk& ask);

/// Writes the rows and takes the leases of NICs; fills in ids, names and paths that hang on the id.
/// \returns what network::take_lease() refuses
[[nodiscard]] Result<VmId> insert_new_vm(db::Txn& txn, NewVm fresh);

/// How prolog makes one disk.
struct DiskWork {
  enum class Kind { kOverlay, kUseImage, kEmpty, kContext };
  Kind kind = Kind::kOverlay;
  datastore_driver::Layer target;
  datastore_driver::Layer source;  ///< of overlays
  Bytes size;                      ///< of empty disks, and of overlays that are grown; 0: as source
};
/// Rows and images of a VM, read in one transaction, for work outside of it.
struct VmPlan {
  Vm vm;
  std::vector<VmDisk> disks;
  std::vector<VmNic> nics;
  std::vector<datastore::Image> images;  ///< those of the disks
  std::string directory;                 ///< where its files are
  std::string system_tm_mad;
  /// Restore points that disks go on from, and what those stand on: layers, top first.
  std::map<DiskId, std::vector<datastore_driver::Layer>> frozen;
};
[[nodiscard]] Result<VmPlan> plan_of(db::Txn& txn, VmId vm);
/// Fills in `path` and `format` of each disk for the system datastore the VM was placed in.
void assign_paths(VmPlan& plan);
[[nodiscard]] std::vector<DiskWork> disk_works(const VmPlan& plan);
/// context.sh and the files of the context ISO; empty when the VM has no CONTEXT.
[[nodiscard]] std::vector<datastore_driver::ContextFile> context_files(const VmPlan& plan);
/// The domain, with explicit formats and backing chains, overlay layers included.
[[nodiscard]] Result<hypervisor_driver::DomainSpec> domain_spec(const VmPlan& plan,
                                                                const Settings& settings);
/// One disk, one NIC of it, as it would be attached to the running domain.
[[nodiscard]] Result<hypervisor_driver::DiskSpec> disk_spec_of(const VmPlan& plan,
                                                               const Settings& settings,
                                                               DiskId disk);
[[nodiscard]] Result<hypervisor_driver::NicSpec> nic_spec_of(const VmNic& nic);
/// "<directory>/serial.log", also shown as TEMPLATE/SERIAL_LOG.
[[nodiscard]] std::string serial_log_path(const VmPlan& plan);

}  // namespace neph::compute
