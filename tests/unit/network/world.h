#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "access/directory.h"
#include "access/users.h"
#include "db/database.h"
#include "network/internal/lease_rows.h"
#include "network/internal/network_rows.h"
#include "network/leases.h"
#include "network/network.h"
#include "network/security_group.h"
#include "tests/support/fresh_store.h"

namespace neph::network {

/// A fresh store with users 0 and 1, cluster 0, and VMs 0 .. 9 of user 0.
class NetworkTest : public testing::Test {
 protected:
  template <class F>
  auto in_txn(F&& work) {
    return database_->transact_one(now_, std::forward<F>(work));
  }

  void SetUp() override {
    database_ = fresh_store();
    const auto made = in_txn([](db::Txn& txn) {
      return access::bootstrap(txn, {"hash-of-oneadmin", "hash-of-serveradmin"});
    });
    ASSERT_TRUE(made) << made.error().text();
    sql("INSERT OR IGNORE INTO clusters(id, name) VALUES (0, 'default')");
    for (int id = 0; id < 10; ++id) add_vm(id, UserId{0});
  }

  void sql(const std::string& text) {
    const auto done = in_txn([&](db::Txn& txn) -> Result<void> {
      txn.exec(text);
      return {};
    });
    ASSERT_TRUE(done) << done.error().text();
  }
  void add_vm(int id, UserId user) {
    sql(fmt::format("INSERT INTO vms(id, name, user_id, group_id, permissions, state, uuid, cpu,"
                    " vcpus, memory_mb, created_at, template) VALUES"
                    " ({}, 'vm', {}, {}, 384, 1, 'u{}', 1, 1, 64, 0, '')",
                    id, user, user == UserId{0} ? 0 : 1, id));
  }
  UserId add_user(const std::string& name) {
    const auto made = in_txn([&](db::Txn& txn) {
      return access::create_user(txn, root(), {name, "hash-of-" + name, "", {}});
    });
    EXPECT_TRUE(made) << made.error().text();
    return made.value_or(UserId{});
  }
  access::Actor actor(UserId id) {
    access::Actor made;
    made.user = id;
    made.name = fmt::format("user{}", id);
    made.group = GroupId{1};
    made.groups = {GroupId{1}};
    return made;
  }
  static access::Actor root() {
    return {UserId{0}, "oneadmin", GroupId{0}, "oneadmin", {GroupId{0}}, 0177};
  }
  static text::Vector vector(const std::string& text) {
    return *text::Template::parse("NIC = [" + text + "]").value().find_vector("NIC");
  }

  /// A network of user 0 that everybody may use, with one range of IPv4 addresses.
  NetworkId add_network(const std::string& name, const std::string& ip, std::int64_t size) {
    const auto made = in_txn([&](db::Txn& txn) -> Result<NetworkId> {
      Network network;
      network.id = next_network_++;
      network.name = name;
      network.owner = UserId{0};
      network.group = GroupId{0};
      network.permissions = {0604};
      network.vn_mad = "bridge";
      network.bridge = "br0";
      network.bridge_type = "linux";
      network.attributes.set("SECURITY_GROUPS", "0");
      network.attributes.set("GATEWAY", "10.0.0.1");
      insert_network(txn, network);
      join_cluster(txn, network.id, ClusterId{0});
      AddressRange range;
      range.network = network.id;
      range.id = AddressRangeId{0};
      range.type = RangeType::kIp4;
      range.ip = Ip4::parse(ip);
      range.mac = Mac::of(0x0200, range.ip->bits);
      range.size = size;
      insert_range(txn, range);
      return network.id;
    });
    EXPECT_TRUE(made) << made.error().text();
    return made.value_or(NetworkId{});
  }
  Result<text::Vector> attach(int vm, int nic, const std::string& asked) {
    return in_txn([&](db::Txn& txn) {
      return attach_nic(txn, root(), {VmId{vm}, NicId{nic}, UserId{0}, GroupId{0}}, vector(asked));
    });
  }
  void detach(int vm, int nic) {
    const auto done = in_txn([&](db::Txn& txn) -> Result<void> {
      give_back(txn, VmId{vm}, NicId{nic});
      return {};
    });
    ASSERT_TRUE(done) << done.error().text();
  }
  std::string ip_of(const Result<text::Vector>& nic) {
    return nic ? nic->get("IP") : nic.error().text();
  }

  Instant now_{1'700'000'000'000};
  std::unique_ptr<db::Database> database_;

 private:
  struct Counter {
    std::int64_t next = 0;
    NetworkId operator++(int) { return NetworkId{next++}; }
  } next_network_;
};

}  // namespace neph::network
