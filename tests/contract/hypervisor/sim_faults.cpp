#include "tests/contract/hypervisor/sim_bench.h"

namespace neph::hypervisor_driver {
namespace {

using sim::FaultKind;

class SimFaults : public SimBench {};

TEST_F(SimFaults, StrikeTheOrderedCallAndNoOther) {
  world_.inject({.verb = "list_domains", .after = 1, .error = {Errc::kStalled, "slow", {}}});
  EXPECT_TRUE(hypervisor_.list_domains(host_));
  EXPECT_TRUE(hypervisor_.inspect_host(host_));
  EXPECT_EQ(hypervisor_.list_domains(host_).error().code, Errc::kStalled);
  EXPECT_TRUE(hypervisor_.list_domains(host_));
}

TEST_F(SimFaults, StrikeOnlyTheirSubject) {
  world_.inject({.verb = "*", .subject = "node2", .times = sim::kAlways});
  EXPECT_TRUE(hypervisor_.list_domains(host_));
  const HostRef other{HostId{2}, "node2", ""};
  EXPECT_FALSE(hypervisor_.list_domains(other));
  EXPECT_FALSE(hypervisor_.inspect_host(other));
  world_.clear_faults();
  EXPECT_TRUE(hypervisor_.list_domains(other));
}

TEST_F(SimFaults, ALostAnswerHidesWorkThatWasDone) {
  world_.inject({.kind = FaultKind::kLostAnswer, .verb = "ensure_started"});
  EXPECT_FALSE(hypervisor_.ensure_started(host_, spec("one-1")));
  EXPECT_EQ(hypervisor_.inspect_domain(ref("one-1"))->power, Power::kRunning);
}

TEST_F(SimFaults, ADomainMayVanishBeforeTheVerb) {
  start("one-1");
  world_.inject({.kind = FaultKind::kDomainVanishes, .verb = "ask_shutdown"});
  EXPECT_EQ(hypervisor_.ask_shutdown(ref("one-1")).error().code, Errc::kNotFound);
  EXPECT_EQ(hypervisor_.inspect_domain(ref("one-1"))->power, Power::kMissing);
}

TEST_F(SimFaults, AHostLostBetweenFreezeAndThawLeavesTheGuestToTheWatchdog) {
  start("one-1");
  world_.inject({.kind = FaultKind::kHostUnreachable, .verb = "agent.thaw"});
  const auto proof = hypervisor_.ensure_pinned(ref("one-1"), pin_request());
  EXPECT_EQ(proof.error().code, Errc::kUnavailable);
  EXPECT_TRUE(world_.find_domain("one-1")->is_frozen);
  world_.restore_host("node1");
  EXPECT_TRUE(hypervisor_.ensure_thawed(ref("one-1")));
  EXPECT_FALSE(world_.find_domain("one-1")->is_frozen);
}

TEST_F(SimFaults, HaveNamesThatAreUnderstood) {
  for (int number = 1; number <= static_cast<int>(FaultKind::kDomainVanishes); ++number) {
    const auto kind = static_cast<FaultKind>(number);
    EXPECT_EQ(sim::fault_kind_from(sim::name_of(kind)), kind);
  }
  EXPECT_FALSE(sim::fault_kind_from("rain"));
}

}  // namespace
}  // namespace neph::hypervisor_driver
