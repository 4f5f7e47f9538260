#include "tests/crash/story.h"

#include <algorithm>

#include "compute/disk_tree.h"
#include "compute/host.h"

namespace neph::crash {
namespace {

VmId find_named(db::Txn& txn, const std::string& name) {
  for (const VmId id : compute::list_vms(txn, compute::Which::kAll))
    if (compute::find_vm(txn, id)->name == name) return id;
  return {};
}

}  // namespace

Step does(std::function<void(Stage&)> what) {
  return [what = std::move(what)](Stage& stage) {
    stage.note_done();
    what(stage);
  };
}

Step asks(std::function<Result<void>(Stage&, db::Txn&)> work) {
  return [work = std::move(work)](Stage& stage) { stage.ask(work); };
}

Step clones() {
  return asks([](Stage& stage, db::Txn& txn) -> Result<void> {
    TRY(stage.daemon().images.clone(txn, stage.admin_, stage.base_, "made", DatastoreId{1}));
    return {};
  });
}

Step removes() {
  return asks([](Stage& stage, db::Txn& txn) -> Result<void> {
    return stage.daemon().images.remove(txn, stage.image_named(txn, "made"));
  });
}

Step soon(Step step, Duration after) {
  return [step = std::move(step), after](Stage& stage) {
    stage.let_rest(after);
    step(stage);
  };
}

Step sees(Check check) {
  return does([check = std::move(check)](Stage& stage) {
    Complaints complaints;
    check(stage, complaints);
    for (auto& complaint : complaints) stage.complain("meanwhile " + std::move(complaint));
  });
}

Step a_second_host() {
  return does([](Stage& stage) {
    stage.world().add_host("node2", {});
    const auto made = stage.run<HostId>([&](db::Txn& txn) {
      return stage.daemon().hosts.allocate(txn, "node2", "dummy", "dummy", ClusterId{0});
    });
    NEPH_ASSERT(made.has_value());
    stage.pass(Duration{60'000});
  });
}

Step a_vm(int disks) {
  return does([disks](Stage& stage) {
    std::string more;
    for (int disk = 1; disk < disks; ++disk)
      more += fmt::format("\nDISK=[IMAGE_ID=\"{}\"]", stage.base_);
    stage.vm_id = stage.create_vm(more);
    stage.pass(Duration{5'000});
    for (int disk = 0; disk < disks; ++disk) {
      stage.write(disk, 1, static_cast<sim::Stamp>(11 + disk));
      stage.write(disk, 2, static_cast<sim::Stamp>(21 + disk));
    }
  });
}

Step a_vm_with(std::string disks) {
  return does([disks = std::move(disks)](Stage& stage) {
    stage.vm_id = stage.create_vm("\n" + disks);
    stage.pass(Duration{5'000});
  });
}

Step creates(std::string attributes) {
  return asks([attributes = std::move(attributes)](Stage& stage, db::Txn& txn) -> Result<void> {
    if (find_named(txn, "vm").is_set()) return {};
    compute::NewVmAsk ask;
    ask.attributes = TRY(text::Template::parse(
        fmt::format("NAME=\"vm\"\nCPU=1\nMEMORY=64\n{}\nDISK=[IMAGE_ID=\"{}\"]", attributes,
                    stage.base_)));
    TRY(stage.daemon().vms.allocate(txn, stage.admin_, ask));
    return {};
  });
}

Step finds() {
  return does([](Stage& stage) {
    stage.vm_id = stage.read<VmId>([](db::Txn& txn) { return find_named(txn, "vm"); });
  });
}

Step a_persistent_image() {
  return does([](Stage& stage) {
    const auto made = stage.run<ImageId>([&](db::Txn& txn) {
      return stage.daemon().images.allocate(
          txn, stage.admin_,
          text::Template::parse("NAME=\"made\"\nSIZE=\"20\"\nTYPE=\"DATABLOCK\"\n"
                                "DRIVER=\"qcow2\"\nPERSISTENT=\"YES\"").value(),
          DatastoreId{1});
    });
    NEPH_ASSERT(made.has_value());
  });
}

Step acts(compute::Action action) {
  return asks([action](Stage& stage, db::Txn& txn) {
    return stage.daemon().vms.act(txn, UserId{0}, stage.vm_id, action);
  });
}

Step recovers(compute::Recover how) {
  return asks([how](Stage& stage, db::Txn& txn) {
    return stage.daemon().vms.recover(txn, UserId{0}, stage.vm_id, how);
  });
}

Step writes(int disk, std::int64_t block, sim::Stamp stamp) {
  return does([=](Stage& stage) { stage.write(disk, block, stamp); });
}

Step guest_ends() {
  return does([](Stage& stage) {
    (void)stage.world().guest_shuts_down(compute::domain_name(stage.vm_id));
  });
}

Step moves(compute::VmService::MigrateForm form) {
  return asks([form](Stage& stage, db::Txn& txn) -> Result<void> {
    if (compute::list_history(txn, stage.vm_id).size() > 1) return {};
    const HostId here = compute::find_vm(txn, stage.vm_id)->host;
    compute::VmService::MigrateAsk ask;
    ask.vm = stage.vm_id;
    for (const HostId host : compute::list_hosts(txn)) {
      if (host != here) ask.host = host;
    }
    ask.form = form;
    return stage.daemon().vms.migrate(txn, UserId{0}, ask);
  });
}

Step attaches_disk() {
  return asks([](Stage& stage, db::Txn& txn) -> Result<void> {
    if (compute::list_disks(txn, stage.vm_id).size() > 1) return {};
    const auto disk = text::Template::parse(
        fmt::format("DISK=[IMAGE_ID=\"{}\"]", stage.base_));
    return stage.daemon().vms.attach_disk(txn, stage.admin_, stage.vm_id, disk.value());
  });
}

sim::Fault failing(std::string_view verb, int times, Errc code) {
  return {.kind = sim::FaultKind::kError, .verb = std::string(verb), .times = times,
          .error = {code, "ordered", ""}};
}

Step meets(sim::Fault fault) {
  return does([fault](Stage& stage) { stage.world().inject(fault); });
}

Step meets(Mishap mishap) {
  return does([mishap = std::move(mishap)](Stage& stage) { stage.expect(mishap); });
}

Step storage_heals() {
  return does([](Stage& stage) { stage.world().clear_faults(); });
}

Step has_agent(sim::Agent agent) {
  return does([agent](Stage& stage) {
    stage.world().set_agent(compute::domain_name(stage.vm_id), agent);
  });
}

Step has_sharing() {
  return does([](Stage& stage) { stage.world().set_sharing(sim::Sharing::kYes); });
}

Step snaps(snapshots::Kind kind, std::vector<DiskId> disks, datastore::Fires when,
           DatastoreId datastore) {
  return asks([=](Stage& stage, db::Txn& txn) -> Result<void> {
    snapshots::Request ask;
    ask.vm = stage.vm_id;
    ask.disks = disks;
    ask.name = "taken";
    ask.kind = kind;
    ask.when = when;
    ask.datastore = datastore;
    TRY(stage.daemon().snapshots.request(txn, stage.admin_, ask));
    return {};
  });
}

Step cancels() {
  return asks([](Stage& stage, db::Txn& txn) {
    return stage.daemon().snapshots.cancel_by_image(txn, stage.image_named(txn, "taken"));
  });
}

namespace {

Step with_snapshot(
    std::function<Result<void>(Stage&, db::Txn&, const snapshots::Snapshot&)> what) {
  return asks([what = std::move(what)](Stage& stage, db::Txn& txn) -> Result<void> {
    const auto found = snapshots::find_by_image(txn, stage.image_named(txn, "taken"));
    if (!found) return fail(Errc::kNotFound, "there is no snapshot");
    return what(stage, txn, *found);
  });
}

}  // namespace

Step discards() {
  return with_snapshot([](Stage& stage, db::Txn& txn, const snapshots::Snapshot& snapshot) {
    return stage.daemon().snapshots.discard(txn, snapshot.id, "taken");
  });
}

Step retries() {
  return with_snapshot([](Stage& stage, db::Txn& txn, const snapshots::Snapshot& snapshot) {
    return stage.daemon().snapshots.retry(txn, snapshot.id);
  });
}

Step captures() {
  return with_snapshot([](Stage& stage, db::Txn& txn, const snapshots::Snapshot& snapshot) {
    return stage.daemon().snapshots.capture(txn, snapshot.id);
  });
}

Check vm_is(std::string_view state) {
  return [state = std::string(state)](Stage& stage, Complaints& complaints) {
    const std::string found = stage.shown(stage.vm_id);
    if (found != state)
      complaints.push_back(fmt::format("the VM is {}, not {}: {}", found, state,
                                       stage.vm(stage.vm_id).wait_reason));
  };
}

Check snapshot_is(std::string_view phase, std::string name) {
  return [phase = std::string(phase), name](Stage& stage, Complaints& complaints) {
    const auto found = stage.snapshot_named(name);
    const std::string is = found ? std::string(snapshots::name_of(found->phase)) : "not there";
    if (is != phase)
      complaints.push_back(fmt::format("snapshot {} is {}, not {}: {}{}", name, is, phase,
                                       found ? found->error : "", found ? found->reason : ""));
    const bool has_layer = found && found->phase == snapshots::Phase::kReady &&
                           found->pin != snapshots::PinKind::kNone;
    if (has_layer) complaints.push_back("its layer is still there");
  };
}

Check image_is(std::string name, datastore::ImageState state) {
  return [name = std::move(name), state](Stage& stage, Complaints& complaints) {
    const ImageId id = stage.image_named(name);
    const auto found = stage.image(id);
    if (!found || found->state != state)
      complaints.push_back(fmt::format("image {} is {}, not {}", name,
                                       found ? datastore::name_of(found->state) : "not there",
                                       datastore::name_of(state)));
  };
}

Check image_is_gone(std::string name) {
  return [name = std::move(name)](Stage& stage, Complaints& complaints) {
    if (stage.image_named(name).is_set()) complaints.push_back("image " + name + " is there");
  };
}

Check vm_has_no_files() {
  return [](Stage& stage, Complaints& complaints) {
    for (const auto& file : stage.files_of(stage.vm_id))
      complaints.push_back("the VM has still " + file);
  };
}

Check disk_is_as_written(int disk) {
  return [disk](Stage& stage, Complaints& complaints) {
    const auto content = stage.world().content_of(compute::live_path(stage.disk(stage.vm_id,
                                                                                disk)));
    if (!content || content->blocks != stage.written(disk))
      complaints.push_back(fmt::format("disk {} shows something else than was written", disk));
  };
}

std::vector<Story> all_stories() {
  std::vector<Story> all;
  for (auto* some : {&image_stories, &vm_stories, &snapshot_stories, &change_stories,
                     &disk_stories, &lost_stories, &recover_stories, &backup_stories,
                     &site_stories})
    for (Story& story : some()) all.push_back(std::move(story));
  return all;
}

}  // namespace neph::crash
