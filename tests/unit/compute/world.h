#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "access/users.h"
#include "compute/host.h"
#include "compute/vm_factory.h"
#include "compute/vm_template.h"
#include "datastore/image.h"
#include "db/database.h"
#include "tests/support/fresh_store.h"

namespace neph::compute {

/// A store with cluster 0, an image datastore 1 and a system datastore 0 in it, oneadmin and the
/// ordinary users alice and bob.
class ComputeTest : public testing::Test {
 protected:
  void SetUp() override {
    database_ = fresh_store();
    must([this](db::Txn& txn) -> Result<void> {
      CHECK_OK(access::bootstrap(txn, {"hash-of-oneadmin", "hash-of-serveradmin"}));
      bootstrap_clusters(txn);
      txn.exec("INSERT INTO datastores (id, name, user_id, group_id, permissions, type, ds_mad,"
               " tm_mad, base_path) VALUES (0, 'system', 0, 0, 384, 1, '-', 'qcow2', '/ds/0'),"
               " (1, 'images', 0, 0, 384, 0, 'fs', 'qcow2', '/ds/1')");
      txn.exec("INSERT INTO cluster_datastores VALUES (0, 0), (0, 1)");
      alice_ = TRY(add_user(txn, "alice"));
      bob_ = TRY(add_user(txn, "bob"));
      return {};
    });
  }

  template <class F>
  auto in_txn(F&& work) {
    return database_->transact_one(now_, std::forward<F>(work));
  }
  template <class F>
  void must(F&& work) {
    const auto done = in_txn(std::forward<F>(work));
    ASSERT_TRUE(done) << done.error().text();
  }
  void sql(const std::string& text) {
    must([&](db::Txn& txn) -> Result<void> {
      txn.exec(text);
      return {};
    });
  }

  static Result<access::Actor> add_user(db::Txn& txn, const std::string& name) {
    const auto id = TRY(access::create_user(txn, root(), {name, "hash-of-" + name, "", {}}));
    return access::actor_of(TRY(access::find_user(txn, id)), GroupId{}, 0177);
  }
  static access::Actor root() {
    return {UserId{0}, "oneadmin", GroupId{0}, "oneadmin", {GroupId{0}}, 0177};
  }

  static datastore::Image image_of(const access::Actor& owner, const std::string& name) {
    datastore::Image image;
    image.name = name;
    image.owner = owner.user;
    image.group = owner.group;
    image.state = datastore::ImageState::kReady;
    image.datastore = DatastoreId{1};
    image.size_mb = 1000;
    image.source = "/ds/1/" + name;
    image.attributes.set("DEV_PREFIX", "vd");
    return image;
  }
  ImageId add(datastore::Image image) {
    ImageId id;
    must([&](db::Txn& txn) -> Result<void> {
      id = datastore::insert_image(txn, std::move(image));
      return {};
    });
    return id;
  }
  ImageId add_image(const std::string& name = "debian") { return add(image_of(alice_, name)); }

  Result<NewVm> read(const std::string& source, std::optional<access::Actor> actor = {}) {
    return in_txn([&](db::Txn& txn) -> Result<NewVm> {
      NewVmAsk ask;
      ask.attributes = TRY(text::Template::parse(source));
      return read_new_vm(txn, actor.value_or(alice_), settings_, ask);
    });
  }
  /// The words of the refusal, "" when there is none.
  std::string refusal(const std::string& source) {
    const auto fresh = read(source);
    return fresh ? "" : fresh.error().message;
  }
  /// Words for what is wrong with an attribute of a VM that is fine otherwise.
  std::string refusal_of(const std::string& attributes) { return refusal(kSmall + attributes); }

  VmId add_vm(const std::string& source, std::optional<access::Actor> actor = {}) {
    VmId id;
    must([&](db::Txn& txn) -> Result<void> {
      NewVmAsk ask;
      ask.attributes = TRY(text::Template::parse(source));
      id = TRY(insert_new_vm(txn, TRY(read_new_vm(txn, actor.value_or(alice_), settings_, ask))));
      return {};
    });
    return id;
  }
  /// As after placement on the system datastore.
  VmPlan placed(VmId id) {
    VmPlan plan;
    must([&](db::Txn& txn) -> Result<void> {
      Vm vm = TRY(find_vm(txn, id));
      vm.system_datastore = DatastoreId{0};
      save_vm(txn, vm);
      plan = TRY(plan_of(txn, id));
      assign_paths(plan);
      return {};
    });
    return plan;
  }

  inline static const std::string kSmall = "CPU=1\nMEMORY=128\n";
  Instant now_{1'700'000'000'000};
  Settings settings_;
  access::Actor alice_;
  access::Actor bob_;
  std::unique_ptr<db::Database> database_;
};

}  // namespace neph::compute
