#include "access/directory.h"
#include "access/quota.h"
#include "access/users.h"
#include "tests/unit/datastore/bench.h"

namespace neph::datastore {
namespace {

using Images = ImageBench;
using Datastores = ImageBench;

TEST_F(Images, ShowWhoUsesThem) {
  const ImageId id = make_ready("base");
  EXPECT_EQ(shown(id), ImageState::kReady);
  use_by_vm(1, id);
  EXPECT_EQ(shown(id), ImageState::kUsed);
  look([&](db::Txn& txn) { EXPECT_EQ(image_use(txn, id).vms, std::vector<VmId>{VmId{1}}); });
}

TEST_F(Images, AreFreeAgainWhenTheVmHasEndedUnlessItsDiskIsRetained) {
  constexpr int kDone = 6;
  const ImageId free = make_ready("free");
  const ImageId kept = make_ready("kept");
  use_by_vm(1, free, kDone);
  use_by_vm(2, kept, kDone, true);
  EXPECT_EQ(shown(free), ImageState::kReady);
  EXPECT_EQ(shown(kept), ImageState::kUsed);
}

TEST_F(Images, InUseCannotBeDeletedOrChanged) {
  const ImageId id = make_ready("base");
  use_by_vm(3, id);
  const auto refuses = [&](const std::function<Result<void>(db::Txn&)>& what) {
    const auto answer = transact(what);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Errc::kWrongState);
    EXPECT_NE(answer.error().message.find("VMs 3"), std::string::npos) << answer.error().text();
  };
  refuses([&](db::Txn& txn) { return service_->remove(txn, id); });
  refuses([&](db::Txn& txn) { return service_->set_persistent(txn, id, true); });
  refuses([&](db::Txn& txn) { return service_->set_type(txn, id, "DATABLOCK"); });
  refuses([&](db::Txn& txn) { return service_->set_enabled(txn, id, false); });
  refuses([&](db::Txn& txn) { return service_->chown(txn, id, UserId{0}, GroupId{}); });
  EXPECT_EQ(image(id).state, ImageState::kReady);
}

TEST_F(Images, ThatAnUnfinishedSnapshotReadsCannotBeDeleted) {
  constexpr int kDone = 6, kFailed = 6, kReady = 5;
  const ImageId id = make_ready("base");
  use_by_vm(3, id, kDone);
  const auto set_phase = [&](int phase) {
    ASSERT_TRUE(transact([&](db::Txn& txn) -> Result<void> {
      txn.exec(
          "INSERT OR REPLACE INTO snapshots(id, set_id, user_id, group_id, vm_id, disk_id,"
          " image_id, image_name, datastore_id, kind, fires, quiesce, phase, requested_at_ms)"
          " VALUES (9, 9, 2, 1, 3, 0, 77, 'saved', 1, 1, 0, 2, ?, 0)",
          phase);
      return {};
    }));
  };
  set_phase(kFailed);
  const auto refused = transact([&](db::Txn& txn) { return service_->remove(txn, id); });
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("snapshots 9"), std::string::npos);
  set_phase(kReady);
  EXPECT_TRUE(transact([&](db::Txn& txn) { return service_->remove(txn, id); }));
}

TEST_F(Images, KeepWhatOnlyTheServerWritesThroughUpdates) {
  const ImageId id = make_ready("saved");
  ASSERT_TRUE(transact([&](db::Txn& txn) -> Result<void> {
    Image changed = TRY(find_image(txn, id));
    changed.attributes.set("SAVED_VM_ID", "4");
    changed.attributes.set("SNAPSHOT", text::Vector{{"GRADE", "frozen"}});
    save_image(txn, changed);
    return {};
  }));
  const auto update = [&](const std::string& content, bool is_append) {
    return transact([&](db::Txn& txn) -> Result<void> {
      const auto change = TRY(text::Template::parse(content));
      return service_->update(txn, root_, id, change, is_append);
    });
  };
  ASSERT_TRUE(update("NOTE=hello", false));
  EXPECT_EQ(image(id).attributes.get("SAVED_VM_ID"), "4");
  EXPECT_EQ(image(id).attributes.get("NOTE"), "hello");
  ASSERT_TRUE(update("SAVED_VM_ID=4\nNOTE=again", false)) << "an editor sends it back";
  for (const char* forged : {"SAVED_VM_ID=5", "SNAPSHOT=[GRADE=\"shutdown\"]", "SNAPSHOT=[]"}) {
    const auto answer = update(forged, true);
    ASSERT_FALSE(answer) << forged;
    EXPECT_EQ(answer.error().code, Errc::kDenied) << forged;
  }
  EXPECT_EQ(image(id).attributes.find_vector("SNAPSHOT")->get("GRADE"), "frozen");
}

