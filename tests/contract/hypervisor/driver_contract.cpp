#include "tests/contract/hypervisor/driver_contract.h"

namespace neph::hypervisor_driver::contract {

namespace {

std::string words(const Error& error) { return error.text(); }

/// EXPECT that tells the driver's words when a verb failed.
#define EXPECT_DONE(expression)                                     \
  do {                                                              \
    const auto neph_done = (expression);                            \
    EXPECT_TRUE(neph_done.has_value()) << words(neph_done.error()); \
  } while (false)

#define EXPECT_REFUSED(expression, expected)                                          \
  do {                                                                                \
    const auto neph_refused = (expression);                                           \
    ASSERT_FALSE(neph_refused.has_value());                                           \
    EXPECT_EQ(neph_refused.error().code, (expected)) << words(neph_refused.error()); \
  } while (false)

}  // namespace

TEST_P(DriverContract, ConnectsAndDescribesTheHost) {
  EXPECT_DONE(driver().ensure_connected(host()));
  EXPECT_DONE(driver().ensure_connected(host()));
  const auto fact = driver().inspect_host(host());
  ASSERT_DONE(fact);
  EXPECT_GE(fact->cpu_percent_total, 100);
  EXPECT_GT(fact->memory_total.value, 0);
  EXPECT_LE(fact->memory_free, fact->memory_total);
  EXPECT_FALSE(fact->architecture.empty());
  EXPECT_FALSE(fact->hypervisor.empty());
}

TEST_P(DriverContract, ADeadHostIsUnavailableAndDoesNotBlockAnother) {
  const auto dead = kit_->dead_host();
  if (!dead) GTEST_SKIP() << "no dead host here";
  EXPECT_REFUSED(driver().ensure_connected(*dead), Errc::kUnavailable);
  EXPECT_REFUSED(driver().list_domains(*dead), Errc::kUnavailable);
  EXPECT_DONE(driver().list_domains(host()));
}

TEST_P(DriverContract, ADomainThatIsNotThereIsAFactAndNotAnError) {
  const DomainRef nobody{host(), "one-4711", "00000000-0000-4000-8000-000000004711"};
  const auto fact = driver().inspect_domain(nobody);
  ASSERT_DONE(fact);
  EXPECT_EQ(fact->power, Power::kMissing);
  EXPECT_DONE(driver().ensure_destroyed(nobody));
  EXPECT_DONE(driver().ensure_undefined(nobody));
  EXPECT_REFUSED(driver().ask_shutdown(nobody), Errc::kNotFound);
  EXPECT_REFUSED(driver().reboot(nobody, Reboot::kHard), Errc::kNotFound);
  EXPECT_REFUSED(driver().ensure_unpaused(nobody), Errc::kNotFound);
}

TEST_P(DriverContract, StartsADomainOnceHoweverOftenItIsAsked) {
  const auto spec = kit_->domain("one-1");
  const auto first = driver().ensure_started(host(), spec);
  ASSERT_DONE(first);
  EXPECT_EQ(first->power, Power::kRunning);
  EXPECT_EQ(first->uuid, spec.uuid);
  EXPECT_EQ(first->name, spec.name);
  const auto again = driver().ensure_started(host(), spec);
  ASSERT_DONE(again);
  EXPECT_EQ(again->power, Power::kRunning);
  EXPECT_TRUE(kit_->wait_until([&] { return has_event(GuestEvent::Kind::kStarted, spec.name); }));
}

TEST_P(DriverContract, ListsWhatRunsAndWhatIsOnlyDefined) {
  const auto on = kit_->domain("one-1");
  const auto off = kit_->domain("one-2");
  EXPECT_DONE(driver().ensure_started(host(), on));
  EXPECT_DONE(driver().ensure_started(host(), off));
  EXPECT_DONE(driver().ensure_destroyed(ref(off)));
  const auto list = driver().list_domains(host());
  ASSERT_DONE(list);
  int seen = 0;
  for (const auto& fact : *list) {
    if (fact.uuid == on.uuid) seen += fact.power == Power::kRunning ? 1 : 0;
    if (fact.uuid == off.uuid) seen += fact.power == Power::kOff ? 1 : 0;
  }
  EXPECT_EQ(seen, 2);
}

TEST_P(DriverContract, APowerCutIsToldAsOneAndMayBeRepeated) {
  const auto spec = kit_->domain("one-1");
  EXPECT_DONE(driver().ensure_started(host(), spec));
  EXPECT_DONE(driver().ensure_destroyed(ref(spec)));
  EXPECT_DONE(driver().ensure_destroyed(ref(spec)));
  const auto fact = driver().inspect_domain(ref(spec));
  ASSERT_DONE(fact);
  EXPECT_EQ(fact->power, Power::kOff);
  EXPECT_EQ(fact->reason, StopReason::kDestroyed);
  EXPECT_TRUE(kit_->wait_until(
      [&] { return has_event(GuestEvent::Kind::kStopped, spec.name, StopReason::kDestroyed); }));
}

TEST_P(DriverContract, ADomainThatIsOffRefusesWhatNeedsARunningOne) {
  const auto spec = kit_->domain("one-1");
  EXPECT_DONE(driver().ensure_started(host(), spec));
  EXPECT_DONE(driver().ensure_destroyed(ref(spec)));
  EXPECT_REFUSED(driver().ask_shutdown(ref(spec)), Errc::kWrongState);
  EXPECT_REFUSED(driver().reboot(ref(spec), Reboot::kHard), Errc::kWrongState);
  NoProgress progress;
  EXPECT_REFUSED(driver().ensure_saved(ref(spec), kit_->fresh_path("memory"), progress),
                 Errc::kWrongState);
  EXPECT_REFUSED(driver().ensure_unpaused(ref(spec)), Errc::kWrongState);
  const PinRequest request{.disks = {{"vda", kit_->fresh_path("overlay")}}};
  EXPECT_REFUSED(driver().ensure_pinned(ref(spec), request), Errc::kWrongState);
  const auto agent = driver().has_agent(ref(spec));
  ASSERT_DONE(agent);
  EXPECT_FALSE(*agent);
}

TEST_P(DriverContract, KeepsTheDefinitionOfARunningDomain) {
  const auto spec = kit_->domain("one-1");
  EXPECT_DONE(driver().ensure_started(host(), spec));
  EXPECT_REFUSED(driver().ensure_undefined(ref(spec)), Errc::kWrongState);
  EXPECT_DONE(driver().ensure_destroyed(ref(spec)));
  EXPECT_DONE(driver().ensure_undefined(ref(spec)));
  const auto fact = driver().inspect_domain(ref(spec));
  ASSERT_DONE(fact);
  EXPECT_EQ(fact->power, Power::kMissing);
}

TEST_P(DriverContract, ARestartTakesTheNewDescription) {
  auto spec = kit_->domain("one-1");
  EXPECT_DONE(driver().ensure_started(host(), spec));
  EXPECT_DONE(driver().ensure_destroyed(ref(spec)));
  spec.memory = spec.memory + Bytes::megabytes(32);
  const auto fact = driver().ensure_started(host(), spec);
  ASSERT_DONE(fact);
  EXPECT_EQ(fact->memory, spec.memory);
}

TEST_P(DriverContract, AHardRebootKeepsTheDomainRunning) {
  const auto spec = kit_->domain("one-1");
  EXPECT_DONE(driver().ensure_started(host(), spec));
  EXPECT_DONE(driver().reboot(ref(spec), Reboot::kHard));
  const auto fact = driver().inspect_domain(ref(spec));
  ASSERT_DONE(fact);
  EXPECT_EQ(fact->power, Power::kRunning);
  EXPECT_DONE(driver().ensure_unpaused(ref(spec)));
}

TEST_P(DriverContract, SavedMemoryEndsTheDomainAndBringsItBack) {
  NEPH_NEEDS(Talent::kRestore);
  const auto spec = kit_->domain("one-1");
  const auto memory = kit_->fresh_path("memory");
  NoProgress progress;
  EXPECT_DONE(driver().ensure_started(host(), spec));
  EXPECT_DONE(driver().ensure_saved(ref(spec), memory, progress));
  EXPECT_TRUE(kit_->has_file(memory));
  const auto saved = driver().inspect_domain(ref(spec));
  ASSERT_DONE(saved);
  EXPECT_EQ(saved->power, Power::kOff);
  EXPECT_EQ(saved->reason, StopReason::kSaved);
  EXPECT_DONE(driver().ensure_saved(ref(spec), memory, progress));
  const auto back = driver().ensure_restored(host(), spec, memory, progress);
  ASSERT_DONE(back);
  EXPECT_EQ(back->power, Power::kRunning);
  const auto again = driver().ensure_restored(host(), spec, memory, progress);
  ASSERT_DONE(again);
  EXPECT_EQ(again->power, Power::kRunning);
}

TEST_P(DriverContract, ThePowerButtonEndsTheGuestByItself) {
  NEPH_NEEDS(Talent::kGuest);
  const auto spec = kit_->domain_with_agent("one-1");
  EXPECT_DONE(driver().ensure_started(host(), spec));
  ASSERT_TRUE(kit_->wait_until([&] { return driver().has_agent(ref(spec)).value_or(false); }));
  EXPECT_DONE(driver().ask_shutdown(ref(spec)));
  ASSERT_TRUE(kit_->wait_until([&] {
    const auto fact = driver().inspect_domain(ref(spec));
    return fact && fact->power == Power::kOff;
  }));
  EXPECT_EQ(driver().inspect_domain(ref(spec))->reason, StopReason::kShutdown);
  EXPECT_TRUE(kit_->wait_until(
      [&] { return has_event(GuestEvent::Kind::kStopped, spec.name, StopReason::kShutdown); }));
}

TEST_P(DriverContract, APinWithoutAFreezeSaysSoAndIsAdoptedTheSecondTime) {
  NEPH_NEEDS(Talent::kPin);
  const auto spec = kit_->domain("one-1");
  EXPECT_DONE(driver().ensure_started(host(), spec));
  const PinRequest request{.disks = {{"vda", kit_->fresh_path("overlay")}},
                           .quiesce = Quiesce::kNever};
  const auto pinned = driver().ensure_pinned(ref(spec), request);
  ASSERT_DONE(pinned);
  EXPECT_FALSE(pinned->is_frozen);
  EXPECT_FALSE(pinned->is_adopted);
  EXPECT_TRUE(pinned->captured.is_set());
  EXPECT_TRUE(kit_->has_file(request.disks[0].overlay_path));
  const auto again = driver().ensure_pinned(ref(spec), request);
  ASSERT_DONE(again);
  EXPECT_TRUE(again->is_adopted);
}

TEST_P(DriverContract, UnpinningFoldsTheOverlayBackAndRemovesIt) {
  NEPH_NEEDS(Talent::kPin);
  const auto spec = kit_->domain("one-1");
  const PinDisk overlay{"vda", kit_->fresh_path("overlay")};
  NoProgress progress;
  EXPECT_DONE(driver().ensure_started(host(), spec));
  ASSERT_DONE(driver().ensure_pinned(ref(spec), {.disks = {overlay}, .quiesce = Quiesce::kNever}));
  const auto& base = spec.disks[0].path;
  EXPECT_DONE(driver().ensure_unpinned(ref(spec), overlay, base, progress));
  EXPECT_FALSE(kit_->has_file(overlay.overlay_path));
  EXPECT_TRUE(kit_->has_file(base));
  EXPECT_DONE(driver().ensure_unpinned(ref(spec), overlay, base, progress));
  const auto fresh = driver().ensure_pinned(ref(spec), {.disks = {overlay}});
  ASSERT_DONE(fresh);
  EXPECT_FALSE(fresh->is_adopted);
}

TEST_P(DriverContract, APinBelowAnotherOneCanBeFoldedAway) {
  NEPH_NEEDS(Talent::kPin);
  const auto spec = kit_->domain("one-1");
  const PinDisk lower{"vda", kit_->fresh_path("lower")};
  const PinDisk upper{"vda", kit_->fresh_path("upper")};
  NoProgress progress;
  EXPECT_DONE(driver().ensure_started(host(), spec));
  ASSERT_DONE(driver().ensure_pinned(ref(spec), {.disks = {lower}, .quiesce = Quiesce::kNever}));
  ASSERT_DONE(driver().ensure_pinned(ref(spec), {.disks = {upper}, .quiesce = Quiesce::kNever}));
  EXPECT_DONE(driver().ensure_unpinned(ref(spec), lower, spec.disks[0].path, progress));
  EXPECT_FALSE(kit_->has_file(lower.overlay_path));
  EXPECT_TRUE(kit_->has_file(upper.overlay_path));
  EXPECT_DONE(driver().ensure_unpinned(ref(spec), upper, spec.disks[0].path, progress));
  EXPECT_FALSE(kit_->has_file(upper.overlay_path));
}

TEST_P(DriverContract, ARequiredFreezeWithoutAnAgentIsRefusedAndLeavesNothing) {
  NEPH_NEEDS(Talent::kPin);
  auto spec = kit_->domain("one-1");
  spec.has_guest_agent = false;
  EXPECT_DONE(driver().ensure_started(host(), spec));
  const PinRequest request{.disks = {{"vda", kit_->fresh_path("overlay")}},
                           .quiesce = Quiesce::kRequire};
  EXPECT_REFUSED(driver().ensure_pinned(ref(spec), request), Errc::kInvalid);
  EXPECT_FALSE(kit_->has_file(request.disks[0].overlay_path));
  EXPECT_DONE(driver().ensure_thawed(ref(spec)));
}

TEST_P(DriverContract, AWantedFreezeThatIsNotHadIsExplained) {
  NEPH_NEEDS(Talent::kPin);
  auto spec = kit_->domain("one-1");
  spec.has_guest_agent = false;
  EXPECT_DONE(driver().ensure_started(host(), spec));
  const auto proof = driver().ensure_pinned(
      ref(spec), {.disks = {{"vda", kit_->fresh_path("overlay")}}, .quiesce = Quiesce::kTry});
  ASSERT_DONE(proof);
  EXPECT_FALSE(proof->is_frozen);
  EXPECT_FALSE(proof->why_not_frozen.empty());
}

TEST_P(DriverContract, AFrozenPinIsProvenAndTheGuestIsThawed) {
  NEPH_NEEDS(Talent::kPin);
  NEPH_NEEDS(Talent::kAgent);
  const auto spec = kit_->domain_with_agent("one-1");
  EXPECT_DONE(driver().ensure_started(host(), spec));
  ASSERT_TRUE(kit_->wait_until([&] { return driver().has_agent(ref(spec)).value_or(false); }));
  const auto proof = driver().ensure_pinned(
      ref(spec), {.disks = {{"vda", kit_->fresh_path("overlay")}}, .quiesce = Quiesce::kRequire});
  ASSERT_DONE(proof);
  EXPECT_TRUE(proof->is_frozen) << proof->why_not_frozen;
  EXPECT_GE(proof->frozen_filesystems, 1);
  EXPECT_LE(proof->frozen_for, Duration{5000});
  EXPECT_DONE(driver().ensure_thawed(ref(spec)));
  EXPECT_TRUE(driver().has_agent(ref(spec)).value_or(false));
}

TEST_P(DriverContract, ADiskIsAttachedOnceAndNotOverAnother) {
  NEPH_NEEDS(Talent::kPlug);
  const auto spec = kit_->domain("one-1");
  auto second = kit_->domain("one-2").disks[0];
  second.target = "vdb";
  second.boot_order = 0;
  auto third = kit_->domain("one-3").disks[0];
  third.target = "vdb";
  EXPECT_REFUSED(driver().ensure_disk_attached(ref(spec), second), Errc::kNotFound);
  EXPECT_DONE(driver().ensure_started(host(), spec));
  EXPECT_DONE(driver().ensure_disk_attached(ref(spec), second));
  EXPECT_DONE(driver().ensure_disk_attached(ref(spec), second));
  EXPECT_REFUSED(driver().ensure_disk_attached(ref(spec), third), Errc::kConflict);
  EXPECT_DONE(driver().ensure_destroyed(ref(spec)));
  EXPECT_REFUSED(driver().ensure_disk_attached(ref(spec), second), Errc::kWrongState);
  EXPECT_REFUSED(driver().ensure_disk_detached(ref(spec), "vdb"), Errc::kWrongState);
}

TEST_P(DriverContract, AGuestGivesADiskAndANicBack) {
  NEPH_NEEDS(Talent::kPlug);
  NEPH_NEEDS(Talent::kGuest);
  const auto spec = kit_->domain_with_agent("one-1");
  auto second = kit_->domain("one-2").disks[0];
  second.target = "vdb";
  second.boot_order = 0;
  const NicSpec nic{.mac = "02:00:0a:00:00:01"};
  EXPECT_DONE(driver().ensure_started(host(), spec));
  ASSERT_TRUE(kit_->wait_until([&] { return driver().has_agent(ref(spec)).value_or(false); }));
  EXPECT_DONE(driver().ensure_disk_attached(ref(spec), second));
  EXPECT_DONE(driver().ensure_nic_attached(ref(spec), nic));
  EXPECT_DONE(driver().ensure_nic_attached(ref(spec), nic));
  EXPECT_DONE(driver().ensure_nic_detached(ref(spec), nic.mac));
  EXPECT_DONE(driver().ensure_nic_detached(ref(spec), nic.mac));
  EXPECT_REFUSED(driver().ensure_nic_updated(ref(spec), nic), Errc::kNotFound);
  EXPECT_DONE(driver().ensure_disk_detached(ref(spec), "vdb"));
  EXPECT_DONE(driver().ensure_disk_detached(ref(spec), "vdb"));
  // Gone for real: the same target takes the disk again.
  EXPECT_DONE(driver().ensure_disk_attached(ref(spec), second));
}

TEST_P(DriverContract, ARunningDisksSizeOnlyGrows) {
  NEPH_NEEDS(Talent::kPlug);
  const auto spec = kit_->domain("one-1");
  EXPECT_DONE(driver().ensure_started(host(), spec));
  EXPECT_DONE(driver().ensure_disk_resized(ref(spec), "vda", Bytes::megabytes(96)));
  EXPECT_DONE(driver().ensure_disk_resized(ref(spec), "vda", Bytes::megabytes(96)));
  EXPECT_DONE(driver().ensure_disk_resized(ref(spec), "vda", Bytes::megabytes(80)));
}

TEST_P(DriverContract, WhatADriverDoesNotSupportIsRefusedForGood) {
  const auto spec = kit_->domain("one-1");
  EXPECT_DONE(driver().ensure_started(host(), spec));
  NoProgress progress;
  if (!driver().supports(Operation::kSystemSnapshot))
    EXPECT_REFUSED(driver().ensure_snapshot_taken(ref(spec), "snap-0"), Errc::kInvalid);
  if (!driver().supports(Operation::kLiveMigration))
    EXPECT_REFUSED(driver().ensure_migrated(ref(spec), host(), progress), Errc::kInvalid);
  EXPECT_EQ(driver().inspect_domain(ref(spec))->power, Power::kRunning);
}

TEST_P(DriverContract, AForgottenHostIsConnectedAgainByTheNextVerb) {
  const auto spec = kit_->domain("one-1");
  EXPECT_DONE(driver().ensure_started(host(), spec));
  driver().forget(host().id);
  const auto fact = driver().inspect_domain(ref(spec));
  ASSERT_DONE(fact);
  EXPECT_EQ(fact->power, Power::kRunning);
}

}  // namespace neph::hypervisor_driver::contract
