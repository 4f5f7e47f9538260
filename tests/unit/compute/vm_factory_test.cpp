#include "tests/unit/compute/world.h"

namespace neph::compute {
namespace {

class VmFactory : public ComputeTest {};

TEST_F(VmFactory, ReadsCapacityOwnerAndState) {
  const auto fresh = read("NAME=web CPU=0.5 VCPU=2 MEMORY=512");
  ASSERT_TRUE(fresh) << fresh.error().text();
  EXPECT_EQ(fresh->vm.name, "web");
  EXPECT_DOUBLE_EQ(fresh->vm.cpu, 0.5);
  EXPECT_EQ(fresh->vm.vcpus, 2);
  EXPECT_EQ(fresh->vm.memory_mb, 512);
  EXPECT_EQ(fresh->vm.owner, alice_.user);
  EXPECT_EQ(fresh->vm.state, VmState::kPending);
  EXPECT_EQ(fresh->vm.uuid.size(), 36U);
  EXPECT_EQ(fresh->vm.uuid[14], '4');
}

TEST_F(VmFactory, NamesTheAttributeAndItsValueInEveryRefusal) {
  EXPECT_EQ(refusal("CPU=1"), "MEMORY attribute must be a positive integer value.");
  EXPECT_EQ(refusal("CPU=1 MEMORY=512MB"),
            "MEMORY attribute must be a positive integer value, not \"512MB\".");
  EXPECT_EQ(refusal("MEMORY=1"), "CPU attribute must be a positive float or integer value.");
  EXPECT_EQ(refusal("MEMORY=1 CPU=nan"),
            "CPU attribute must be a positive float or integer value, not \"nan\".");
  EXPECT_EQ(refusal("MEMORY=1 CPU=-1"),
            "CPU attribute must be a positive float or integer value, not \"-1\".");
  EXPECT_EQ(refusal_of("VCPU=0"), "VCPU attribute must be a positive integer value, not \"0\".");
  EXPECT_EQ(refusal_of("GRAPHICS=[TYPE=rdp]"), "GRAPHICS/TYPE = \"rdp\" is neither vnc nor spice");
  EXPECT_EQ(refusal_of("GRAPHICS=[TYPE=vnc, PORT=70000]"),
            "GRAPHICS/PORT = \"70000\" is neither a TCP port nor -1");
  EXPECT_EQ(refusal_of("INPUT=[TYPE=joystick]"),
            "INPUT/TYPE = \"joystick\" is neither tablet, mouse nor keyboard");
  EXPECT_EQ(refusal_of("OS=[MACHINE=\"pc'/>\"]"), "OS/MACHINE = \"pc'/>\" is not a name");
  EXPECT_EQ(refusal_of("OS=[UUID=abc]"), "OS/UUID = \"abc\" is not a UUID");
  EXPECT_EQ(refusal_of("OS=[BOOT=\"disk7\"]"), "OS/BOOT = \"disk7\": the VM has no disk7");
  EXPECT_EQ(refusal_of("OS=[FIRMWARE=seabios]"),
            "OS/FIRMWARE = \"seabios\" is neither BIOS, UEFI nor a path");
  EXPECT_EQ(refusal_of("NAME=\"a/b\""),
            "Invalid NAME of the virtual machine, '/' is not a valid character");
}

TEST_F(VmFactory, RefusesWhatIsNotProvided) {
  EXPECT_EQ(refusal_of("PCI=[VENDOR=1234]"),
            "PCI is refused: pass-through of PCI devices is not provided");
  EXPECT_EQ(refusal_of("TOPOLOGY=[SOCKETS=2]"),
            "TOPOLOGY is refused: NUMA and CPU topologies are not provided");
  EXPECT_EQ(refusal_of("SNAPSHOT=[NAME=x]"), "SNAPSHOT is refused: only the server writes it");
  EXPECT_EQ(refusal_of("SAVED_TEMPLATE_ID=3"),
            "SAVED_TEMPLATE_ID is refused: only the server writes it");
  EXPECT_EQ(refusal_of("CONTEXT=[FILES_DS=\"$FILE[IMAGE=a]\"]"),
            "CONTEXT/FILES_DS is refused: there are no datastores of files yet");
}

TEST_F(VmFactory, RefusesUnknownNetworksAndBadNics) {
  EXPECT_THAT(refusal_of("NIC=[NETWORK=private]"),
              testing::HasSubstr("does not own a network with name: private"));
  EXPECT_EQ(refusal_of("NIC=[MODEL=virtio]\nNIC=[NETWORK_ID=3]"),
            "Error getting virtual network [3].");
  EXPECT_EQ(refusal_of("NIC=[BRIDGE=\"br0; reboot\"]"),
            "NIC 0: BRIDGE = \"br0; reboot\" is not the name of a bridge");
  EXPECT_EQ(refusal_of("NIC=[MAC=\"02:00\"]"),
            "NIC 0: MAC = \"02:00\" is not six bytes such as 02:00:0a:00:00:01");
}

TEST_F(VmFactory, GivesEveryNicAnAddressThatStays) {
  const auto id = add_vm(kSmall + "NIC_DEFAULT=[MODEL=e1000]\nNIC=[]\nNIC=[MODEL=virtio]");
  must([&](db::Txn& txn) -> Result<void> {
    const auto nics = list_nics(txn, id);
    EXPECT_EQ(nics.size(), 2U);
    EXPECT_THAT(nics[0].attributes.get("MAC"), testing::MatchesRegex("02:00(:[0-9a-f]{2}){4}"));
    EXPECT_NE(nics[0].attributes.get("MAC"), nics[1].attributes.get("MAC"));
    EXPECT_EQ(nics[0].attributes.get("MODEL"), "e1000");
    EXPECT_EQ(nics[1].attributes.get("MODEL"), "virtio");
    EXPECT_EQ(nics[1].attributes.get("TARGET"), fmt::format("one-{}-1", id));
    return {};
  });
}

TEST_F(VmFactory, PutsAttributesWhereClientsLookForThem) {
  const auto fresh = read(kSmall + "USER_NOTE=hello SCHED_RANK=FREE_CPU VMID=77 TEMPLATE_ID=3\n"
                                   "AUTOMATIC_REQUIREMENTS=x GRAPHICS=[TYPE=vnc]");
  ASSERT_TRUE(fresh) << fresh.error().text();
  EXPECT_EQ(fresh->vm.user_attributes.get("USER_NOTE"), "hello");
  EXPECT_EQ(fresh->vm.user_attributes.get("SCHED_RANK"), "FREE_CPU");
  EXPECT_EQ(fresh->vm.attributes.get("MEMORY"), "128");
  EXPECT_FALSE(fresh->vm.attributes.has("USER_NOTE"));
  for (const auto* name : {"VMID", "TEMPLATE_ID"}) {
    EXPECT_FALSE(fresh->vm.attributes.has(name) || fresh->vm.user_attributes.has(name)) << name;
  }
  EXPECT_EQ(fresh->vm.attributes.get("AUTOMATIC_REQUIREMENTS"), "!(PIN_POLICY = PINNED)");
  EXPECT_EQ(fresh->vm.attributes.find_vector("GRAPHICS")->get("LISTEN"), "127.0.0.1");
}

TEST_F(VmFactory, HoldsWhereAskedInEitherWay) {
  EXPECT_EQ(read(kSmall + "SUBMIT_ON_HOLD=YES")->vm.state, VmState::kHold);
  const auto held = in_txn([&](db::Txn& txn) -> Result<NewVm> {
    NewVmAsk ask;
    ask.attributes = TRY(text::Template::parse(kSmall));
    ask.is_held = true;
    return read_new_vm(txn, alice_, settings_, ask);
  });
  ASSERT_TRUE(held) << held.error().text();
  EXPECT_EQ(held->vm.state, VmState::kHold);
  EXPECT_EQ(held->vm.attributes.get("SUBMIT_ON_HOLD"), "YES");
}

TEST_F(VmFactory, RefusesRestrictedAttributesToOthersThanAdministrators) {
  settings_.restricted_attributes = {"NIC/BRIDGE", "CPU_COST"};
  EXPECT_EQ(refusal_of("NIC=[BRIDGE=br0]"),
            "VM Template includes a restricted attribute NIC/BRIDGE");
  EXPECT_EQ(refusal_of("CPU_COST=0"), "VM Template includes a restricted attribute CPU_COST");
  EXPECT_EQ(refusal_of("RAW=[TYPE=kvm, DATA=\"<devices/>\"]"),
            "VM Template includes a restricted attribute RAW/DATA");
  EXPECT_EQ(refusal_of("OS=[INITRD=\"/etc/shadow\"]"),
            "VM Template includes a restricted attribute OS/INITRD");
  EXPECT_EQ(read(kSmall + "NIC=[BRIDGE=br0]").error().code, Errc::kDenied);
  EXPECT_TRUE(read(kSmall + "NIC=[BRIDGE=br0]\nCPU_COST=0", root()));
}

TEST_F(VmFactory, LetsUsersInstantiateWhatAnAdministratorWrote) {
  settings_.restricted_attributes = {"NIC/BRIDGE"};
  TemplateId id;
  must([&](db::Txn& txn) -> Result<void> {
    const auto content = TRY(text::Template::parse("NAME=t NIC=[BRIDGE=br0] " + kSmall));
    id = TRY(create_template(txn, root(), settings_, content));
    return {};
  });
  const auto with_bridge = [&](const std::string& bridge) {
    return in_txn([&](db::Txn& txn) -> Result<NewVm> {
      NewVmAsk ask;
      ask.attributes = TRY(text::Template::parse(kSmall + "NIC=[BRIDGE=" + bridge + "]"));
      ask.made_from = id;
      return read_new_vm(txn, alice_, settings_, ask);
    });
  };
  EXPECT_TRUE(with_bridge("br0"));
  EXPECT_EQ(with_bridge("br1").error().code, Errc::kDenied);
}

TEST_F(VmFactory, NamesAVmAfterItsTemplateOrItsId) {
  const auto plain = add_vm(kSmall);
  must([&](db::Txn& txn) -> Result<void> {
    EXPECT_EQ(TRY(find_vm(txn, plain)).name, fmt::format("one-{}", plain));
    const auto content = TRY(text::Template::parse("NAME=web " + kSmall));
    NewVmAsk ask;
    ask.made_from = TRY(create_template(txn, alice_, settings_, content));
    ask.attributes = TRY(find_template(txn, ask.made_from)).attributes;
    const auto id = TRY(insert_new_vm(txn, TRY(read_new_vm(txn, alice_, settings_, ask))));
    const auto vm = TRY(find_vm(txn, id));
    EXPECT_EQ(vm.name, fmt::format("web-{}", id));
    EXPECT_EQ(vm.attributes.get("TEMPLATE_ID"), fmt::format("{}", ask.made_from));
    EXPECT_EQ(vm.attributes.get("VMID"), fmt::format("{}", id));
    return {};
  });
}

TEST_F(VmFactory, RefusesTheUuidOfAnotherLivingVm) {
  const std::string uuid = "OS=[UUID=\"270a7257-4d06-48cf-a8bd-48c6288d5df0\"]";
  const auto first = add_vm(kSmall + uuid);
  EXPECT_EQ(refusal_of(uuid),
            fmt::format("OS/UUID 270a7257-4d06-48cf-a8bd-48c6288d5df0 is that of VM {}", first));
  sql("UPDATE vms SET state = 6");
  EXPECT_EQ(refusal_of(uuid), "");
}

}  // namespace
}  // namespace neph::compute
