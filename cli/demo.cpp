#include "cli/demo.h"

#include <array>
#include <fstream>
#include <ostream>
#include <random>
#include <sstream>
#include <tuple>

#include "base/units.h"
#include "cli/columns.h"
#include "cli/selectors.h"
#include "cli/states.h"
#include "cli/templates.h"
#include "cli/wait.h"
#include "cli/watch.h"

namespace neph::cli {
namespace {

constexpr int kSteps = 9;
// Guests may run without hardware acceleration, on a machine that is busy with tests.
constexpr Duration kBootLimit{300'000};
constexpr Duration kStopLimit{240'000};
constexpr Duration kSnapshotLimit{600'000};
// A guest whose serial log nobody can read gets this long to start its agent.
constexpr Duration kBlindBoot{45'000};
constexpr std::string_view kReadyMark = "NEPH READY";
constexpr std::string_view kMarkerKey = "marker=";
constexpr std::string_view kWorstGapKey = "worst_ever_ms=";

std::string random_word() {
  std::random_device device;
  return fmt::format("{:08x}", device());
}

Result<std::string> read_log(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (path.empty() || !file) return fail(Errc::kNotFound, "cannot read \"{}\"", path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The word after the last occurrence of `key`.
std::string last_value(std::string_view text, std::string_view key) {
  const auto at = text.rfind(key);
  if (at == std::string_view::npos) return {};
  const auto value = text.substr(at + key.size());
  return std::string(value.substr(0, value.find_first_of(" \t\r\n")));
}

/// A snapshot of the story, and the image it becomes.
struct Shot {
  std::int64_t id = -1;
  std::int64_t image = -1;
  std::string name;
};

class Demo {
 public:
  Demo(Desk& desk, const DemoAsk& ask) : desk_(desk), ask_(ask) {}

  Result<ExitCode> play();

 private:
  using Action = Result<void> (Demo::*)();
  struct StepRow {
    std::string_view title;
    Action action;
  };
  static const std::array<StepRow, kSteps> kStory;

  Result<void> find_image();
  Result<void> create_guest();
  Result<void> await_guest();
  Result<void> take_hot();
  Result<void> arm_deferred();
  Result<void> power_off();
  Result<void> verify_images();
  Result<void> boot_images();
  Result<void> clean_up();

  Result<std::int64_t> create_vm(const std::string& name, std::int64_t image,
                                 const std::vector<Pair>& context);
  Result<Shot> create_shot(const std::string& kind, const std::string& name);
  Result<void> await(const std::string& subject, Duration limit, Look look);
  Result<std::string> await_ready(std::int64_t vm);
  Result<void> boot_one(const Shot& shot, std::int64_t vm);
  Result<void> verify_one(const Shot& shot);
  Result<Element> vm_document(std::int64_t vm) {
    return desk_.rpc.call_document("one.vm.info", {vm});
  }
  Result<Element> shot_document(const Shot& shot) {
    return desk_.rpc.call_document("neph.snapshot.info", {shot.id});
  }
  template <class... Args>
  void prove(fmt::format_string<Args...> text, Args&&... args) {
    proofs_.push_back(fmt::format(text, std::forward<Args>(args)...));
  }
  void print_step(int number, std::string_view title, std::string_view outcome, Duration took);
  void abandon();

  Desk& desk_;
  const DemoAsk& ask_;
  const std::string marker_ = random_word();
  const std::string prefix_ = "demo-" + marker_;
  std::int64_t image_ = -1;
  std::int64_t guest_ = -1;
  std::vector<std::int64_t> vms_;  ///< made so far, for the clean-up
  bool is_marker_readable_ = true;
  Shot hot_;
  Shot deferred_;
  std::vector<std::string> proofs_;
};

const std::array<Demo::StepRow, kSteps> Demo::kStory{{
    {"find the demo image", &Demo::find_image},
    {"create a VM from it, with a marker for the guest to write on its disk",
     &Demo::create_guest},
    {"wait until the guest runs and has written the marker", &Demo::await_guest},
    {"hot snapshot: the disk of the running guest becomes an image", &Demo::take_hot},
    {"deferred snapshot: armed, until the guest has stopped", &Demo::arm_deferred},
    {"shut the guest down: the deferred snapshot fires", &Demo::power_off},
    {"verify both images against their checksums", &Demo::verify_images},
    {"boot new guests from both images: they show the marker", &Demo::boot_images},
    {"terminate everything", &Demo::clean_up},
}};

void Demo::print_step(int number, std::string_view title, std::string_view outcome,
                      Duration took) {
  desk_.around.out << fmt::format("[{}/{}] {} ... {} ({:.1f} s)\n", number, kSteps, title,
                                  outcome, static_cast<double>(took.count()) / 1000.0);
  for (const auto& proof : proofs_) desk_.around.out << "      " << one_line(proof) << '\n';
  desk_.around.out << std::flush;
  proofs_.clear();
}

Result<ExitCode> Demo::play() {
  int number = 0;
  for (const auto& [title, action] : kStory) {
    ++number;
    const Duration start = desk_.around.clock.monotonic();
    const auto done = (this->*action)();
    const Duration took = desk_.around.clock.monotonic() - start;
    if (!done) prove("{}", done.error().text());
    print_step(number, title, done ? "ok" : "FAILED", took);
    if (done) continue;
    abandon();
    return done.error().code == Errc::kUnavailable ? ExitCode::kUnreachable
                                                   : ExitCode::kWaitedFailed;
  }
  desk_.around.out << "Every step was as it says.\n";
  return ExitCode::kOk;
}

Result<void> Demo::await(const std::string& subject, Duration limit, Look look) {
  const std::string later = guest_ < 0 ? "neph image list" : "neph vm list --all";
  const auto code = TRY(wait_until_done(desk_.around, {subject, later, limit, std::move(look)}));
  if (code == ExitCode::kOk) return {};
  return fail(Errc::kStalled, "{} did not end well", subject);
}

Result<void> Demo::find_image() {
  const auto found = resolve(desk_.rpc, Kind::kImage, ask_.image);
  if (!found)
    return fail_because(found.error().code, found.error().text(),
                        "nephd makes the image \"{}\" at its first start, but it is not there",
                        ask_.image);
  image_ = *found;
  CHECK_OK(await(fmt::format("image {}", image_), kBootLimit, look_at_image(desk_.rpc, image_)));
  prove("image {} is READY", image_);
  return {};
}

Result<std::int64_t> Demo::create_vm(const std::string& name, std::int64_t image,
                                     const std::vector<Pair>& context) {
  VmAsk ask;
  ask.name = name;
  ask.cpu = "0.25";
  ask.vcpu = "1";
  ask.memory_mb = "256";
  ask.images = {image};
  ask.context = context;
  const bool is_on_hold = false;
  const auto vm =
      TRY(desk_.rpc.call_id("one.vm.allocate", {vm_template(ask).to_text(), is_on_hold}));
  vms_.push_back(vm);
  return vm;
}

Result<void> Demo::create_guest() {
  guest_ = TRY(create_vm(prefix_, image_,
                         {{"MARKER", marker_}, {"WORKLOAD", "yes"}, {"HOSTNAME", prefix_}}));
  prove("VM {}, marker {}", guest_, marker_);
  return {};
}

/// Waits for the guest's own word that it is up.
/// \returns the marker on its disk; nothing where its serial log cannot be read
Result<std::string> Demo::await_ready(std::int64_t vm) {
  const std::string subject = fmt::format("VM {}", vm);
  CHECK_OK(await(subject, kBootLimit, look_at_vm(desk_.rpc, vm, VmGoal::kRunning)));
  const Element document = TRY(vm_document(vm));
  const std::string log = document.get("TEMPLATE/SERIAL_LOG");
  if (!read_log(log)) {
    is_marker_readable_ = false;
    prove("the serial log of VM {} cannot be read here ({}): its marker is not compared", vm,
          log.empty() ? "no path" : log);
    desk_.around.clock.sleep_for(kBlindBoot);
    return std::string{};
  }
  const Look look = [this, vm, log]() -> Result<Report> {
    Report report;
    report.phase = "the guest boots";
    const auto marker = ready_marker(TRY(read_log(log)));
    if (marker) report.standing = Standing::kDone;
    if (!marker && !is_vm_running(TRY(vm_document(vm)))) report.standing = Standing::kFailed;
    return report;
  };
  CHECK_OK(await(subject, kBootLimit, look));
  return ready_marker(TRY(read_log(log)));
}

Result<void> Demo::await_guest() {
  const auto marker = TRY(await_ready(guest_));
  if (!is_marker_readable_) return {};
  if (marker != marker_)
    return fail(Errc::kInternal, "the guest shows marker \"{}\" instead of {}", marker, marker_);
  prove("the guest wrote marker {} and goes on writing", marker);
  return {};
}

Result<Shot> Demo::create_shot(const std::string& kind, const std::string& name) {
  SnapshotAsk ask;
  ask.kind = kind;
  ask.quiesce = "TRY";
  ask.description = "made by neph demo";
  const Element made = TRY(desk_.rpc.call_document(
      "neph.snapshot.create", {guest_, "0", name, snapshot_options(ask).to_text()}));
  const Shot shot{made.number("SNAPSHOT/ID", -1), made.number("SNAPSHOT/IMAGE_ID", -1), name};
  if (shot.id < 0 || shot.image < 0)
    return fail(Errc::kInternal, "the server answered no snapshot and image id");
  return shot;
}

Result<void> Demo::take_hot() {
  hot_ = TRY(create_shot("HOT", prefix_ + "-hot"));
  CHECK_OK(await(fmt::format("snapshot {}", hot_.id), kSnapshotLimit,
                 look_at_snapshot(desk_.rpc, hot_.id)));
  const Element shot = TRY(shot_document(hot_));
  if (shot.get("GRADE") != "frozen")
    return fail(Errc::kInternal, "the hot snapshot is graded \"{}\", not frozen",
                shot.get("GRADE"));
  const Element vm = TRY(vm_document(guest_));
  if (!is_vm_running(vm))
    return fail(Errc::kInternal, "VM {} is {} after the hot snapshot, not RUNNING", guest_,
                vm_state_name(vm));
  const auto captured = shot.number("CAPTURED_AT_MS");
  prove("image {} is READY, grade frozen: file systems were frozen for {} ms", hot_.image,
        shot.get("FROZEN_MS"));
  prove("it shows the disk at {}, {} ms after the request; VM {} is still RUNNING",
        columns::time_text(Instant{captured}), captured - shot.number("REQUESTED_AT_MS"), guest_);
  const auto log = read_log(vm.get("TEMPLATE/SERIAL_LOG"));
  const std::string gap = log ? last_value(*log, kWorstGapKey) : "";
  if (!gap.empty()) prove("the guest's longest pause between two writes so far: {} ms", gap);
  return {};
}

Result<void> Demo::arm_deferred() {
  deferred_ = TRY(create_shot("DEFERRED", prefix_ + "-deferred"));
  const std::string phase = TRY(shot_document(deferred_)).get("PHASE");
  if (phase != "armed")
    return fail(Errc::kInternal, "snapshot {} is {}, not armed", deferred_.id, phase);
  const Element image = TRY(desk_.rpc.call_document("one.image.info", {deferred_.image}));
  const std::string state = image_state_name(image.number("STATE", -1));
  if (state != "LOCKED")
    return fail(Errc::kInternal, "image {} is {}, not LOCKED", deferred_.image, state);
  prove("snapshot {} is armed, image {} is LOCKED until the guest has stopped", deferred_.id,
        deferred_.image);
  return {};
}

Result<void> Demo::power_off() {
  TRY(desk_.rpc.call_id("one.vm.action", {"poweroff", guest_}));
  CHECK_OK(await(fmt::format("VM {}", guest_), kStopLimit,
                 look_at_vm(desk_.rpc, guest_, VmGoal::kPoweroff)));
  CHECK_OK(await(fmt::format("snapshot {}", deferred_.id), kSnapshotLimit,
                 look_at_snapshot(desk_.rpc, deferred_.id)));
  const std::string grade = TRY(shot_document(deferred_)).get("GRADE");
  if (grade != "shutdown")
    return fail(Errc::kInternal, "the deferred snapshot is graded \"{}\", not shutdown", grade);
  prove("the guest ended by itself; image {} is READY, grade shutdown", deferred_.image);
  return {};
}

Result<void> Demo::verify_one(const Shot& shot) {
  const auto job = TRY(desk_.rpc.call_id("neph.image.verify", {shot.image}));
  CHECK_OK(await(fmt::format("check of image {}", shot.image), kSnapshotLimit,
                 look_at_job(desk_.rpc, job)));
  const std::string result =
      TRY(desk_.rpc.call_document("neph.job.info", {job})).get("RESULT");
  if (result.find("corrupt") != std::string::npos)
    return fail(Errc::kInternal, "image {}: {}", shot.image, result);
  prove("image {}: {}", shot.image, result.empty() ? "its bytes match" : result);
  return {};
}

// Before anything boots from them: the images are persistent, and a guest that runs on one
// changes it.
Result<void> Demo::verify_images() {
  CHECK_OK(verify_one(hot_));
  return verify_one(deferred_);
}

Result<void> Demo::boot_one(const Shot& shot, std::int64_t vm) {
  const auto marker = TRY(await_ready(vm));
  if (!is_marker_readable_) return {};
  if (marker != marker_)
    return fail(Errc::kInternal, "VM {} from image {} shows marker \"{}\" instead of {}", vm,
                shot.image, marker, marker_);
  prove("VM {} booted from image {} and shows marker {}", vm, shot.image, marker);
  return {};
}

Result<void> Demo::boot_images() {
  const auto from_hot = TRY(create_vm(hot_.name, hot_.image, {{"HOSTNAME", hot_.name}}));
  const auto from_deferred =
      TRY(create_vm(deferred_.name, deferred_.image, {{"HOSTNAME", deferred_.name}}));
  CHECK_OK(boot_one(hot_, from_hot));
  return boot_one(deferred_, from_deferred);
}

Result<void> Demo::clean_up() {
  for (const auto vm : vms_) TRY(desk_.rpc.call_id("one.vm.action", {"terminate", vm}));
  for (const auto vm : vms_)
    CHECK_OK(await(fmt::format("VM {}", vm), kStopLimit,
                   look_at_vm(desk_.rpc, vm, VmGoal::kDone)));
  prove("{} VMs are DONE", vms_.size());
  vms_.clear();
  if (!ask_.is_clean) {
    prove("the images stay: {} ({}) and {} ({})", hot_.image, hot_.name, deferred_.image,
          deferred_.name);
    return {};
  }
  for (const Shot* shot : {&hot_, &deferred_})
    TRY(desk_.rpc.call_id("one.image.delete", {shot->image}));
  prove("both images are deleted");
  return {};
}

// Best effort: what fails here is less interesting than the step that failed before.
void Demo::abandon() {
  if (ask_.is_kept || vms_.empty()) return;
  for (const Shot* shot : {&hot_, &deferred_})
    if (shot->id >= 0) std::ignore = desk_.rpc.call("neph.snapshot.cancel", {shot->id});
  for (const auto vm : vms_)
    std::ignore = desk_.rpc.call("one.vm.action", {"terminate-hard", vm});
  desk_.around.out << fmt::format("      VMs {} are being terminated (--keep leaves them)\n",
                                  fmt::join(vms_, ", "));
}

}  // namespace

Result<std::string> ready_marker(std::string_view serial_log) {
  const auto at = serial_log.rfind(kReadyMark);
  const auto end = serial_log.find('\n', at == std::string_view::npos ? 0 : at);
  // A line that has no end yet may still grow.
  if (at == std::string_view::npos || end == std::string_view::npos)
    return fail(Errc::kNotFound, "the guest has not said that it is ready");
  return last_value(serial_log.substr(at, end - at + 1), kMarkerKey);
}

Result<ExitCode> play_demo(Desk& desk, const DemoAsk& ask) { return Demo(desk, ask).play(); }

}  // namespace neph::cli
