#include "tests/crash/story.h"

#include <algorithm>

namespace neph::crash {

Step does(std::function<void(Stage&)> what) {
  return [what = std::move(what)](Stage& stage) {
    stage.note_done();
    what(stage);
  };
}

Step asks(std::function<Result<void>(Stage&, db::Txn&)> work) {
  return [work = std::move(work)](Stage& stage) { stage.ask(work); };
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

sim::Fault failing(std::string_view verb, int times, Errc code) {
  return {.kind = sim::FaultKind::kError, .verb = std::string(verb), .times = times,
          .error = {code, "ordered", ""}};
}

Step meets(sim::Fault fault) {
  return does([fault](Stage& stage) { stage.world().inject(fault); });
}

Step has_agent(sim::Agent agent) {
  return does([agent](Stage& stage) {
    stage.world().set_agent(compute::domain_name(stage.vm_id), agent);
  });
}

Step has_sharing() {
  return does([](Stage& stage) { stage.world().set_sharing(sim::Sharing::kYes); });
}

Step snaps(snapshots::Kind kind, std::vector<DiskId> disks, datastore::Fires when) {
  return asks([=](Stage& stage, db::Txn& txn) -> Result<void> {
    snapshots::Request ask;
    ask.vm = stage.vm_id;
    ask.disks = disks;
    ask.name = "taken";
    ask.kind = kind;
    ask.when = when;
    TRY(stage.daemon().snapshots.request(txn, stage.admin_, ask));
    return {};
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

std::vector<Story> all_stories() {
  std::vector<Story> all;
  for (auto* some : {&image_stories, &vm_stories, &snapshot_stories, &change_stories})
    for (Story& story : some()) all.push_back(std::move(story));
  return all;
}

}  // namespace neph::crash
