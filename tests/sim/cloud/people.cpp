#include <array>
#include <numeric>

#include "compute/host.h"
#include "compute/system_snapshot.h"
#include "compute/vm.h"
#include "datastore/backups.h"
#include "tests/sim/cloud/cloud.h"
#include "tests/sim/cloud/oracle.h"

namespace neph::cloud {
namespace {

using api::Value;
using compute::VmState;
using snapshots::Phase;

constexpr UserId kAdministrator{0};
constexpr int kRecreate = 4;  // of one.vm.recover

Value number(std::int64_t value) { return Value{static_cast<std::int32_t>(value)}; }
template <class Tag>
Value number(Id<Tag> id) {
  return number(id.value);
}
Value word(std::string text) { return Value{std::move(text)}; }

/// What a user would see of what is his.
struct OwnVm {
  VmId id;
  VmState state = VmState::kPending;
};
struct OwnSnapshot {
  SnapshotId id;
  Phase phase = Phase::kArmed;
  ImageId image;
  std::string image_name;
};
struct Belongings {
  std::vector<OwnVm> vms;
  std::vector<ImageId> images;
  std::vector<OwnSnapshot> snapshots;  ///< that are not over
  std::vector<JobId> open_jobs;
  std::vector<JobId> failed_jobs;
};

Belongings look_up(Cloud& cloud, UserId user) {
  return cloud.read<Belongings>([&](db::Txn& txn) {
    Belongings mine;
    auto vms = txn.query(
        "SELECT id, state FROM vms WHERE user_id = ? AND state <> 6 ORDER BY id", user);
    while (vms.next()) mine.vms.push_back({vms.get<VmId>(0), vms.get<VmState>(1)});
    auto images = txn.query("SELECT id FROM images WHERE user_id = ? ORDER BY id", user);
    while (images.next()) mine.images.push_back(images.get<ImageId>(0));
    auto snapshots = txn.query(
        "SELECT id, phase, image_id, image_name FROM snapshots "
        "WHERE user_id = ? AND phase NOT IN (5, 8, 9) ORDER BY id",
        user);
    while (snapshots.next())
      mine.snapshots.push_back({snapshots.get<SnapshotId>(0), snapshots.get<Phase>(1),
                                snapshots.get<ImageId>(2), snapshots.text(3)});
    auto jobs = txn.query("SELECT id, state FROM jobs WHERE user_id = ? AND state <= 5 AND "
                          "state <> 4 ORDER BY id", user);
    while (jobs.next())
      (jobs.integer(1) == 5 ? mine.failed_jobs : mine.open_jobs).push_back(jobs.get<JobId>(0));
    return mine;
  });
}

class Person {
 public:
  Person(Cloud& cloud, UserId user, Instant until) : cloud_(cloud), user_(user), until_(until) {}

  void go() {
    const Instant next = cloud_.now() + cloud_.around(cloud_.plan().pace);
    if (next >= until_) return;
    cloud_.at(next, [this] {
      if (cloud_.has_controller()) act();
      go();
    });
  }

 private:
  using Deed = void (Person::*)(const Belongings&);
  struct Habit {
    int weight;
    Deed deed;
  };

  void act() {
    static constexpr auto kHabits = std::to_array<Habit>({
        {20, &Person::create_vm},
        {16, &Person::snapshot_hot},
        {16, &Person::snapshot_deferred},
        {22, &Person::steer_vm},
        {14, &Person::change_vm},
        {6, &Person::back_up},
        {5, &Person::restore},
        {6, &Person::set_restore_point},
        {10, &Person::end_vm},
        {8, &Person::change_mind},
        {6, &Person::delete_image},
        {3, &Person::clone_image},
        {3, &Person::create_image},
        {2, &Person::touch_image},
        {2, &Person::rename_vm},
        {3, &Person::plan},
        {3, &Person::meddle_with_job},
    });
    static constexpr auto kDuties = std::to_array<Habit>({
        {6, &Person::recover_somebody},
        {4, &Person::set_quota},
        {3, &Person::set_host},
        {3, &Person::give_vm_away},
        {3, &Person::declare_host_lost},
        {6, &Person::move_vm},
        {2, &Person::create_vm},
    });
    const auto mine = look_up(cloud_, user_);
    if (user_ == kAdministrator) return choose(kDuties, mine);
    choose(kHabits, mine);
  }

