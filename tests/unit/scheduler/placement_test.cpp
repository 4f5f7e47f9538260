#include "scheduler/placement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

namespace neph::scheduler {
namespace {

using testing::HasSubstr;

HostCandidate host(std::int64_t id, ClusterId cluster = ClusterId{0}) {
  HostCandidate result;
  result.id = HostId{id};
  result.name = fmt::format("node{}", id);
  result.cluster = cluster;
  result.cluster_name = fmt::format("cluster{}", cluster);
  result.state_name = "MONITORED";
  result.cpu_free = result.cpu_max = 800;
  result.memory_free_kb = result.memory_max_kb = 8'000'000;
  return result;
}

DatastoreCandidate datastore(std::int64_t id, std::int64_t free_mb = 100'000) {
  DatastoreCandidate result;
  result.id = DatastoreId{id};
  result.name = fmt::format("system{}", id);
  result.free_mb = free_mb;
  result.total_mb = 200'000;
  return result;
}

PendingVm vm(std::int64_t id) {
  PendingVm result;
  result.id = VmId{id};
  result.memory_kb = 1'000'000;
  result.disk_mb = 1000;
  return result;
}

using HostByVm = std::map<std::int64_t, std::int64_t>;

HostByVm hosts_in(const Plan& plan) {
  HostByVm result;
  for (const auto& placement : plan.placements) result[placement.vm.value] = placement.host.value;
  return result;
}

/// Places one VM; the host's id, or -1.
std::int64_t host_for(const PendingVm& vm, const std::vector<HostCandidate>& hosts) {
  const auto result = plan({vm}, hosts, {datastore(0)});
  return result.placements.empty() ? -1 : result.placements[0].host.value;
}

std::int64_t datastore_for(const PendingVm& vm, const std::vector<DatastoreCandidate>& datastores) {
  const auto result = plan({vm}, {host(0)}, datastores);
  return result.placements.empty() ? -1 : result.placements[0].datastore.value;
}

std::string refusal_of(const PendingVm& vm, const std::vector<HostCandidate>& hosts,
                       const std::vector<DatastoreCandidate>& datastores) {
  const auto result = plan({vm}, hosts, datastores);
  EXPECT_TRUE(result.placements.empty());
  return result.refusals.size() == 1 ? result.refusals[0].reason : "not refused once";
}

TEST(Placement, NothingPendingIsAnEmptyPlan) {
  const auto result = plan({}, {host(0)}, {datastore(0)});
  EXPECT_TRUE(result.placements.empty());
  EXPECT_TRUE(result.refusals.empty());
}

TEST(Placement, PrefersFewVmsThenFreeMemoryThenTheLowestId) {
  auto busy = host(0);
  busy.running_vms = 3;
  auto small = host(1);
  small.memory_free_kb = 5'000'000;
  EXPECT_EQ(host_for(vm(1), {busy, small, host(3), host(2)}), 2);
  EXPECT_EQ(host_for(vm(1), {busy, small}), 1);
  EXPECT_EQ(host_for(vm(1), {busy}), 0);
}

TEST(Placement, SpreadsVmsBecauseEachPlacementCounts) {
  const auto result = plan({vm(1), vm(2), vm(3), vm(4)}, {host(0), host(1)}, {datastore(0)});
  EXPECT_EQ(hosts_in(result), (HostByVm{{1, 0}, {2, 1}, {3, 0}, {4, 1}}));
}

TEST(Placement, UsesUpMemoryCpuAndSpace) {
  auto memory = host(0);
  memory.memory_free_kb = 2'500'000;
  EXPECT_EQ(plan({vm(1), vm(2), vm(3)}, {memory}, {datastore(0)}).placements.size(), 2u);
  auto cpu = host(0);
  cpu.cpu_free = 150;
  EXPECT_EQ(plan({vm(1), vm(2)}, {cpu}, {datastore(0)}).placements.size(), 1u);
  EXPECT_EQ(plan({vm(1), vm(2), vm(3)}, {host(0)}, {datastore(0, 2000)}).placements.size(), 2u);
  EXPECT_EQ(plan({vm(1), vm(2)}, {host(0)}, {datastore(0, 1500), datastore(1, 1000)})
                .placements.size(),
            2u);
}

TEST(Placement, HigherPriorityThenLowerIdComesFirst) {
  auto tight = host(0);
  tight.memory_free_kb = 2'000'000;
  auto urgent = vm(9);
  urgent.priority = 5;
  auto odd = vm(2);
  odd.priority = std::nan("");
  const auto result = plan({vm(7), odd, urgent, vm(3)}, {tight}, {datastore(0)});
  EXPECT_EQ(hosts_in(result), (HostByVm{{9, 0}, {2, 0}}));
  EXPECT_EQ(result.refusals.size(), 2u);
}

TEST(Placement, SkipsDisabledAndUnreachableHosts) {
  auto disabled = host(0);
  disabled.is_enabled = false;
  auto lost = host(1);
  lost.is_reachable = false;
  EXPECT_EQ(host_for(vm(1), {disabled, lost, host(2)}), 2);
  EXPECT_EQ(host_for(vm(1), {disabled, lost}), -1);
}

TEST(Placement, KeepsToBothRequirements) {
  auto ask = vm(1);
  ask.automatic_requirements = "(CLUSTER_ID = 5 | CLUSTER_ID = 100) & !(PIN_POLICY = PINNED)";
  ask.requirements = "HYPERVISOR=kvm & \"PCI/VENDOR\" @> 10de";
  auto fitting = host(3, ClusterId{100});
  fitting.attributes =
      *text::Template::parse("HYPERVISOR=kvm\nPCI=[VENDOR=8086]\nPCI=[VENDOR=10de]");
  auto pinned = fitting;
  pinned.id = HostId{2};
  pinned.attributes.set("PIN_POLICY", std::string("PINNED"));
  auto elsewhere = fitting;
  elsewhere.id = HostId{1};
  elsewhere.cluster = ClusterId{0};
  EXPECT_EQ(host_for(ask, {host(0, ClusterId{5}), elsewhere, pinned, fitting}), 3);
  EXPECT_EQ(host_for(ask, {host(0, ClusterId{5}), elsewhere, pinned}), -1);
}

TEST(Placement, RequirementsSeeEveryBuiltInAttributeOfAHost) {
  auto one = host(4, ClusterId{7});
  one.running_vms = 2;
  one.attributes = *text::Template::parse("RACK=r1\nNAME=\"not the name\"");
  for (const auto* source :
       {"ID=4", "NAME=node4", "CLUSTER=cluster7", "CLUSTER_ID=7", "FREE_CPU=800", "MAX_CPU=800",
        "FREE_MEMORY=8000000", "MAX_MEM=8000000", "RUNNING_VMS=2", "rack=r1",
        "\"TEMPLATE/RACK\"=r1"}) {
    auto ask = vm(1);
    ask.requirements = source;
    EXPECT_EQ(host_for(ask, {one}), 4) << source;
  }
}

TEST(Placement, ExpressionsSeeWhatEarlierPlacementsLeft) {
  auto first = vm(1);
  auto second = vm(2);
  first.requirements = second.requirements = "RUNNING_VMS < 1";
  EXPECT_EQ(plan({first, second}, {host(0)}, {datastore(0)}).placements.size(), 1u);
  first.requirements = second.requirements = "";
  first.rank = second.rank = "FREE_MEMORY";
  EXPECT_EQ(hosts_in(plan({first, second}, {host(0), host(1)}, {datastore(0)})),
            (HostByVm{{1, 0}, {2, 1}}));
}

TEST(Placement, TheHighestRankWinsAndTiesFallBackToTheDefault) {
  auto ask = vm(1);
  ask.rank = "RUNNING_VMS";
  auto busy = host(5);
  busy.running_vms = 9;
  EXPECT_EQ(host_for(ask, {host(0), busy, host(1)}), 5);
  ask.rank = "NOWHERE";
  EXPECT_EQ(host_for(ask, {busy, host(1), host(0)}), 0);
}

TEST(Placement, ABoundVmGoesToItsHostOrNowhere) {
  auto ask = vm(1);
  ask.only_host = HostId{1};
  EXPECT_EQ(host_for(ask, {host(0), host(1)}), 1);
  EXPECT_EQ(refusal_of(ask, {host(0)}, {datastore(0)}),
            "no host fits: the VM is bound to host 1, which does not exist");
  auto disabled = host(1);
  disabled.is_enabled = false;
  EXPECT_EQ(refusal_of(ask, {host(0), disabled}, {datastore(0)}),
            "no host fits: host node1 (id 1) is disabled");
}

TEST(Placement, TakesTheDatastoreWithTheMostFreeSpaceOrTheHighestRank) {
  auto ask = vm(1);
  EXPECT_EQ(datastore_for(ask, {datastore(0, 5000), datastore(2, 9000), datastore(1, 9000)}), 1);
  ask.datastore_rank = "- FREE_MB";
  EXPECT_EQ(datastore_for(ask, {datastore(0, 5000), datastore(2, 9000)}), 0);
  ask.datastore_requirements = "NAME=system2 & TOTAL_MB > 1000 & ID=2";
  EXPECT_EQ(datastore_for(ask, {datastore(0, 5000), datastore(2, 9000)}), 2);
}

TEST(Placement, TakesOnlyEnabledDatastoresOfTheClusterOrOfNone) {
  auto other = datastore(0);
  other.clusters = {ClusterId{8}, ClusterId{9}};
  auto disabled = datastore(1);
  disabled.is_enabled = false;
  auto own = datastore(2, 3000);
  own.clusters = {ClusterId{1}, ClusterId{0}};
  EXPECT_EQ(datastore_for(vm(1), {other, disabled, own}), 2);
  EXPECT_EQ(datastore_for(vm(1), {other, disabled, datastore(3)}), 3);
  EXPECT_EQ(datastore_for(vm(1), {other, disabled}), -1);
  auto ask = vm(1);
  ask.datastore_requirements = "\"CLUSTERS/ID\" @> 1";
  EXPECT_EQ(datastore_for(ask, {datastore(3), own}), 2);
}

TEST(Placement, AWorseHostWinsWhenTheBestHasNoDatastore) {
  auto full = datastore(0, 10);
  full.clusters = {ClusterId{1}};
  auto roomy = datastore(1);
  roomy.clusters = {ClusterId{2}};
  auto busy = host(1, ClusterId{2});
  busy.running_vms = 50;
  const auto result = plan({vm(1)}, {host(0, ClusterId{1}), busy}, {full, roomy});
  EXPECT_EQ(hosts_in(result), (HostByVm{{1, 1}}));
}

TEST(Placement, AVmThatNeedsNoSpaceFitsIntoAFullDatastore) {
  auto ask = vm(1);
  ask.disk_mb = 0;
  EXPECT_EQ(datastore_for(ask, {datastore(0, -5)}), 0);
}

TEST(Placement, AbsurdNeedsNeitherFitNorGiveCapacityBack) {
  auto huge = vm(1);
  huge.memory_kb = huge.cpu_percent = huge.disk_mb = std::numeric_limits<std::int64_t>::max();
  auto negative = vm(2);
  negative.memory_kb = negative.cpu_percent = negative.disk_mb =
      std::numeric_limits<std::int64_t>::min();
  auto last = vm(3);
  last.memory_kb = 8'000'001;
  const auto result = plan({huge, negative, last}, {host(0)}, {datastore(0)});
  EXPECT_EQ(hosts_in(result), (HostByVm{{2, 0}}));
}

TEST(Refusals, NameHostsWithFiguresAndGroupTheRest) {
  auto ask = vm(1);
  ask.memory_kb = 524'288;
  ask.requirements = "NAME=node1 | NAME=node2";
  auto full = host(1);
  full.memory_free_kb = 1024;
  auto disabled = host(2);
  disabled.is_enabled = false;
  EXPECT_EQ(refusal_of(ask, {full, disabled, host(3), host(4), host(5)}, {datastore(0)}),
            "no host fits: host node1 (id 1) lacks memory (needs 524288 KB, 1024 KB free); "
            "3 more hosts do not match SCHED_REQUIREMENTS NAME=node1 | NAME=node2; "
            "host node2 (id 2) is disabled");
}

TEST(Refusals, CountHostsOfOneReason) {
  std::vector<HostCandidate> hosts;
  for (int i = 0; i < 3; ++i) {
    hosts.push_back(host(i));
    hosts.back().cpu_free = 50;
  }
  EXPECT_EQ(refusal_of(vm(1), hosts, {datastore(0)}),
            "no host fits: host node0 (id 0) lacks CPU (needs 100 percent of a core, 50 free); "
            "2 more hosts lack CPU");
  hosts[0].is_reachable = false;
  hosts[0].state_name = "ERROR";
  EXPECT_THAT(refusal_of(vm(1), hosts, {datastore(0)}),
              HasSubstr("1 more host lack"));
  EXPECT_THAT(refusal_of(vm(1), hosts, {datastore(0)}),
              HasSubstr("host node0 (id 0) is not reachable (state ERROR)"));
}

TEST(Refusals, SayThatThereIsNothingToChooseFrom) {
  EXPECT_EQ(refusal_of(vm(1), {}, {datastore(0)}), "no host fits: there are no hosts");
  EXPECT_EQ(refusal_of(vm(1), {host(0)}, {}),
            "no host fits: host node0 (id 0) has no fitting system datastore (there are no system "
            "datastores)");
}

TEST(Refusals, TellWhyNoDatastoreFits) {
  auto disabled = datastore(1);
  disabled.is_enabled = false;
  auto other = datastore(2);
  other.clusters = {ClusterId{9}};
  auto ask = vm(1);
  ask.datastore_requirements = "ID != 3";
  EXPECT_EQ(refusal_of(ask, {host(0)}, {datastore(0, 10), disabled, other, datastore(3)}),
            "no host fits: host node0 (id 0) has no fitting system datastore (datastore system0 "
            "(id 0) lacks space (needs 1000 MB, 10 MB free); datastore system2 (id 2) is in "
            "another cluster; datastore system3 (id 3) does not match SCHED_DS_REQUIREMENTS "
            "ID != 3; "
            "datastore system1 (id 1) is disabled)");
}

TEST(Refusals, NameTheExpressionAndThePlaceThatCannotBeRead) {
  auto ask = vm(1);
  ask.requirements = "NAME = ";
  EXPECT_EQ(refusal_of(ask, {host(0)}, {datastore(0)}),
            "SCHED_REQUIREMENTS: Parse error: expected a value at character 8, where it ends, in: "
            "NAME = ");
  ask = vm(1);
  ask.automatic_requirements = "((";
  EXPECT_THAT(refusal_of(ask, {host(0)}, {datastore(0)}), HasSubstr("AUTOMATIC_REQUIREMENTS: "));
  ask = vm(1);
  ask.rank = "1 +";
  EXPECT_THAT(refusal_of(ask, {host(0)}, {datastore(0)}), HasSubstr("SCHED_RANK: "));
  ask = vm(1);
  ask.datastore_requirements = "A";
  EXPECT_THAT(refusal_of(ask, {host(0)}, {datastore(0)}), HasSubstr("SCHED_DS_REQUIREMENTS: "));
  ask = vm(1);
  ask.datastore_rank = "*";
  EXPECT_THAT(refusal_of(ask, {host(0)}, {datastore(0)}), HasSubstr("SCHED_DS_RANK: "));
}

TEST(Refusals, StayShortWhateverNamesAndExpressionsAreLike) {
  std::vector<HostCandidate> hosts;
  for (int i = 0; i < 1000; ++i) {
    auto one = host(i);
    one.name.clear();
    for (int j = 0; j < 64; ++j) one.name += "é";
    one.is_enabled = i % 5 != 0;
    one.is_reachable = i % 5 != 1;
    if (i % 5 == 2) one.memory_free_kb = 0;
    if (i % 5 == 3) one.cpu_free = 0;
    hosts.push_back(one);
  }
  auto ask = vm(1);
  ask.requirements = "ID < 900 & NAME != \"" + std::string(5000, 'x') + "\"";
  const auto reason = refusal_of(ask, hosts, {datastore(0, 1)});
  EXPECT_LE(reason.size(), 600u);
  EXPECT_THAT(reason, HasSubstr("more hosts lack memory"));
  EXPECT_TRUE(text::Template::parse("A=\"" + reason.substr(0, 40) + "\""));
}

TEST(Scale, PlacesTwentyThousandVmsOnTwelveHundredAndFiftyHosts) {
  std::vector<HostCandidate> hosts;
  for (int i = 0; i < 1250; ++i) {
    hosts.push_back(host(i, ClusterId{i % 10}));
    hosts.back().cpu_free = 1600;
    hosts.back().memory_free_kb = 16'000'000;
    hosts.back().attributes = *text::Template::parse("HYPERVISOR=kvm\nRACK=r1\nARCH=x86_64");
  }
  std::vector<DatastoreCandidate> datastores;
  for (int i = 0; i < 20; ++i) {
    datastores.push_back(datastore(i, 10'000'000));
    datastores.back().clusters = {ClusterId{i % 10}};
  }
  std::vector<PendingVm> pending;
  for (int i = 0; i < 20'000; ++i) {
    pending.push_back(vm(i));
    pending.back().automatic_requirements =
        "(CLUSTER_ID = 0 | CLUSTER_ID < 10) & !(PIN_POLICY = PINNED)";
    pending.back().requirements = fmt::format("HYPERVISOR=kvm & ID != {}", i % 50);
    pending.back().rank = i % 2 == 0 ? "FREE_MEMORY" : "";
  }
  pending[100].requirements = "NAME=nowhere";
  const auto result = plan(pending, hosts, datastores);
  ASSERT_EQ(result.refusals.size(), 1u);
  EXPECT_EQ(result.refusals[0].reason,
            "no host fits: 1250 hosts do not match SCHED_REQUIREMENTS NAME=nowhere");
  ASSERT_EQ(result.placements.size(), 19'999u);
  std::map<std::int64_t, int> load;
  for (const auto& placement : result.placements) {
    EXPECT_NE(placement.host.value, placement.vm.value % 50);
    EXPECT_EQ(placement.host.value % 10, placement.datastore.value % 10);
    ++load[placement.host.value];
  }
  for (const auto& [id, count] : load) EXPECT_LE(count, 16) << "host " << id;
}

TEST(Scale, RefusesTwentyThousandVmsWithDifferentRequirementsAndKeepsReasonsShort) {
  std::vector<HostCandidate> hosts;
  for (int i = 0; i < 1250; ++i) {
    hosts.push_back(host(i));
    hosts.back().memory_free_kb = 10;
  }
  std::vector<PendingVm> pending;
  for (int i = 0; i < 20'000; ++i) {
    pending.push_back(vm(i));
    pending.back().requirements = fmt::format("RACK={}", i % 2500);
  }
  const auto result = plan(pending, hosts, {datastore(0)});
  ASSERT_EQ(result.refusals.size(), 20'000u);
  for (const auto& refusal : result.refusals) ASSERT_LE(refusal.reason.size(), 600u);
}

}  // namespace
}  // namespace neph::scheduler
