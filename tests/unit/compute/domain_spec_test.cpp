#include "tests/unit/compute/world.h"

namespace neph::compute {
namespace {

using hypervisor_driver::DiskDevice;
using hypervisor_driver::DomainSpec;
using hypervisor_driver::NicKind;
using testing::ElementsAre;
using testing::Pair;

class DomainSpecs : public ComputeTest {
 protected:
  DomainSpec spec_of(const VmPlan& plan) {
    const auto spec = domain_spec(plan, settings_);
    EXPECT_TRUE(spec) << spec.error().text();
    return spec.value_or(DomainSpec{});
  }
  DomainSpec spec_of(const std::string& source) { return spec_of(placed(add_vm(source, root()))); }
};

TEST_F(DomainSpecs, SayTheFormatOfEveryLayer) {
  auto raw = image_of(alice_, "raw");
  raw.format = datastore_driver::Format::kRaw;
  add(raw);
  const auto id = add_vm(kSmall + "DISK=[IMAGE_ID=0]");
  auto plan = placed(id);
  const auto top = fmt::format("/ds/0/{}/disk.0", id);
  auto spec = spec_of(plan);
  EXPECT_EQ(spec.disks.at(0).path, top);
  EXPECT_EQ(spec.disks.at(0).format, "qcow2");
  EXPECT_THAT(spec.disks.at(0).backing, ElementsAre(Pair("/ds/1/raw", "raw")));

  plan.disks.at(0).overlay_path = top + ".pin";
  spec = spec_of(plan);
  EXPECT_EQ(spec.disks.at(0).path, top + ".pin");
  EXPECT_THAT(spec.disks.at(0).backing, ElementsAre(Pair(top, "qcow2"), Pair("/ds/1/raw", "raw")));
}

TEST_F(DomainSpecs, OpenAPersistentImageItself) {
  auto image = image_of(alice_, "mine");
  image.is_persistent = true;
  image.format = datastore_driver::Format::kRaw;
  add(image);
  auto plan = placed(add_vm(kSmall + "DISK=[IMAGE_ID=0]"));
  auto spec = spec_of(plan);
  EXPECT_EQ(spec.disks.at(0).path, "/ds/1/mine");
  EXPECT_EQ(spec.disks.at(0).format, "raw");
  EXPECT_TRUE(spec.disks.at(0).backing.empty());
  plan.disks.at(0).overlay_path = "/ds/0/0/pin";
  spec = spec_of(plan);
  EXPECT_EQ(spec.disks.at(0).format, "qcow2");
  EXPECT_THAT(spec.disks.at(0).backing, ElementsAre(Pair("/ds/1/mine", "raw")));
}

TEST_F(DomainSpecs, RefuseADiskWhoseImageIsGone) {
  add_image();
  auto plan = placed(add_vm(kSmall + "DISK=[IMAGE_ID=0]"));
  plan.images.clear();
  const auto spec = domain_spec(plan, settings_);
  ASSERT_FALSE(spec);
  EXPECT_EQ(spec.error().message, "image 0 of disk 0 of VM 0 is gone");
}

TEST_F(DomainSpecs, HaveReadOnlyDrivesForCdromsAndContext) {
  auto cdrom = image_of(alice_, "cd");
  cdrom.type = datastore::ImageType::kCdrom;
  cdrom.format = datastore_driver::Format::kRaw;
  add(cdrom);
  const auto spec = spec_of(kSmall + "DISK=[IMAGE_ID=0]\nCONTEXT=[A=b]");
  ASSERT_EQ(spec.disks.size(), 2U);
  EXPECT_EQ(spec.disks[0].path, "/ds/1/cd");
  for (const auto& disk : spec.disks) {
    EXPECT_EQ(disk.device, DiskDevice::kCdrom);
    EXPECT_TRUE(disk.is_readonly);
    EXPECT_EQ(disk.format, "raw");
  }
  EXPECT_THAT(spec.disks[1].path, testing::EndsWith("/disk.1"));
}

TEST_F(DomainSpecs, BootAsToldOrFromTheFirstDisk) {
  add_image();
  const std::string devices = "DISK=[TYPE=fs, SIZE=1]\nDISK=[IMAGE_ID=0]\nNIC=[]\n";
  const auto by_default = spec_of(kSmall + devices);
  EXPECT_EQ(by_default.disks.at(1).boot_order, 1);
  EXPECT_EQ(by_default.disks.at(0).boot_order, 2);
  const auto told = spec_of(kSmall + devices + "OS=[BOOT=\"nic0, disk0\"]");
  EXPECT_EQ(told.nics.at(0).boot_order, 1);
  EXPECT_EQ(told.disks.at(0).boot_order, 2);
  EXPECT_EQ(told.disks.at(1).boot_order, 0);
}

TEST_F(DomainSpecs, TakeTheMachineFromVmThenDefaults) {
  const auto plain = spec_of(kSmall);
  EXPECT_EQ(plain.machine, "pc");
  EXPECT_EQ(plain.architecture, "x86_64");
  EXPECT_TRUE(plain.has_acpi && plain.has_apic && plain.has_guest_agent);
  EXPECT_FALSE(plain.has_pae || plain.has_localtime);
  EXPECT_FALSE(plain.graphics.has_value());
  settings_.vm_defaults =
      *text::Template::parse("FEATURES=[PAE=yes, ACPI=no] CPU_MODEL=[MODEL=host-passthrough]");
  const auto spec = spec_of(kSmall + "FEATURES=[ACPI=yes, GUEST_AGENT=no]\n"
                                     "OS=[MACHINE=q35, FIRMWARE=uefi, KERNEL_CMD=quiet]\n"
                                     "GRAPHICS=[TYPE=VNC, PORT=5905, PASSWD=abc]\n"
                                     "INPUT=[TYPE=tablet, BUS=usb]\n"
                                     "RAW=[TYPE=kvm, DATA=\"<a/>\"]\n"
                                     "RAW=[TYPE=xen, DATA=\"<b/>\"]");
  EXPECT_TRUE(spec.has_acpi && spec.has_pae);
  EXPECT_FALSE(spec.has_guest_agent);
  EXPECT_EQ(spec.machine, "q35");
  EXPECT_EQ(spec.firmware, "UEFI");
  EXPECT_EQ(spec.kernel_cmd, "") << "there is no kernel that could read it";
  EXPECT_EQ(spec.cpu_model, "host-passthrough");
  EXPECT_EQ(spec.graphics->port, 5905);
  EXPECT_EQ(spec.graphics->type, "vnc");
  EXPECT_EQ(spec.graphics->listen, "127.0.0.1");
  EXPECT_THAT(spec.inputs, ElementsAre(Pair("tablet", "usb")));
  EXPECT_EQ(spec.raw_xml, "<a/>");
}

TEST_F(DomainSpecs, CarryIdentityAndCapacity) {
  const auto id = add_vm("NAME=web CPU=0.5 VCPU=2 MEMORY=256\nNIC=[BRIDGE=br0]\nNIC=[]", root());
  const auto plan = placed(id);
  const auto spec = spec_of(plan);
  EXPECT_EQ(spec.name, fmt::format("one-{}", id));
  EXPECT_EQ(spec.title, "web");
  EXPECT_EQ(spec.uuid, plan.vm.uuid);
  EXPECT_EQ(spec.vcpus, 2);
  EXPECT_DOUBLE_EQ(spec.cpu_shares, 0.5);
  EXPECT_EQ(spec.memory, Bytes::megabytes(256));
  EXPECT_EQ(spec.serial_log_path, fmt::format("/ds/0/{}/serial.log", id));
  EXPECT_EQ(spec.nics.at(0).kind, NicKind::kBridge);
  EXPECT_EQ(spec.nics.at(0).source, "br0");
  EXPECT_EQ(spec.nics.at(1).kind, NicKind::kUser);
  EXPECT_EQ(spec.nics.at(1).model, "virtio");
}

TEST_F(DomainSpecs, WorkOfPrologFollowsFromTheDisks) {
  auto image = image_of(alice_, "raw");
  image.format = datastore_driver::Format::kRaw;
  add(image);
  image.name = "mine";
  image.is_persistent = true;
  add(image);
  const auto id = add_vm(kSmall + "DISK=[IMAGE_ID=0, SIZE=2000]\nDISK=[IMAGE_ID=0]\n"
                                  "DISK=[IMAGE_ID=1]\nDISK=[TYPE=swap, SIZE=7]\nCONTEXT=[A=b]");
  const auto works = disk_works(placed(id));
  ASSERT_EQ(works.size(), 5U);
  EXPECT_EQ(works[0].kind, DiskWork::Kind::kOverlay);
  EXPECT_EQ(works[0].target.path, fmt::format("/ds/0/{}/disk.0", id));
  EXPECT_EQ(works[0].target.format, datastore_driver::Format::kQcow2);
  EXPECT_EQ(works[0].source.path, "/ds/1/raw");
  EXPECT_EQ(works[0].source.format, datastore_driver::Format::kRaw);
  EXPECT_EQ(works[0].size, Bytes::megabytes(2000));
  EXPECT_EQ(works[1].size, Bytes{0}) << "as large as the image";
  EXPECT_EQ(works[2].kind, DiskWork::Kind::kUseImage);
  EXPECT_EQ(works[3].kind, DiskWork::Kind::kEmpty);
  EXPECT_EQ(works[3].size, Bytes::megabytes(7));
  EXPECT_EQ(works[3].target.format, datastore_driver::Format::kRaw);
  EXPECT_EQ(works[4].kind, DiskWork::Kind::kContext);
}

TEST_F(DomainSpecs, LeaveAFileWhereItIs) {
  add_image();
  auto plan = placed(add_vm(kSmall + "DISK=[IMAGE_ID=0]"));
  plan.disks.at(0).is_present = true;
  plan.directory = "/elsewhere";
  const auto before = plan.disks.at(0).path;
  assign_paths(plan);
  EXPECT_EQ(plan.disks.at(0).path, before);
}

}  // namespace
}  // namespace neph::compute
