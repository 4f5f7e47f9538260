#include "daemon/drivers.h"

#include "drivers/datastore/fs/fs_driver.h"
#include "drivers/datastore/sim/sim_datastore.h"
#include "drivers/hypervisor/libvirt/libvirt_driver.h"
#include "drivers/hypervisor/sim/sim_hypervisor.h"
#include "drivers/sim_world/sim_world.h"

namespace neph::daemon {
namespace {

hypervisor_driver::LibvirtDriver::Config libvirt_config(const Config& config) {
  hypervisor_driver::LibvirtDriver::Config own;
  own.embed_root = embedded_root_of(config).string();
  own.acceleration = config.acceleration;
  return own;
}

sim::WorldConfig world_config(const Config& config) {
  sim::WorldConfig own;
  own.missing_disk = sim::MissingDisk::kConjured;
  own.journal_path = (config.state / "sim-hosts").string();
  return own;
}

datastore_driver::FsDriver::Config fs_config(const Config& config) {
  datastore_driver::FsDriver::Config own;
  own.qemu_img = config.qemu_img;
  return own;
}

}  // namespace

struct Drivers::Parts {
  Parts(const Config& config, Clock& clock)
      : libvirt(libvirt_config(config), clock),
        world(clock, world_config(config)),
        simulated_hosts(world),
        files(fs_config(config), clock),
        simulated_files(world) {}

  hypervisor_driver::LibvirtDriver libvirt;
  sim::SimWorld world;
  hypervisor_driver::SimHypervisor simulated_hosts;
  datastore_driver::FsDriver files;
  datastore_driver::SimDatastore simulated_files;
};

Drivers::Drivers(const Config& config, Clock& clock)
    : parts_(std::make_unique<Parts>(config, clock)) {
  for (const auto* name : {"kvm", "qemu"}) catalogue_.hypervisors[name] = &parts_->libvirt;
  catalogue_.hypervisors["dummy"] = &parts_->simulated_hosts;
  for (const auto* name : {"local", "shared", "qcow2", "ssh"})
    catalogue_.datastores[name] = &parts_->files;
  catalogue_.datastores["dummy"] = &parts_->simulated_files;
}

Drivers::~Drivers() = default;

void Drivers::silence() {
  parts_->libvirt.listen(nullptr);
  parts_->simulated_hosts.listen(nullptr);
}

}  // namespace neph::daemon
