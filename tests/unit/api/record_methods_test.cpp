#include <gtest/gtest.h>

#include "api/internal/methods.h"
#include "tests/unit/api/world.h"

namespace neph::api {
namespace {

/// VM 0 of alice and VM 1 of oneadmin on host 0; both were seen twice, a minute apart.
class RecordMethods : public testing::Test {
 protected:
  void SetUp() override {
    Registry<Call> rows;
    add_record_methods(rows);
    add_vm_methods(rows);
    add_host_methods(rows);
    world.serve(std::move(rows));
    world.in_transaction([&](db::Txn& txn) {
      compute::bootstrap_clusters(txn);
      txn.exec("INSERT INTO hosts(id, name, cluster_id, im_mad, vm_mad, uri)"
               " VALUES (0, 'node1', 0, 'dummy', 'dummy', '')");
      add_vm(txn, 0, world.alice);
      add_vm(txn, 1, UserId{0});
      txn.touch(ObjectKind::kHost, 0);
    });
    for (int visit = 1; visit <= 2; ++visit) {
      world.lanes.advance(Duration{60'000});
      monitoring::Reading reading{.host = HostId{0}, .at = world.lanes.clock().now()};
      reading.cpu_time_ns = visit * 60'000'000'000;
      reading.cpu_percent_total = 400;
      for (const std::int64_t vm : {0, 1})
        reading.vms.push_back({VmId{vm}, visit * 15'000'000'000, 2048, std::nullopt});
      world.samples().add(reading);
    }
  }
  static void add_vm(db::Txn& txn, std::int64_t id, UserId owner) {
    compute::Vm vm;
    vm.name = fmt::format("vm{}", id);
    vm.owner = owner;
    vm.group = GroupId{1};
    vm.permissions = access::Permissions{0600};
    vm.state = compute::VmState::kActive;
    vm.lcm = compute::LcmState::kRunning;
    vm.host = HostId{0};
    vm.memory_mb = 64;
    const VmId made = compute::insert_vm(txn, vm);
    compute::HistoryRecord record;
    record.host_name = "node1";
    record.host = HostId{0};
    record.cluster = ClusterId{0};
    record.datastore = DatastoreId{0};
    record.started = Instant{1'000'000};
    record.ended = Instant{2'000'000};
    save_history(txn, made, record);
    record.seq = 1;
    record.started = Instant{3'000'000};
    record.ended = {};
    save_history(txn, made, record);
  }
  static std::size_t count(const std::string& text, const std::string& words) {
    std::size_t found = 0;
    for (auto at = text.find(words); at != std::string::npos; at = text.find(words, at + 1))
      ++found;
    return found;
  }
  static bool has(const std::string& text, const std::string& words) {
    return text.find(words) != std::string::npos;
  }
  /// Records of the accounting of everybody.
  std::string accounting(std::int64_t start, std::int64_t end) {
    const auto told =
        world.as_admin("one.vmpool.accounting", as_int(-2) + as_int(start) + as_int(end));
    EXPECT_TRUE(told.is_success) << told.text;
    return told.text;
  }

  World world;
};

TEST_F(RecordMethods, AVmShowsWhatItUsedOldestFirst) {
  const auto told = world.as_alice("one.vm.monitoring", as_int(0));
  ASSERT_TRUE(told.is_success) << told.text;
  const auto& clock = world.lanes.clock();
  EXPECT_EQ(told.text,
            fmt::format("<MONITORING_DATA><MONITORING><ID>0</ID><MEMORY>2048</MEMORY><TIMESTAMP>{}"
                        "</TIMESTAMP></MONITORING><MONITORING><CPU>25.00</CPU><ID>0</ID><MEMORY>"
                        "2048</MEMORY><TIMESTAMP>{}</TIMESTAMP></MONITORING></MONITORING_DATA>",
                        clock.now().seconds() - 60, clock.now().seconds()));
}

TEST_F(RecordMethods, MonitoringNeedsTheRightToUse) {
  EXPECT_EQ(world.as_alice("one.vm.monitoring", as_int(1)).code, 512);
  EXPECT_EQ(world.as_alice("one.host.monitoring", as_int(0)).code, 512);
  EXPECT_EQ(world.as_admin("one.vm.monitoring", as_int(99)).code, 1024);
  EXPECT_EQ(world.as_admin("one.host.monitoring", as_int(99)).code, 1024);
}

TEST_F(RecordMethods, ParametersAreChecked) {
  EXPECT_TRUE(world.as_admin("one.vm.monitoring").is_fault);
  EXPECT_TRUE(world.as_admin("one.host.monitoring", as_string("0")).is_fault);
  EXPECT_TRUE(world.as_admin("one.vmpool.monitoring").is_fault);
  EXPECT_TRUE(world.as_admin("one.vmpool.accounting", as_int(-2) + as_int(-1)).is_fault);
  EXPECT_TRUE(world.as_admin("one.vmpool.infoset", as_string("0")).is_fault);
  const std::string wrong = as_int(-9);
  EXPECT_FALSE(world.as_admin("one.vmpool.monitoring", wrong).is_success);
  EXPECT_FALSE(
      world.as_admin("one.vmpool.accounting", wrong + as_int(-1) + as_int(-1)).is_success);
}

TEST_F(RecordMethods, AHostShowsWhatIsUsedOfIt) {
  const auto told = world.as_admin("one.host.monitoring", as_int(0));
  ASSERT_TRUE(told.is_success) << told.text;
  EXPECT_EQ(count(told.text, "<MONITORING>"), 2u);
  EXPECT_TRUE(has(told.text, "<FREE_CPU>300</FREE_CPU>")) << told.text;
  EXPECT_TRUE(has(told.text, "<USED_CPU>100</USED_CPU>")) << told.text;
  EXPECT_EQ(count(world.as_admin("one.hostpool.monitoring").text, "<MONITORING>"), 2u);
  EXPECT_EQ(count(world.as_admin("one.hostpool.monitoring", as_int(0)).text, "<MONITORING>"), 1u);
  EXPECT_EQ(world.as_alice("one.hostpool.monitoring").text,
            "<MONITORING_DATA></MONITORING_DATA>");
}

TEST_F(RecordMethods, APoolShowsTheVmsOfTheFilterByTheirIds) {
  const auto all = world.as_admin("one.vmpool.monitoring", as_int(-2)).text;
  EXPECT_EQ(count(all, "<MONITORING>"), 4u);
  EXPECT_LT(all.rfind("<ID>0</ID>"), all.find("<ID>1</ID>"));
  EXPECT_EQ(count(world.as_admin("one.vmpool.monitoring", as_int(-2) + as_int(0)).text,
                  "<MONITORING>"), 2u);
  EXPECT_EQ(count(world.as_admin("one.vmpool.monitoring", as_int(-2) + as_int(30)).text,
                  "<MONITORING>"), 2u) << "the earlier ones are a minute old";
  EXPECT_FALSE(has(world.as_alice("one.vmpool.monitoring", as_int(-2)).text, "<ID>1</ID>"));
}

TEST_F(RecordMethods, DocumentsShowTheLastSample) {
  EXPECT_TRUE(has(world.as_alice("one.vm.info", as_int(0)).text, "<MONITORING><CPU>25.00</CPU>"));
  const std::string window = as_int(-2) + as_int(-1) + as_int(-1) + as_int(-1);
  const auto brief = world.as_alice("one.vmpool.info", window).text;
  EXPECT_TRUE(has(brief, "<MONITORING><CPU><![CDATA[25.00]]></CPU>")) << brief;
  EXPECT_TRUE(has(world.as_alice("one.vmpool.infoextended", window).text,
                  "<MONITORING><CPU>25.00</CPU>"));
  EXPECT_TRUE(has(world.as_admin("one.hostpool.info").text, "<USED_CPU>100</USED_CPU>"));
  EXPECT_TRUE(has(world.as_admin("one.host.info", as_int(0)).text, "<USED_CPU>100</USED_CPU>"));
}

TEST_F(RecordMethods, AVmThatIsOffUsesNothing) {
  world.in_transaction([](db::Txn& txn) {
    auto vm = compute::find_vm(txn, VmId{0}).value();
    vm.state = compute::VmState::kPoweroff;
    vm.lcm = compute::LcmState::kInit;
    save_vm(txn, vm);
  });
  EXPECT_TRUE(has(world.as_alice("one.vm.info", as_int(0)).text, "<MONITORING></MONITORING>"));
  EXPECT_EQ(count(world.as_alice("one.vm.monitoring", as_int(0)).text, "<MONITORING>"), 2u);
}

TEST_F(RecordMethods, AccountingShowsEachRecordWithItsVm) {
  const auto all = accounting(-1, -1);
  EXPECT_EQ(count(all, "<HISTORY>"), 4u);
  EXPECT_EQ(count(all, "<VM><ID>0</ID>"), 2u);
  EXPECT_EQ(count(all, "<HISTORY_RECORDS></HISTORY_RECORDS>"), 4u) << "the VM's own";
  EXPECT_EQ(count(all, "</VM></HISTORY>"), 4u);
  EXPECT_LT(all.find("<OID>0</OID><SEQ>1</SEQ>"), all.find("<OID>1</OID><SEQ>0</SEQ>"));
}

TEST_F(RecordMethods, AccountingLeavesOutWhatIsNotOfTheTime) {
  EXPECT_EQ(count(accounting(2000, -1), "<SEQ>0</SEQ>"), 0u) << "it had ended";
  EXPECT_EQ(count(accounting(1999, -1), "<SEQ>0</SEQ>"), 2u);
  EXPECT_EQ(count(accounting(9000, -1), "<SEQ>1</SEQ>"), 2u) << "it has not ended";
  EXPECT_EQ(count(accounting(-1, 3000), "<SEQ>1</SEQ>"), 0u) << "it had not begun";
  EXPECT_EQ(count(accounting(-1, 3001), "<SEQ>1</SEQ>"), 2u);
}

TEST_F(RecordMethods, AccountingShowsWhatTheCallerMayUse) {
  const auto mine =
      world.as_alice("one.vmpool.accounting", as_int(-2) + as_int(-1) + as_int(-1)).text;
  EXPECT_EQ(count(mine, "<HISTORY>"), 2u);
  const auto roots =
      world.as_admin("one.vmpool.accounting", as_int(-3) + as_int(-1) + as_int(-1)).text;
  EXPECT_EQ(count(roots, "<OID>1</OID>"), 2u);
  EXPECT_EQ(count(roots, "<OID>0</OID>"), 0u);
}

TEST_F(RecordMethods, ASetShowsTheVmsThatAreThereAndAllowed) {
  const auto set = [&](const std::string& ids, bool is_extended) {
    return world.as_alice("one.vmpool.infoset",
                          as_string(ids) + "<param><value><boolean>" +
                              (is_extended ? "1" : "0") + "</boolean></value></param>");
  };
  EXPECT_EQ(count(set("1,0,0,77", false).text, "<VM>"), 1u);
  EXPECT_FALSE(has(set("0", false).text, "<PERMISSIONS>"));
  EXPECT_TRUE(has(set("0", true).text, "<PERMISSIONS>"));
  EXPECT_EQ(set("", false).text, "<VM_POOL></VM_POOL>");
  const auto wrong = set("0,x", false);
  EXPECT_FALSE(wrong.is_success);
  EXPECT_NE(wrong.text.find("\"x\""), std::string::npos) << wrong.text;
}

}  // namespace
}  // namespace neph::api
