#include "compute/disk_tree.h"
#include "compute/host.h"
#include "compute/system_snapshot.h"
#include "datastore/disk_snapshots.h"
#include "tests/crash/story.h"

/// Changes of VMs that exist. Whoever was not answered looks first whether it has been done.
namespace neph::crash {
namespace {

using compute::Action;
using datastore::ImageState;
using ImageChange = datastore::ImageService::SnapshotChange;

constexpr std::int64_t kGrownMb = 150;

std::size_t disks_of(db::Txn& txn, VmId vm) { return compute::list_disks(txn, vm).size(); }

std::vector<datastore::DiskSnapshot> points_of(db::Txn& txn, VmId vm, DiskId disk) {
  return datastore::list_disk_snapshots(
      txn, compute::tree_of(compute::find_disk(txn, vm, disk).value()));
}

text::Template parsed(const std::string& text) { return text::Template::parse(text).value(); }

Step detaches_disk() {
  return asks([](Stage& stage, db::Txn& txn) -> Result<void> {
    if (disks_of(txn, stage.vm_id) == 1) return {};
    return stage.daemon().vms.detach_disk(txn, UserId{0}, stage.vm_id, DiskId{1});
  });
}

Step attaches_nic() {
  return asks([](Stage& stage, db::Txn& txn) -> Result<void> {
    if (!compute::list_nics(txn, stage.vm_id).empty()) return {};
    return stage.daemon().vms.attach_nic(txn, stage.admin_, stage.vm_id,
                                         parsed("NIC=[BRIDGE=\"br0\"]"));
  });
}

Step updates_nic() {
  return asks([](Stage& stage, db::Txn& txn) {
    return stage.daemon().vms.update_nic(txn, stage.admin_, stage.vm_id, NicId{0},
                                         parsed("NIC=[BRIDGE=\"br1\"]"), /*is_append=*/true);
  });
}

Step detaches_nic() {
  return asks([](Stage& stage, db::Txn& txn) {
    return stage.daemon().vms.detach_nic(txn, UserId{0}, stage.vm_id, NicId{0});
  });
}

Step grows_disk() {
  return asks([](Stage& stage, db::Txn& txn) {
    return stage.daemon().vms.resize_disk(txn, UserId{0}, stage.vm_id, DiskId{0}, kGrownMb);
  });
}

Step greets(const std::string& word) {
  return asks([word](Stage& stage, db::Txn& txn) {
    return stage.daemon().vms.update_conf(
        txn, stage.admin_, stage.vm_id,
        parsed(fmt::format("CONTEXT=[A=\"{}\"]", word)), /*is_append=*/true);
  });
}

/// The `number`th restore point of disk 0.
Step takes_point(std::size_t number) {
  return asks([=](Stage& stage, db::Txn& txn) -> Result<void> {
    if (points_of(txn, stage.vm_id, DiskId{0}).size() >= number) return {};
    TRY(stage.daemon().vms.create_disk_snapshot(txn, UserId{0}, stage.vm_id, DiskId{0}, "point"));
    return {};
  });
}

Step goes_back_to(std::int64_t point) {
  return asks([point](Stage& stage, db::Txn& txn) {
    return stage.daemon().vms.revert_disk_snapshot(txn, UserId{0}, stage.vm_id, DiskId{0}, point);
  });
}

Step deletes_point(std::int64_t point) {
  return asks([point](Stage& stage, db::Txn& txn) {
    return stage.daemon().vms.delete_disk_snapshot(txn, UserId{0}, stage.vm_id, DiskId{0}, point);
  });
}

std::size_t system_points_of(db::Txn& txn, VmId vm) {
  return compute::list_system_snapshots(txn, vm).size();
}

Step takes_system_point(std::size_t number) {
  return asks([=](Stage& stage, db::Txn& txn) -> Result<void> {
    if (system_points_of(txn, stage.vm_id) >= number) return {};
    TRY(stage.daemon().vms.create_system_snapshot(txn, UserId{0}, stage.vm_id, "point"));
    return {};
  });
}

Step goes_back_to_system_point(std::int64_t point) {
  return asks([point](Stage& stage, db::Txn& txn) {
    return stage.daemon().vms.revert_system_snapshot(txn, UserId{0}, stage.vm_id, point);
  });
}

Step deletes_system_point(std::int64_t point) {
  return asks([point](Stage& stage, db::Txn& txn) {
    return stage.daemon().vms.delete_system_snapshot(txn, UserId{0}, stage.vm_id, point);
  });
}

Step changes_image(ImageChange change, std::int64_t point) {
  return asks([=](Stage& stage, db::Txn& txn) {
    return stage.daemon().images.change_snapshots(txn, stage.image_named(txn, "made"), change,
                                                  point);
  });
}

/// A guest has the disks and NICs that its rows name, no more and no less.
Check guest_has(std::size_t disks, std::size_t nics = 0) {
  return [=](Stage& stage, Complaints& complaints) {
    const auto rows = stage.read<std::size_t>(
        [&](db::Txn& txn) { return disks_of(txn, stage.vm_id); });
    if (rows != disks) complaints.push_back(fmt::format("{} disks, not {}", rows, disks));
    const auto domain = stage.world().find_domain(compute::domain_name(stage.vm_id));
    if (!domain) return;
    if (domain->disks.size() != disks)
      complaints.push_back(fmt::format("the guest has {} disks", domain->disks.size()));
    if (domain->nics.size() != nics)
      complaints.push_back(fmt::format("the guest has {} NICs", domain->nics.size()));
  };
}

Check disk_has(std::int64_t size_mb) {
  return [=](Stage& stage, Complaints& complaints) {
    const auto content = stage.world().content_of(stage.disk(stage.vm_id).path);
    const bool fits = content && content->virtual_size == Bytes::megabytes(size_mb) &&
                      stage.disk(stage.vm_id).size_mb == size_mb;
    if (!fits) complaints.push_back(fmt::format("the disk has not {} MB", size_mb));
  };
}

Check disk_shows(sim::Blocks blocks) {
  return [blocks = std::move(blocks)](Stage& stage, Complaints& complaints) {
    const auto content = stage.world().content_of(stage.disk(stage.vm_id).path);
    if (!content || content->blocks != blocks)
      complaints.push_back("the disk shows something else than it should");
  };
}

Check has_points(std::size_t count) {
  return [=](Stage& stage, Complaints& complaints) {
    const auto found = stage.read<std::size_t>(
        [&](db::Txn& txn) { return points_of(txn, stage.vm_id, DiskId{0}).size(); });
    if (found != count) complaints.push_back(fmt::format("{} restore points", found));
  };
}

Check has_system_points(std::size_t count) {
  return [=](Stage& stage, Complaints& complaints) {
    const auto found = stage.read<std::size_t>(
        [&](db::Txn& txn) { return system_points_of(txn, stage.vm_id); });
    if (found != count) complaints.push_back(fmt::format("{} system snapshots", found));
  };
}

sim::Fault refused(std::string_view verb) {
  return {.kind = sim::FaultKind::kError, .verb = std::string(verb), .times = 1,
          .error = {Errc::kInvalid, "ordered", ""}};
}

std::vector<Story> device_stories() {
  const auto runs = vm_is("RUNNING");
  return {
      {"a disk is attached", {a_vm()}, {attaches_disk()}, {runs, guest_has(2)}},
      {"a disk is attached and detached", {a_vm()}, {attaches_disk(), detaches_disk()},
       {runs, guest_has(1)}},
      {"a disk is attached and detached while off", {a_vm()},
       {acts(Action::kPoweroff), attaches_disk(), detaches_disk(), acts(Action::kResume)},
       {runs, guest_has(1)}},
      {"a disk is not taken by its guest", {a_vm(), meets(refused("ensure_disk_attached"))},
       {attaches_disk(), detaches_disk()}, {runs, guest_has(1)}, {runs, guest_has(2)}},
      {"a NIC comes, changes and goes", {a_vm()}, {attaches_nic(), updates_nic(), detaches_nic()},
       {runs, guest_has(1, 0)}},
      {"a disk grows", {a_vm()}, {grows_disk()}, {runs, disk_has(kGrownMb)}},
      {"a disk grows while off", {a_vm()}, {acts(Action::kPoweroff), grows_disk()},
       {vm_is("POWEROFF"), disk_has(kGrownMb)}},
      {"the context is written anew", {a_vm_with("CONTEXT=[A=\"b\"]")},
       {acts(Action::kPoweroff), greets("c"), acts(Action::kResume)}, {runs}},
  };
}

std::vector<Story> point_stories() {
  const auto off = vm_is("POWEROFF");
  return {
      {"a disk goes back", {a_vm()},
       {takes_point(1), writes(0, 3, 33), acts(Action::kPoweroff), goes_back_to(0)},
       {off, has_points(1), disk_shows({{0, 7}, {1, 11}, {2, 21}})}},
      {"restore points of a running disk go", {a_vm()},
       {takes_point(1), writes(0, 3, 33), takes_point(2), writes(0, 4, 44), deletes_point(0),
        deletes_point(1), acts(Action::kPoweroff)},
       {off, has_points(0), disk_shows({{0, 7}, {1, 11}, {2, 21}, {3, 33}, {4, 44}})}},
      {"restore points of a disk at rest go", {a_vm()},
       {takes_point(1), writes(0, 3, 33), acts(Action::kPoweroff), takes_point(2),
        deletes_point(1), deletes_point(0)},
       {off, has_points(0), disk_shows({{0, 7}, {1, 11}, {2, 21}, {3, 33}})}},
      {"a disk with restore points is saved while it runs", {a_vm()},
       {takes_point(1), writes(0, 3, 33), snaps(snapshots::Kind::kHot), deletes_point(0)},
       {vm_is("RUNNING"), snapshot_is("ready"), has_points(0)}},
      {"restore points of an image are changed",
       {a_persistent_image(), a_vm_with("DISK=[IMAGE=\"made\"]")},
       {takes_point(1), takes_point(2), acts(Action::kTerminate),
        changes_image(ImageChange::kRevert, 0), changes_image(ImageChange::kDelete, 1),
        changes_image(ImageChange::kFlatten, 0)},
       {image_is("made", ImageState::kReady), vm_has_no_files()}},
  };
}

std::vector<Story> system_point_stories() {
  const auto runs = vm_is("RUNNING");
  return {
      {"a VM goes back", {a_vm()},
       {takes_system_point(1), writes(0, 3, 33), goes_back_to_system_point(0)},
       {runs, has_system_points(1), disk_shows({{0, 7}, {1, 11}, {2, 21}})}},
      {"system snapshots come and go", {a_vm()},
       {takes_system_point(1), takes_system_point(2), deletes_system_point(0)},
       {runs, has_system_points(1)}},
      {"a system snapshot is not taken",
       {a_vm(), meets(failing("ensure_snapshot_taken", 8, Errc::kStalled))},
       {takes_system_point(1)}, {runs}},
      {"system snapshots end with the guest's run", {a_vm()},
       {takes_system_point(1), acts(Action::kPoweroff), acts(Action::kResume)},
       {runs, has_system_points(0)}},
  };
}

std::vector<Story> move_stories() {
  using Form = compute::VmService::MigrateForm;
  const auto runs = vm_is("RUNNING");
  const std::vector<Step> before{a_second_host(), a_vm()};
  return {
      {"a guest moves live", before, {moves(Form::kLive), writes(0, 3, 33)}, {runs}},
      {"a guest moves through its memory", before, {moves(Form::kSave)}, {runs}},
      {"a guest moves powered off", before, {moves(Form::kPoweroff)}, {runs}},
      {"a guest with an armed snapshot moves", before,
       {snaps(snapshots::Kind::kDeferred), moves(Form::kLive), acts(Action::kPoweroff)},
       {vm_is("POWEROFF"), snapshot_is("ready")}},
  };
}

}  // namespace

std::vector<Story> change_stories() {
  std::vector<Story> all = device_stories();
  for (auto* some : {&point_stories, &system_point_stories, &move_stories})
    for (Story& story : some()) all.push_back(std::move(story));
  return all;
}

}  // namespace neph::crash
