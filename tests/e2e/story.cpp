#include "tests/e2e/story.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <tuple>

#include "cli/states.h"
#include "tests/e2e/disk_check.h"
#include "tests/e2e/waiting.h"

namespace neph::e2e {

using std::chrono::milliseconds;

// Two stories at a time on two cores without KVM.
const std::array<Story::Step, Story::kSteps> Story::kStory{{
    {"create", milliseconds(300), &Story::create},
    {"boot", milliseconds(9'000), &Story::boot},
    {"hot", milliseconds(1'500), &Story::take_hot},
    {"arm", milliseconds(100), &Story::arm},
    {"power off", milliseconds(2'500), &Story::power_off},
    {"boot again", milliseconds(9'500), &Story::boot_again},
    {"clean up", milliseconds(2'500), &Story::clean_up},
}};

Story::Story(Cloud& cloud, std::string name, std::function<void()> revive)
    : cloud_(cloud), name_(std::move(name)), revive_(std::move(revive)) {}

void Story::play() {
  using Clock = std::chrono::steady_clock;
  for (int number = 0; number < kSteps; ++number) {
    step_ = number;
    const auto& [name, usual, told] = kStory.at(static_cast<std::size_t>(number));
    const auto start = Clock::now();
    try {
      surely([this, told = told] { (this->*told)(); });
    } catch (const std::exception& problem) {
      throw std::runtime_error(fmt::format("step \"{}\": {}", name, problem.what()));
    }
    took_.at(static_cast<std::size_t>(number)) =
        std::chrono::duration_cast<milliseconds>(Clock::now() - start);
  }
  step_ = kSteps;
}

void Story::surely(const std::function<void()>& stretch) {
  while (true) {
    try {
      stretch();
      return;
    } catch (const std::exception&) {
      if (strikes_ == noticed_) throw;
    }
    noticed_ = strikes_;
    revive_();
  }
}

void Story::await(const std::string& what, const std::function<bool()>& holds) {
  e2e::await(what, [&] {
    revive_();
    return holds();
  });
}

std::string Story::times() const {
  std::string words;
  for (int number = 0; number < kSteps; ++number) {
    const auto i = static_cast<std::size_t>(number);
    words += fmt::format("{}{} {} ms", number == 0 ? "" : ", ", kStory.at(i).name,
                         took_.at(i).count());
  }
  return words;
}

std::int64_t Story::find_vm(const std::string& name) {
  constexpr int kNotDone = -1;
  const auto pool = cloud_.document("one.vmpool.info", {-2, -1, -1, kNotDone});
  for (const Element* vm : pool.all("VM"))
    if (vm->get("NAME") == name) return vm->number("ID", -1);
  return -1;
}

std::int64_t Story::ensure_vm(const std::string& suffix, const GuestAsk& ask) {
  auto named = ask;
  named.name = name_ + suffix;
  const auto found = find_vm(named.name);
  return found >= 0 ? found : cloud_.create_guest(named);
}

Shot Story::ensure_shot(const std::string& suffix, const std::string& kind) {
  const auto made = cloud_.document("neph.snapshot.list", {-2});
  for (const Element* shot : made.all("SNAPSHOT"))
    if (shot->get("IMAGE_NAME") == name_ + suffix)
      return {shot->number("ID", -1), shot->number("IMAGE_ID", -1)};
  return cloud_.take(guest_, name_ + suffix, "QUIESCE=TRY KIND=" + kind);
}

void Story::await_running(std::int64_t vm) {
  constexpr int kRetry = 2;
  await(fmt::format("VM {} to run", vm), [&] {
    const auto document = cloud_.vm(vm);
    const auto state = cli::vm_state_name(document);
    if (state == "RUNNING") return true;
    const bool is_down = state == "POWEROFF" || cli::has_vm_failed(document);
    if (is_down && !is_guest_hit_)
      throw std::runtime_error(fmt::format("VM {} is {}, but nobody touched its guest: {}", vm,
                                           state, document.get("USER_TEMPLATE/ERROR")));
    // The next look tells whether it helped; a host that is not back yet refuses.
    if (state == "POWEROFF")
      std::ignore = cloud_.call("one.vm.action", {"resume", vm});
    else if (is_down)
      std::ignore = cloud_.call("one.vm.recover", {vm, kRetry});
    return false;
  });
}

void Story::await_marker(std::int64_t vm) {
  const auto end = fmt::format("NEPH READY marker={} ", name_);
  await(fmt::format("VM {} to show marker {}", vm, name_), [&] {
    if (cloud_.serial_log(vm).find(end) != std::string::npos) return true;
    await_running(vm);
    return false;
  });
}

void Story::await_shot(const Shot& shot) {
  await(fmt::format("snapshot {} to be ready", shot.id), [&] {
    const auto document = cloud_.snapshot(shot);
    const auto phase = document.get("PHASE");
    if (phase == "ready") return true;
    if (phase != "failed" && phase != "cancelled") return false;
    if (phase != "failed" || !is_guest_hit_)
      throw std::runtime_error(fmt::format("snapshot {} is {}: {} {}", shot.id, phase,
                                           document.get("ERROR"), document.get("REASON")));
    std::ignore = cloud_.call("neph.snapshot.retry", {shot.id});
    return false;
  });
}

void Story::create() {
  guest_ = ensure_vm("", {.context = {{"MARKER", name_}, {"WORKLOAD", "yes"}}});
}

void Story::boot() {
  await_running(guest_);
  await_marker(guest_);
}

void Story::take_hot() {
  await_running(guest_);
  hot_ = ensure_shot("-hot", "HOT");
  await_shot(hot_);
}

void Story::arm() {
  await_running(guest_);
  deferred_ = ensure_shot("-deferred", "DEFERRED");
}

void Story::power_off() {
  await(fmt::format("VM {} to be off", guest_), [&] {
    const auto state = cloud_.state_of(guest_);
    if (state == "POWEROFF") return true;
    if (state == "RUNNING") std::ignore = cloud_.call("one.vm.action", {"poweroff", guest_});
    return false;
  });
  // After the death of its QEMU it is for the owner to say that the disk is good enough.
  if (is_guest_hit_ && cloud_.phase(deferred_) == "armed")
    std::ignore = cloud_.call("neph.snapshot.capture", {deferred_.id});
  await_shot(deferred_);
}

void Story::boot_again() {
  again_ = ensure_vm("-again", {.images = {deferred_.image}});
  await_running(again_);
  await_marker(again_);
}

void Story::clean_up() {
  for (const auto vm : {guest_, again_}) {
    await(fmt::format("VM {} to be DONE", vm), [&, vm] {
      const auto state = cloud_.state_of(vm);
      if (state == "DONE") return true;
      if (state == "RUNNING" || state == "POWEROFF")
        std::ignore = cloud_.call("one.vm.action", {"terminate-hard", vm});
      return false;
    });
  }
  for (const auto& shot : {hot_, deferred_}) check_image(shot);
  check_nothing_is_left();
}

void Story::check_image(const Shot& shot) {
  await_shot(shot);
  await(fmt::format("image {} to be READY", shot.image),
        [&] { return cloud_.image_state(shot.image) == "READY"; });
  FileSystemCopy content(cloud_.image_path(shot.image), cloud_.folder());
  const auto faults = content.faults(Shutdown::kAny);
  const auto marker = content.read("/marker");
  if (!faults.empty() || marker != name_ + "\n")
    throw std::runtime_error(fmt::format("image {} shows marker \"{}\" {}", shot.image, marker,
                                         faults));
}

void Story::check_nothing_is_left() {
  await("the files of the snapshots to be gone", [&] { return cloud_.leftovers().empty(); });
  await("all jobs to end", [&] {
    const auto jobs = cloud_.document("neph.job.list", {-2});
    return std::ranges::none_of(jobs.all("JOB"), [](const Element* job) {
      const auto state = job->get("STATE");
      return state == "queued" || state == "running" || state == "waiting";
    });
  });
}

}  // namespace neph::e2e