  template <class Habits>
  void choose(const Habits& habits, const Belongings& mine) {
    int all = 0;
    for (const Habit& habit : habits) all += habit.weight;
    auto left = cloud_.draw(all);
    for (const Habit& habit : habits) {
      left -= habit.weight;
      if (left < 0) return (this->*habit.deed)(mine);
    }
  }

  template <class T>
  const T* any(const std::vector<T>& of) {
    if (of.empty()) return nullptr;
    return &of[static_cast<std::size_t>(cloud_.draw(static_cast<std::int64_t>(of.size())))];
  }

  bool happens(int percent) { return cloud_.draw(100) < percent; }

  std::string name(std::string_view what) {
    return fmt::format("{}-u{}-{}", what, user_, ++named_);
  }

  // VMs.

  std::string disk(const Belongings& mine) {
    if (happens(15)) return "DISK=[TYPE=\"fs\", SIZE=\"16\"]\n";
    const auto& bases = cloud_.base_images();
    ImageId image = *any(bases);
    if (const auto* own = any(mine.images); own != nullptr && happens(35)) image = *own;
    return fmt::format("DISK=[IMAGE_ID=\"{}\"]\n", image);
  }

  void create_vm(const Belongings& mine) {
    if (mine.vms.size() >= 5) return end_vm(mine);
    std::string text = fmt::format("NAME=\"{}\"\nCPU=1\nMEMORY=64\n", name("vm"));
    text += disk(mine);
    if (happens(30)) text += disk(mine);
    if (happens(30)) text += "BACKUP_CONFIG=[KEEP_LAST=\"1\", BACKUP_VOLATILE=\"YES\"]\n";
    cloud_.call(user_, "one.vm.allocate", {word(text), Value{false}},
                [this](const Result<api::Answer>& answer) {
                  if (answer)
                    cloud_.oracle().acknowledge_vm(VmId{std::get<std::int64_t>(*answer)});
                });
  }

  void act_on(const OwnVm& vm, std::string_view action) {
    cloud_.call(user_, "one.vm.action", {word(std::string(action)), number(vm.id)});
  }

  void steer_vm(const Belongings& mine) {
    const OwnVm* vm = any(mine.vms);
    if (vm == nullptr) return create_vm(mine);
    static constexpr auto kRunning = std::to_array<std::string_view>(
        {"poweroff", "poweroff", "poweroff-hard", "suspend", "stop", "reboot", "reboot-hard",
         "undeploy", "undeploy-hard", "resched", "unresched"});
    if (vm->state != VmState::kActive && happens(85)) return act_on(*vm, "resume");
    act_on(*vm, kRunning[static_cast<std::size_t>(cloud_.draw(kRunning.size()))]);
  }

