#include "compute/host_service.h"
#include "tests/unit/compute/world.h"

namespace neph::compute {
namespace {

class Hosts : public ComputeTest {
 protected:
  Hosts() {
    drivers_.hypervisors = {{"dummy", nullptr}, {"kvm", nullptr}};
  }
  Result<HostId> allocate(const std::string& name, const std::string& vm_mad = "kvm",
                          ClusterId cluster = {}) {
    return in_txn(
        [&](db::Txn& txn) { return service_.allocate(txn, name, "kvm", vm_mad, cluster); });
  }
  Result<void> update(HostId id, const std::string& change, bool is_append) {
    return in_txn([&](db::Txn& txn) -> Result<void> {
      return service_.update(txn, id, TRY(text::Template::parse(change)), is_append);
    });
  }
  Host host(HostId id) {
    const auto found = in_txn([&](db::Txn& txn) { return find_host(txn, id); });
    EXPECT_TRUE(found) << found.error().text();
    return found.value_or(Host{});
  }

  DriverCatalogue drivers_;
  HostService service_{settings_, drivers_};
};

TEST_F(Hosts, AreReachedAsThePatternSays) {
  settings_.uri_pattern = "qemu+ssh://NAME/system?name=NAME";
  const auto id = allocate("NAME-1");
  ASSERT_TRUE(id) << id.error().text();
  EXPECT_EQ(host(*id).uri, "qemu+ssh://NAME-1/system?name=NAME-1");
  EXPECT_EQ(host(*id).cluster, ClusterId{0});
  EXPECT_EQ(host(*id).cluster_name, "default");
  EXPECT_EQ(state_of(host(*id)), HostState::kInit);
  EXPECT_EQ(host(*allocate("simulated", "dummy")).uri, "");
}

TEST_F(Hosts, AreRefusedInWordsThatNameTheCulprit) {
  ASSERT_TRUE(allocate("node1"));
  EXPECT_EQ(allocate("node1").error().message, "NAME is already taken by HOST 0.");
  EXPECT_EQ(allocate("node1").error().code, Errc::kConflict);
  EXPECT_EQ(allocate("n", "xen").error().message,
            "there is no hypervisor driver \"xen\" (there are: dummy, kvm)");
  EXPECT_EQ(allocate("n", "").error().message, "VM_MAD of host n is empty");
  EXPECT_EQ(allocate("a/b").error().code, Errc::kInvalid);
  EXPECT_EQ(allocate("n", "kvm", ClusterId{7}).error().message, "Error getting cluster [7].");
}

TEST_F(Hosts, StayWhileSomethingOfAVmIsOnThem) {
  const auto id = *allocate("node1");
  const auto remove = [&] {
    return in_txn([&](db::Txn& txn) { return service_.remove(txn, id); });
  };
  add_image();
  add_vm(kSmall + "DISK=[IMAGE_ID=0]");
  sql("UPDATE vms SET host_id = 0, state = 9");
  auto refused = remove();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kWrongState);
  EXPECT_EQ(refused.error().message, "Cannot remove host node1, there is still: VM 0");
  sql("UPDATE vms SET state = 6");
  sql("UPDATE vm_disks SET is_retained = 1");
  EXPECT_EQ(remove().error().message,
            "Cannot remove host node1, there is still: disk 0 of VM 0, which a snapshot keeps");
  sql("UPDATE vm_disks SET is_retained = 0");
  EXPECT_TRUE(remove());
  must([&](db::Txn& txn) -> Result<void> {
    EXPECT_EQ(find_host(txn, id).error().code, Errc::kNotFound);
    EXPECT_FALSE(TRY(find_vm(txn, VmId{0})).host.is_set());
    return {};
  });
}

TEST_F(Hosts, MoveToAnotherUriOnlyWhenItIsWritten) {
  const auto id = *allocate("node1");
  sql("UPDATE hosts SET is_reachable = 1, monitored_at = 5");
  ASSERT_TRUE(update(id, "LIBVIRT_URI=\"test:///default\" NOTE=a", false));
  EXPECT_EQ(host(id).uri, "test:///default");
  EXPECT_FALSE(host(id).is_reachable) << "another machine may answer there";
  sql("UPDATE hosts SET is_reachable = 1");
  ASSERT_TRUE(update(id, "NOTE=b", true));
  EXPECT_EQ(host(id).attributes.get("NOTE"), "b");
  EXPECT_EQ(host(id).uri, "test:///default");
  EXPECT_TRUE(host(id).is_reachable);
  ASSERT_TRUE(in_txn([&](db::Txn& txn) { return service_.rename(txn, id, "node2"); }));
  EXPECT_EQ(host(id).uri, "test:///default");
  ASSERT_TRUE(update(id, "NOTE=c", false));
  EXPECT_EQ(host(id).uri, "qemu+tls://node2/system");
}

TEST_F(Hosts, ShowWhatTheAdministratorAndMonitoringSay) {
  const auto id = *allocate("node1");
  const auto set = [&](HostAdmin admin) {
    return in_txn([&](db::Txn& txn) { return service_.set_admin(txn, id, admin); });
  };
  sql("UPDATE hosts SET is_reachable = 1");
  EXPECT_EQ(state_of(host(id)), HostState::kMonitored);
  ASSERT_TRUE(set(HostAdmin::kDisabled));
  EXPECT_EQ(state_of(host(id)), HostState::kDisabled);
  EXPECT_TRUE(host(id).is_reachable);
  ASSERT_TRUE(set(HostAdmin::kOffline));
  EXPECT_EQ(state_of(host(id)), HostState::kOffline);
  ASSERT_TRUE(set(HostAdmin::kEnabled));
  EXPECT_EQ(state_of(host(id)), HostState::kInit) << "nobody has looked since";
  sql("UPDATE hosts SET error = 'refused'");
  EXPECT_EQ(state_of(host(id)), HostState::kError);
  EXPECT_EQ(set(static_cast<HostAdmin>(5)).error().code, Errc::kInvalid);
}

TEST_F(Hosts, HaveNamesOfTheirOwn) {
  const auto first = *allocate("a");
  ASSERT_TRUE(allocate("b"));
  const auto rename = [&](const std::string& name) {
    return in_txn([&](db::Txn& txn) { return service_.rename(txn, first, name); });
  };
  EXPECT_TRUE(rename("a")) << "its present name";
  EXPECT_EQ(rename("b").error().message, "NAME is already taken by HOST 1.");
  EXPECT_EQ(rename("").error().code, Errc::kInvalid);
}

}  // namespace
}  // namespace neph::compute