TEST_F(Images, AreRenamedWithinTheirOwnersNames) {
  const ImageId id = make_ready("a");
  const ImageId other = make_ready("b");
  const auto rename = [&](const std::string& name) {
    return transact([&](db::Txn& txn) { return service_->rename(txn, id, name); });
  };
  EXPECT_TRUE(rename("a")) << "the same again";
  const auto clash = rename("b");
  ASSERT_FALSE(clash);
  EXPECT_EQ(clash.error().message, fmt::format("NAME is already taken by IMAGE {}.", other));
  EXPECT_FALSE(rename("a:b"));
  EXPECT_TRUE(rename("c"));
  EXPECT_EQ(image(id).name, "c");
}

TEST_F(Images, ChangeTypeWithinTheirKind) {
  const ImageId id = make_ready("a");
  const auto change = [&](const std::string& type) {
    return transact([&](db::Txn& txn) { return service_->set_type(txn, id, type); });
  };
  EXPECT_TRUE(change("DATABLOCK"));
  EXPECT_EQ(image(id).type, ImageType::kDatablock);
  EXPECT_FALSE(change("KERNEL"));
  EXPECT_FALSE(change("TAPE"));
  EXPECT_EQ(image(id).type, ImageType::kDatablock);
  EXPECT_TRUE(change("CDROM"));
  EXPECT_EQ(image(id).disk_type, 1);
}