  /// Something for a few minutes later, by then perhaps impossible; sometimes again and again.
  void plan(const Belongings& mine) {
    const OwnVm* vm = any(mine.vms);
    if (vm == nullptr) return create_vm(mine);
    static constexpr auto kPlans = std::to_array<std::string_view>(
        {"poweroff", "suspend", "resume", "resume", "stop", "reboot-hard", "terminate"});
    const auto due = cloud_.now() + cloud_.around(Duration{300'000});
    const auto action = kPlans[static_cast<std::size_t>(cloud_.draw(kPlans.size()))];
    const std::string again = happens(20) ? ", REPEAT=3, DAYS=1, END_TYPE=1, END_VALUE=3" : "";
    cloud_.call(user_, "one.vm.schedadd",
                {number(vm->id), word(fmt::format("SCHED_ACTION=[ACTION={}, TIME={}{}]", action,
                                                  due.seconds(), again))});
  }

  void end_vm(const Belongings& mine) {
    const OwnVm* vm = any(mine.vms);
    if (vm != nullptr) act_on(*vm, happens(70) ? "terminate" : "terminate-hard");
  }

  void rename_vm(const Belongings& mine) {
    if (const OwnVm* vm = any(mine.vms))
      cloud_.call(user_, "one.vm.rename", {number(vm->id), word(name("renamed"))});
  }

  void change_vm(const Belongings& mine) {
    const OwnVm* vm = any(mine.vms);
    if (vm == nullptr) return create_vm(mine);
    const auto id = number(vm->id);
    const auto which = number(happens(75) ? 0 : cloud_.draw(3));
    const auto point = number(cloud_.draw(3));
    switch (cloud_.draw(10)) {
      case 0: return cloud_.call(user_, "one.vm.attach", {id, word(disk(mine))});
      case 1: return cloud_.call(user_, "one.vm.detach", {id, number(1 + cloud_.draw(2))});
      case 2:
        cloud_.oracle().change_at_rest(vm->id);
        return cloud_.call(user_, "one.vm.diskresize",
                           {id, which, word(std::to_string(20 + cloud_.draw(200)))});
      case 3:
        cloud_.oracle().change_at_rest(vm->id);
        return cloud_.call(user_, "one.vm.disksnapshotrevert", {id, which, point});
      case 4:
      case 5: return cloud_.call(user_, "one.vm.disksnapshotdelete", {id, which, point});
      case 6: return cloud_.call(user_, "one.vm.attachnic", {id, word("NIC=[BRIDGE=\"br0\"]")});
      case 7: return cloud_.call(user_, "one.vm.detachnic", {id, number(cloud_.draw(2))});
      default:
        return cloud_.call(user_, "one.vm.disksnapshotcreate", {id, which, word(name("point"))});
    }
  }

  // Backups, which an administrator makes for everybody; restore points with memory.

  void back_up(const Belongings& mine) {
    const OwnVm* vm = any(mine.vms);
    if (vm == nullptr) return create_vm(mine);
    const auto id = number(vm->id);
    if (happens(10)) return cloud_.call(kAdministrator, "one.vm.backupcancel", {id});
    cloud_.call(kAdministrator, "one.vm.backup", {id, number(cloud_.backups()), Value{false}});
  }

  /// Of a VM that is off; one that runs is switched off for the next time.
  void restore(const Belongings& mine) {
    const OwnVm* vm = any(mine.vms);
    if (vm == nullptr) return create_vm(mine);
    const auto backups = cloud_.read<std::vector<ImageId>>(
        [&](db::Txn& txn) { return datastore::list_backups_of(txn, vm->id); });
    const ImageId* backup = any(backups);
    if (backup == nullptr) return back_up(mine);
    if (vm->state != VmState::kPoweroff) return act_on(*vm, "poweroff");
    cloud_.oracle().change_at_rest(vm->id);
    cloud_.call(kAdministrator, "one.vm.restore",
                {number(vm->id), number(*backup), number(-1), number(happens(50) ? -1 : 0)});
  }

  void set_restore_point(const Belongings& mine) {
    const OwnVm* vm = any(mine.vms);
    if (vm == nullptr) return create_vm(mine);
    const auto id = number(vm->id);
    const auto points = cloud_.read<std::vector<compute::SystemSnapshot>>(
        [&](db::Txn& txn) { return compute::list_system_snapshots(txn, vm->id); });
    const auto* point = any(points);
    if (point == nullptr || happens(30))
      return cloud_.call(user_, "one.vm.snapshotcreate", {id, word(name("moment"))});
    const char* method = happens(60) ? "one.vm.snapshotrevert" : "one.vm.snapshotdelete";
    cloud_.call(user_, method, {id, number(point->id)});
  }

  // Snapshots.

  void ask(const OwnVm& vm, const std::string& options) {
    const bool is_pair = happens(15);
    const auto called = name("snap");
    cloud_.call(user_, "neph.snapshot.create",
                {number(vm.id), word(is_pair ? "0,1" : happens(80) ? "0" : "1"), word(called),
                 word(options)},
                [this, called, is_pair](const Result<api::Answer>& answer) {
                  if (!answer) return;
                  auto& oracle = cloud_.oracle();
                  if (!is_pair) return oracle.acknowledge_snapshot(called);
                  oracle.acknowledge_snapshot(called + "-disk0");
                  oracle.acknowledge_snapshot(called + "-disk1");
                });
  }

  std::string options(std::string kind) {
    static constexpr auto kQuiesce = std::to_array<std::string_view>({"TRY", "REQUIRE", "NEVER"});
    std::string text = "KIND=" + kind + "\n";
    if (happens(40)) text += fmt::format("QUIESCE={}\n", kQuiesce[static_cast<std::size_t>(
                                                             cloud_.draw(kQuiesce.size()))]);
    if (happens(30)) text += fmt::format("PERSISTENT={}\n", happens(50) ? "YES" : "NO");
    if (happens(20)) text += "DATASTORE_ID=1\n";
    return text;
  }

  void snapshot_hot(const Belongings& mine) {
    if (const OwnVm* vm = any(mine.vms)) return ask(*vm, options("HOT"));
    create_vm(mine);
  }

  void snapshot_deferred(const Belongings& mine) {
    const OwnVm* vm = any(mine.vms);
    if (vm == nullptr) return create_vm(mine);
    std::string text = options("DEFERRED");
    if (happens(25)) text += "WHEN=END\n";
    ask(*vm, text);
  }

  void change_mind(const Belongings& mine) {
    const OwnSnapshot* snapshot = any(mine.snapshots);
    if (snapshot == nullptr) return steer_vm(mine);
    const auto id = number(snapshot->id);
    if (snapshot->phase == Phase::kFailed && happens(70))
      return cloud_.call(user_, "neph.snapshot.retry", {id});
    if (snapshot->phase == Phase::kArmed && happens(30))
      return cloud_.call(user_, "neph.snapshot.capture", {id});
    // Once asked it may go, whether or not the answer comes.
    cloud_.oracle().give_up(snapshot->id);
    if (happens(60)) return cloud_.call(user_, "neph.snapshot.cancel", {id});
    cloud_.call(user_, "neph.snapshot.discard",
                {id, word(happens(80) ? snapshot->image_name : "another name")});
  }

  // Jobs.

  void meddle_with_job(const Belongings& mine) {
    const JobId* failed = any(mine.failed_jobs);
    if (failed != nullptr && happens(60))
      return cloud_.call(user_, "neph.job.retry", {number(*failed)});
    const JobId* open = any(mine.open_jobs);
    if (open == nullptr) return;
    if (happens(40)) return cloud_.call(user_, "neph.job.retry", {number(*open)});
    // What a cancelled job was for may go, whether or not the answer comes.
    cloud_.read<int>([&](db::Txn& txn) {
      auto sets = txn.query("SELECT s.id FROM snapshots s JOIN snapshots one USING (set_id) "
                            "JOIN jobs ON one.id = jobs.snapshot_id WHERE jobs.id = ?", *open);
      while (sets.next()) cloud_.oracle().give_up(sets.get<SnapshotId>(0));
      if (const auto image = txn.value<ImageId>(
              "SELECT image_id FROM jobs WHERE id = ? AND image_id IS NOT NULL", *open))
        cloud_.oracle().give_up_image(*image);
      return 0;
    });
    cloud_.call(user_, "neph.job.cancel", {number(*open)});
  }

  // Images.

  void delete_image(const Belongings& mine) {
    const ImageId* image = any(mine.images);
    if (image == nullptr) return;
    for (const auto& snapshot : mine.snapshots)
      if (snapshot.image == *image) cloud_.oracle().give_up(snapshot.id);
    cloud_.oracle().give_up_image(*image);
    cloud_.call(user_, "one.image.delete", {number(*image)});
  }

  void acknowledge(const Result<api::Answer>& answer) {
    if (answer) cloud_.oracle().acknowledge_image(ImageId{std::get<std::int64_t>(*answer)});
  }

  void clone_image(const Belongings& mine) {
    const ImageId* own = any(mine.images);
    const ImageId source = own != nullptr ? *own : *any(cloud_.base_images());
    cloud_.call(user_, "one.image.clone", {number(source), word(name("clone"))},
                [this](const auto& answer) { acknowledge(answer); });
  }

  void create_image(const Belongings&) {
    const auto text = fmt::format("NAME=\"{}\"\nTYPE=DATABLOCK\nSIZE=16\nPERSISTENT={}\n",
                                  name("data"), happens(50) ? "YES" : "NO");
    cloud_.call(user_, "one.image.allocate", {word(text), number(1)},
                [this](const auto& answer) { acknowledge(answer); });
  }

  void touch_image(const Belongings& mine) {
    const ImageId* image = any(mine.images);
    if (image == nullptr) return create_image(mine);
    switch (cloud_.draw(4)) {
      case 0: return cloud_.call(user_, "neph.image.verify", {number(*image)});
      case 1:
        return cloud_.call(user_, "one.image.persistent", {number(*image), Value{happens(50)}});
      case 2:
        return cloud_.call(user_, "one.image.enable", {number(*image), Value{happens(70)}});
      default:
        return cloud_.call(user_, "one.image.rename", {number(*image), word(name("image"))});
    }
  }

  // An administrator's.

  std::optional<VmId> somebodys_vm() {
    const auto all = cloud_.read<std::vector<VmId>>(
        [](db::Txn& txn) { return compute::list_vms(txn, compute::Which::kLiving); });
    const VmId* id = any(all);
    return id == nullptr ? std::nullopt : std::optional(*id);
  }

  void recover_somebody(const Belongings&) {
    static constexpr auto kWays = std::to_array<int>({0, 1, 2, 2, 2, 3, 4});
    const auto vm = somebodys_vm();
    if (!vm) return;
    const int way = kWays[static_cast<std::size_t>(cloud_.draw(kWays.size()))];
    if (way == kRecreate) cloud_.oracle().change_at_rest(*vm);
    cloud_.call(user_, "one.vm.recover", {number(*vm), number(way)});
  }

  void set_quota(const Belongings&) {
    const UserId user = *any(cloud_.users());
    if (user == kAdministrator) return;
    const auto limit = happens(50) ? -1 : cloud_.draw(6);
    cloud_.call(user_, "one.user.quota",
                {number(user), word(happens(50)
                                        ? fmt::format("VM=[VMS=\"{}\"]", limit)
                                        : fmt::format("DATASTORE=[ID=\"1\", SIZE=\"{}\"]",
                                                      limit < 0 ? limit : limit * 40))});
  }

  void set_host(const Belongings&) {
    const auto host = cloud_.draw(cloud_.plan().hosts);
    const auto status = cloud_.draw(3);
    cloud_.call(user_, "one.host.status", {number(host), number(status)});
    cloud_.after(cloud_.around(Duration{300'000}), [this, host] {
      cloud_.call(user_, "one.host.status", {number(host), number(0)});
    });
  }

  /// Of a host that has no power, as the administrator saw with his own eyes.
  void declare_host_lost(const Belongings&) {
    const auto dead = cloud_.world().change([](sim::State& state) {
      std::vector<std::string> names;
      for (const auto& [name, host] : state.hosts)
        if (host.reach == sim::Reach::kDown) names.push_back(name);
      return names;
    });
    const std::string* name = any(dead);
    if (name == nullptr) return;
    const auto id = cloud_.read<std::optional<HostId>>(
        [&](db::Txn& txn) {
          return txn.value<HostId>("SELECT id FROM hosts WHERE name = ?", *name);
        });
    if (id) cloud_.call(user_, "neph.host.lost", {number(*id), word(*name)});
  }

  void move_vm(const Belongings&) {
    const auto vm = somebodys_vm();
    const auto host = cloud_.draw(cloud_.plan().hosts);
    const bool is_live = happens(40);
    const auto form = cloud_.draw(3);
    if (vm)
      cloud_.call(user_, "one.vm.migrate", {number(*vm), number(host), Value{is_live},
                                            Value{happens(50)}, number(-1), number(form)});
  }

  void give_vm_away(const Belongings&) {
    const auto vm = somebodys_vm();
    const UserId user = *any(cloud_.users());
    if (vm) cloud_.call(user_, "one.vm.chown", {number(*vm), number(user), number(-1)});
  }

  Cloud& cloud_;
  const UserId user_;
  const Instant until_;
  int named_ = 0;
};

}  // namespace

void send_people(Cloud& cloud, Instant until) {
  for (const UserId user : cloud.users()) {
    const auto person = std::make_shared<Person>(cloud, user, until);
    cloud.keep(person);
    person->go();
  }
}

}  // namespace neph::cloud
