#include "compute/backup_template.h"
#include "compute/vm_template.h"
#include "network/network_service.h"
#include "tests/sim/backup_site.h"

namespace neph {
namespace {

/// Backups that become new images, and templates of VMs on them.
class NewFromBackupTest : public BackupSite {
 protected:
  ImageId made_backup(VmId id) {
    const ImageId image = back_up(id);
    pass(Duration{60'000});
    return image;
  }
  Result<void> remove(ImageId id) {
    return change([&](db::Txn& txn) { return daemon().images.remove(txn, id); });
  }
  Result<compute::MadeFromBackup> make(ImageId backup, const std::string& options = "") {
    return run<compute::MadeFromBackup>([&](db::Txn& txn) {
      return compute::make_from_backup(
          txn, admin_, daemon().vms.settings(), daemon().drivers,
          {backup, DatastoreId{1}, *text::Template::parse(options)});
    });
  }
  text::Template content_of(TemplateId id) {
    return read<text::Template>(
        [&](db::Txn& txn) { return compute::find_template(txn, id).value().attributes; });
  }
  Result<VmId> instantiate(TemplateId id) {
    const auto content = content_of(id);
    return run<VmId>([&](db::Txn& txn) {
      return daemon().vms.allocate(txn, admin_,
                                   {.attributes = content, .name = {}, .made_from = id});
    });
  }
  void make_lan() {
    const auto made = run<NetworkId>([&](db::Txn& txn) {
      const auto ask = text::Template::parse(
          "NAME=lan VN_MAD=bridge BRIDGE=br0 AR=[TYPE=IP4, IP=10.0.0.10, SIZE=9]");
      return network::NetworkService{}.allocate(txn, admin_, ask.value(), ClusterId{});
    });
    ASSERT_TRUE(made) << made.error().text();
  }
  Result<void> detach_disk(VmId id, int number) {
    return change([&](db::Txn& txn) {
      return daemon().vms.detach_disk(txn, UserId{0}, id, DiskId{number});
    });
  }
  Result<void> attach_disk(VmId id, const std::string& keys) {
    return change([&](db::Txn& txn) {
      const auto ask = text::Template::parse("DISK=[" + keys + "]").value();
      return daemon().vms.attach_disk(txn, admin_, id, ask);
    });
  }
  Result<void> detach_nic(VmId id, int number) {
    return change([&](db::Txn& txn) {
      return daemon().vms.detach_nic(txn, UserId{0}, id, NicId{number});
    });
  }
};

TEST_F(NewFromBackupTest, ABackupOfAnEndedVmBecomesImagesAndATemplateOfAVmOnThem) {
  const VmId id = two_disks("NOTE=kept");
  const ImageId saved_image = made_backup(id);
  act(id, compute::Action::kTerminateHard);
  ASSERT_EQ(shown(id), "DONE");
  const auto made = make(saved_image, "NAME=again");
  ASSERT_TRUE(made) << made.error().text();
  ASSERT_EQ(made->images.size(), 2u);
  EXPECT_EQ(image(made->images[1])->name, "again-disk-1");
  EXPECT_EQ(image(made->images[0])->state, datastore::ImageState::kReady);
  EXPECT_EQ(blocks_of(made->images[0]), (sim::Blocks{{0, 7}, {1, 1}}));
  EXPECT_EQ(blocks_of(made->images[1]), (sim::Blocks{{0, 7}, {1, 2}}));
  const auto content = content_of(made->vm_template);
  EXPECT_EQ(content.get("NOTE"), "kept");
  EXPECT_EQ(content.get("MEMORY"), fmt::format("{}", vm(id).memory_mb));
  ASSERT_EQ(content.vectors("DISK").size(), 2u);
  EXPECT_EQ(content.vectors("DISK")[1]->get("IMAGE_ID"), fmt::format("{}", made->images[1]));
  const auto second = instantiate(made->vm_template);
  ASSERT_TRUE(second) << second.error().text();
  EXPECT_EQ(shown(*second), "RUNNING");
}

TEST_F(NewFromBackupTest, AVmWithContextBecomesOneThatCanBeMade) {
  const VmId id = two_disks("CONTEXT=[GREETING=hello]");
  const auto made = make(made_backup(id));
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_EQ(content_of(made->vm_template).vectors("DISK").size(), 2u);
  const auto second = instantiate(made->vm_template);
  ASSERT_TRUE(second) << second.error().text();
  EXPECT_EQ(shown(*second), "RUNNING");
  EXPECT_EQ(disk(*second, 2).kind, compute::DiskKind::kContext);
  EXPECT_EQ(vm(*second).attributes.find_vector("CONTEXT")->get("GREETING"), "hello");
}

TEST_F(NewFromBackupTest, ANewVmIsToldItsOwnAddresses) {
  make_lan();
  const VmId id = two_disks("CONTEXT=[NETWORK=YES, GREETING=hello] NIC=[NETWORK=lan]"
                            " NIC_ALIAS=[NETWORK=lan, PARENT=NIC0]");
  ASSERT_EQ(vm(id).attributes.find_vector("CONTEXT")->get("ETH0_ALIAS0_IP"), "10.0.0.11");
  const auto made = make(made_backup(id), "NO_IP=YES");
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_EQ(*content_of(made->vm_template).find_vector("CONTEXT"),
            (text::Vector{{"NETWORK", "YES"}, {"GREETING", "hello"}}));
  const auto second = instantiate(made->vm_template);
  ASSERT_TRUE(second) << second.error().text();
  const auto context = *vm(*second).attributes.find_vector("CONTEXT");
  EXPECT_EQ(context.get("ETH0_IP"), "10.0.0.12");
  EXPECT_EQ(context.get("ETH0_ALIAS0_IP"), "10.0.0.13");
}

TEST_F(NewFromBackupTest, ANewVmHasNotBeenBackedUpYet) {
  const VmId id = two_disks("BACKUP_CONFIG=[KEEP_LAST=3, DISK_IDS=\"0,1\"]");
  const auto made = make(made_backup(id));
  ASSERT_TRUE(made) << made.error().text();
  ASSERT_TRUE(vm(id).attributes.find_vector("BACKUP_CONFIG")->has("LAST_BACKUP_ID"));
  const auto content = content_of(made->vm_template);
  const auto* config = content.find_vector("BACKUP_CONFIG");
  ASSERT_NE(config, nullptr);
  EXPECT_EQ(*config, (text::Vector{{"DISK_IDS", "0,1"}, {"KEEP_LAST", "3"}}));
  const auto again = make(made_backup(two_disks()));
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_FALSE(content_of(again->vm_template).has("BACKUP_CONFIG"));
}

TEST_F(NewFromBackupTest, DevicesHaveTheirPlacesAlthoughOthersAreGone) {
  const VmId id = two_disks(fmt::format("NIC=[BRIDGE=br0] NIC=[BRIDGE=br1]"
                                        " OS=[BOOT=\"disk2,nic1\"] DISK=[IMAGE_ID=\"{}\"]",
                                        base_));
  ASSERT_TRUE(detach_disk(id, 0));
  ASSERT_TRUE(detach_nic(id, 0));
  const ImageId saved_image = made_backup(id);
  ASSERT_TRUE(detach_disk(id, 1));
  ASSERT_TRUE(attach_disk(id, "TYPE=fs,SIZE=10,DEV_PREFIX=vd"));
  ASSERT_TRUE(change([&](db::Txn& txn) -> Result<void> {
    auto changed = compute::find_vm(txn, id).value();
    changed.user_attributes.add("DISK", text::Vector{{"IMAGE_ID", "99"}});
    compute::save_vm(txn, changed);
    return {};
  }));
  const auto made = make(saved_image, "NAME=whole");
  ASSERT_TRUE(made) << made.error().text();
  const auto content = content_of(made->vm_template);
  ASSERT_EQ(content.vectors("DISK").size(), 3u) << "one was detached since";
  EXPECT_EQ(content.vectors("DISK")[0]->get("IMAGE_ID"), fmt::format("{}", made->images[0]));
  EXPECT_EQ(content.vectors("DISK")[1]->get("IMAGE_ID"), fmt::format("{}", made->images[1]));
  EXPECT_EQ(content.vectors("DISK")[2]->get("TYPE"), "fs");
  EXPECT_EQ(content.find_vector("OS")->get("BOOT"), "disk1,nic0");
  const auto second = instantiate(made->vm_template);
  ASSERT_TRUE(second) << second.error().text();
  EXPECT_EQ(shown(*second), "RUNNING");
  EXPECT_EQ(disk(*second, 1).attributes.get("ORDER"), "1");
  const auto bare = make(saved_image, "NAME=bare\nNO_NIC=YES");
  ASSERT_TRUE(bare) << bare.error().text();
  EXPECT_FALSE(content_of(bare->vm_template).find_vector("OS")->has("BOOT"));
}

TEST_F(NewFromBackupTest, OneDiskBecomesOneImageAlone) {
  const ImageId saved_image = made_backup(two_disks());
  const auto made = make(saved_image, "DISK_ID=1");
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_FALSE(made->vm_template.is_set());
  ASSERT_EQ(made->images.size(), 1u);
  EXPECT_EQ(blocks_of(made->images[0]), (sim::Blocks{{0, 7}, {1, 2}}));
  EXPECT_EQ(make(saved_image, "DISK_ID=9").error().code, Errc::kWrongState);
}

TEST_F(NewFromBackupTest, AUserGetsNoneOfTheAttributesThatOnlyAdministratorsMaySet) {
  const ImageId saved_image =
      made_backup(two_disks("OS=[KERNEL=\"/boot/vmlinuz\", ARCH=\"x86_64\"]\nNOTE=kept"));
  admin_ = {.user = UserId{7}, .name = "eve", .group = GroupId{1}, .groups = {GroupId{1}}};
  const auto made = make(saved_image);
  ASSERT_TRUE(made) << made.error().text();
  const auto content = content_of(made->vm_template);
  EXPECT_EQ(content.get("NOTE"), "kept");
  const auto* os = content.find_vector("OS");
  ASSERT_NE(os, nullptr);
  EXPECT_EQ(os->get("ARCH"), "x86_64");
  EXPECT_FALSE(os->has("KERNEL"));
}

TEST_F(NewFromBackupTest, TheBackupStaysUntilItsDisksAreCopied) {
  const ImageId saved_image = made_backup(two_disks());
  world().inject({.kind = sim::FaultKind::kError, .verb = "ensure_copied", .times = 1,
                  .error = {Errc::kUnavailable, "later", ""}});
  const auto made = make(saved_image);
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_EQ(remove(saved_image).error().code, Errc::kWrongState);
  pass(Duration{60'000});
  EXPECT_EQ(image(made->images[0])->state, datastore::ImageState::kReady);
  EXPECT_TRUE(remove(saved_image));
}

TEST_F(NewFromBackupTest, APowerCutInTheMiddleLosesNothing) {
  const ImageId saved_image = made_backup(two_disks());
  world().inject({.kind = sim::FaultKind::kError, .verb = "ensure_copied", .times = 1,
                  .error = {Errc::kUnavailable, "later", ""}});
  const auto made = make(saved_image);
  ASSERT_TRUE(made) << made.error().text();
  kill();
  pass(Duration{60'000});
  for (const ImageId fresh : made->images)
    EXPECT_EQ(image(fresh)->state, datastore::ImageState::kReady);
  EXPECT_EQ(blocks_of(made->images[1]), (sim::Blocks{{0, 7}, {1, 2}}));
}

TEST_F(NewFromBackupTest, ABackupThatIsBeingCopiedIsNotOneTooMany) {
  const VmId id = two_disks("BACKUP_CONFIG=[KEEP_LAST=1]");
  const ImageId first = made_backup(id);
  world().inject({.kind = sim::FaultKind::kError, .verb = "ensure_copied", .times = 2,
                  .error = {Errc::kUnavailable, "later", ""}});
  const auto made = make(first);
  ASSERT_TRUE(made) << made.error().text();
  const auto second = run<ImageId>(
      [&](db::Txn& txn) { return daemon().snapshots.back_up(txn, admin_, {id, kept_}); });
  ASSERT_TRUE(second) << second.error().text();
  EXPECT_TRUE(image(first)) << "it is still being read";
  pass(Duration{60'000});
  for (const ImageId fresh : made->images)
    EXPECT_EQ(image(fresh)->state, datastore::ImageState::kReady);
}

TEST_F(NewFromBackupTest, WhatIsNoBackupIsRefused) {
  const auto refused = make(base_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kWrongState);
  EXPECT_NE(refused.error().message.find("Can only restore images of type BACKUP"),
            std::string::npos)
      << refused.error().message;
}

}  // namespace
}  // namespace neph