TEST_F(Images, ChangeTypeAndPersistenceWhileTheyAreMade) {
  world_.inject({.kind = sim::FaultKind::kError, .verb = "ensure_copied", .times = 2});
  const auto id = allocate(fmt::format("NAME=a\nPATH=\"{}\"", put_source("a.qcow2")));
  ASSERT_TRUE(id);
  ASSERT_EQ(image(*id).state, ImageState::kLocked);
  EXPECT_TRUE(transact([&](db::Txn& txn) { return service_->set_type(txn, *id, "DATABLOCK"); }));
  EXPECT_TRUE(transact([&](db::Txn& txn) { return service_->set_persistent(txn, *id, true); }));
  EXPECT_FALSE(transact([&](db::Txn& txn) { return service_->set_enabled(txn, *id, false); }));
  lanes_.advance(Duration{60'000});
  EXPECT_EQ(image(*id).state, ImageState::kReady);
  EXPECT_EQ(image(*id).type, ImageType::kDatablock);
  EXPECT_TRUE(image(*id).is_persistent);
}

TEST_F(Images, AreDisabledAndEnabled) {
  const ImageId id = make_ready("a");
  const auto enable = [&](bool is_enabled) {
    return transact([&](db::Txn& txn) { return service_->set_enabled(txn, id, is_enabled); });
  };
  EXPECT_TRUE(enable(false));
  EXPECT_EQ(shown(id), ImageState::kDisabled);
  EXPECT_TRUE(enable(true));
  EXPECT_EQ(shown(id), ImageState::kReady);
}

TEST_F(Images, MoveIntoTheAccountOfANewOwner) {
  UserId bob;
  ASSERT_TRUE(transact([&](db::Txn& txn) -> Result<void> {
    bob = TRY(access::create_user(txn, root_, {"bob", "hash", "", {}}));
    const auto limits = TRY(text::Template::parse("DATASTORE=[ID=1, SIZE=10, IMAGES=1]"));
    return access::set_quota(txn, access::QuotaOwner::kUser, bob.value, limits);
  }));
  const ImageId first = make_ready("first");
  const ImageId second = make_ready("second");
  const auto give = [&](ImageId id) {
    return transact([&](db::Txn& txn) { return service_->chown(txn, id, bob, GroupId{}); });
  };
  ASSERT_TRUE(give(first));
  EXPECT_EQ(image(first).owner, bob);
  const auto refused = give(second);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kDenied);
  EXPECT_EQ(image(second).owner, alice_.user) << "a refusal changes nothing";
  EXPECT_TRUE(transact([&](db::Txn& txn) {
    return service_->chown(txn, first, UserId{}, GroupId{0});
  })) << "what bob has already does not count twice";
}

TEST_F(Datastores, BeginWithThreeAndBootstrapTwiceIsOnce) {
  ASSERT_TRUE(transact([&](db::Txn& txn) { return service_->bootstrap(txn); }));
  look([&](db::Txn& txn) {
    ASSERT_EQ(list_datastores(txn).size(), 3u);
    const Datastore files = find_datastore(txn, DatastoreId{2}).value();
    EXPECT_EQ(files.name, "files");
    EXPECT_EQ(files.type, DatastoreType::kFile);
    EXPECT_EQ(files.base_path, "/ds/2");
    EXPECT_EQ(files.permissions.bits, 0640);
    EXPECT_EQ(files.clusters, std::vector<ClusterId>{ClusterId{0}});
  });
}

class NewDatastores : public ImageBench {
 protected:
  Result<DatastoreId> make(const access::Actor& actor, const std::string& content,
                           ClusterId cluster = {}) {
    DatastoreId id;
    CHECK_OK(transact([&](db::Txn& txn) -> Result<void> {
      const auto ask = TRY(text::Template::parse(content));
      id = TRY(service_->allocate_datastore(txn, actor, ask, cluster));
      return {};
    }));
    return id;
  }
};

TEST_F(NewDatastores, BeginAtAHundredBelowTheirDirectory) {
  const auto id = make(root_, "NAME=fast\nDS_MAD=fs\nTM_MAD=local\nSAFE_DIRS=\"/srv\"");
  ASSERT_TRUE(id) << id.error().text();
  EXPECT_EQ(*id, DatastoreId{100});
  look([&](db::Txn& txn) {
    const Datastore made = find_datastore(txn, *id).value();
    EXPECT_EQ(made.base_path, "/ds/100");
    EXPECT_EQ(made.attributes.get("TYPE"), "IMAGE_DS");
    EXPECT_EQ(made.attributes.get("SAFE_DIRS"), "/srv");
  });
}

TEST_F(NewDatastores, AreRefusedWithTheReason) {
  const std::string good = "NAME=a\nDS_MAD=fs\nTM_MAD=local\n";
  const auto refuses = [&](const access::Actor& actor, const std::string& content, Errc code,
                           const std::string& word, ClusterId cluster = {}) {
    const auto answer = make(actor, content, cluster);
    ASSERT_FALSE(answer) << content;
    EXPECT_EQ(answer.error().code, code) << answer.error().text();
    EXPECT_NE(answer.error().message.find(word), std::string::npos) << answer.error().text();
  };
  refuses(alice_, good, Errc::kDenied, "CREATE DATASTORE");
  refuses(root_, "NAME=a\nDS_MAD=fs", Errc::kInvalid, "TM_MAD");
  refuses(root_, "NAME=a\nTM_MAD=local", Errc::kInvalid, "DS_MAD");
  refuses(root_, "NAME=a\nDS_MAD=fs\nTM_MAD=ceph", Errc::kInvalid, "there are: local");
  refuses(root_, good + "TYPE=TAPE_DS", Errc::kInvalid, "BACKUP_DS");
  refuses(root_, "NAME=default\nDS_MAD=fs\nTM_MAD=local", Errc::kConflict, "DATASTORE 1.");
  refuses(root_, good, Errc::kNotFound, "cluster [55]", ClusterId{55});
  refuses(root_, good + "BASE_PATH=\"/etc\"", Errc::kInvalid, "/etc");
  refuses(root_, good + "BASE_PATH=\"/ds/x/../../etc\"", Errc::kInvalid, "etc");
  refuses(root_, good + "BASE_PATH=\"/ds/1/mine\"", Errc::kConflict, "DATASTORE 1.");
  look([&](db::Txn& txn) { EXPECT_EQ(list_datastores(txn).size(), 3u); });
}

TEST_F(NewDatastores, MayBeForBackupsAndTakeNoImages) {
  const auto id = make(root_, "NAME=b\nDS_MAD=fs\nTM_MAD=local\nTYPE=BACKUP_DS");
  ASSERT_TRUE(id) << id.error().text();
  look([&](db::Txn& txn) {
    EXPECT_EQ(find_datastore(txn, *id).value().type, DatastoreType::kBackup);
  });
  const auto image = transact([&](db::Txn& txn) -> Result<void> {
    const auto ask = TRY(text::Template::parse("NAME=a\nTYPE=DATABLOCK\nSIZE=1"));
    return service_->allocate(txn, root_, ask, *id).map([](ImageId) {});
  });
  EXPECT_FALSE(image);
}

class DatastoreUpdates : public ImageBench {
 protected:
  Result<void> update(const std::string& content, bool is_append) {
    return transact([&](db::Txn& txn) -> Result<void> {
      const auto change = TRY(text::Template::parse(content));
      return service_->update_datastore(txn, DatastoreId{1}, change, is_append);
    });
  }
  datastore_driver::SimDatastore other_{world_};
};

TEST_F(DatastoreUpdates, ChangeTheDriversOfAnEmptyOne) {
  drivers_.datastores["dummy"] = &other_;
  ASSERT_TRUE(update("TM_MAD=dummy\nDS_MAD=dummy", true));
  look([&](db::Txn& txn) {
    const Datastore changed = find_datastore(txn, DatastoreId{1}).value();
    EXPECT_EQ(changed.tm_mad, "dummy");
    EXPECT_EQ(changed.ds_mad, "dummy");
    EXPECT_EQ(changed.attributes.get("TM_MAD"), "dummy");
  });
}

TEST_F(DatastoreUpdates, KeepTheDriverThatKnowsWhereTheImagesAre) {
  drivers_.datastores["dummy"] = &other_;
  drivers_.datastores["shared"] = &files_;
  make_ready("a");
  const auto refused = update("TM_MAD=dummy", true);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kWrongState);
  EXPECT_NE(refused.error().message.find("1 images"), std::string::npos);
  EXPECT_TRUE(update("TM_MAD=shared", true)) << "another name of the same driver";
}

TEST_F(DatastoreUpdates, KeepTypeAndKnownDrivers) {
  ASSERT_TRUE(update("SAFE_DIRS=\"/srv\"", false));
  EXPECT_FALSE(update("TM_MAD=ceph", true));
  EXPECT_FALSE(update("TYPE=SYSTEM_DS", true));
  look([&](db::Txn& txn) {
    const Datastore kept = find_datastore(txn, DatastoreId{1}).value();
    EXPECT_EQ(kept.attributes.get("TM_MAD"), "local");
    EXPECT_EQ(kept.attributes.get("SAFE_DIRS"), "/srv");
  });
}

TEST_F(Datastores, AreMeasuredRoundedAgainstWishfulness) {
  world_.set_space("/ds/1", Bytes{10'500'000});
  std::vector<Datastore> all;
  look([&](db::Txn& txn) { all.push_back(find_datastore(txn, DatastoreId{1}).value()); });
  const auto measured = service_->measure(all);
  ASSERT_EQ(measured.size(), 1u);
  ASSERT_TRUE(measured[0].usage) << measured[0].usage.error().text();
  ASSERT_TRUE(transact([&](db::Txn& txn) -> Result<void> {
    save_usage(txn, DatastoreId{1}, *measured[0].usage);
    return {};
  }));
  look([&](db::Txn& txn) {
    EXPECT_EQ(find_datastore(txn, DatastoreId{1}).value().free_mb, 10);
  });
}

}  // namespace
}  // namespace neph::datastore
