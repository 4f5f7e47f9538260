#include <algorithm>
#include <fstream>

#include "db/upkeep.h"
#include "jobs/queue.h"
#include "tests/crash/story.h"
#include "tests/support/fresh_store.h"

/// Checks of the site, copies of its state, programs of hooks.
namespace neph::crash {
namespace {

namespace fs = std::filesystem;

using check::CheckService;

/// Not yet at rest: what is wrong here is wrong until it is mended.
constexpr Duration kNearlyRest = kRest - Duration{1};

constexpr const char* kOrphan = "/ds/1/orphan";
/// Left behind by the first job, which is over.
constexpr const char* kPart = "/ds/1/new.part-1";

/// Of a VM's states on the wire.
constexpr int kWireActive = 3;
constexpr int kWireRunning = 3;

Step has_store_to_copy() {
  return does([](Stage& stage) {
    const auto bytes = fresh_store_file();
    stage.folder();
    std::ofstream(stage.store_to_copy(), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  });
}

Step has_file(std::string path) {
  return soon(does([path](Stage& stage) {
    stage.world().put_image(path, datastore_driver::Format::kQcow2, Bytes::megabytes(1), {});
  }));
}

Step has_dead_claim() {
  return soon(asks([](Stage&, db::Txn& txn) -> Result<void> {
    txn.exec("INSERT OR IGNORE INTO job_claims(resource, job_id)"
             " SELECT 'disk/9/9', MIN(id) FROM jobs");
    return {};
  }));
}

Step mends() {
  return soon(asks([](Stage& stage, db::Txn& txn) -> Result<void> {
                stage.checks().start(txn, UserId{0}, CheckService::Mend::kProven);
                return {};
              }),
              kNearlyRest);
}

Step removes_orphan() {
  return soon(asks([](Stage& stage, db::Txn& txn) -> Result<void> {
                TRY(stage.checks().start_removal(txn, UserId{0}, kOrphan));
                return {};
              }),
              kNearlyRest);
}

fs::path copy_in(const Stage& stage) { return stage.folder() / "copy.db"; }

/// Whoever was not answered finds the job, or asks again.
Step copies_state() {
  return asks([](Stage& stage, db::Txn& txn) -> Result<void> {
    if (Stage::last_job(txn, "site.backup").id.is_set()) return {};
    TRY(stage.checks().start_backup(txn, UserId{0}, copy_in(stage)));
    return {};
  });
}

Step has_hook_on_running() {
  return does([](Stage& stage) {
    const fs::path program = stage.folder() / "hook";
    std::ofstream(program) << "#!/bin/sh\necho ran\n";
    fs::permissions(program, fs::perms::owner_all);
    const site::StateNumbers numbers{
        [](std::string_view, std::string_view) { return std::optional(kWireActive); },
        [](std::string_view) { return std::optional(kWireRunning); }};
    const auto made = stage.run<HookId>([&](db::Txn& txn) {
      const auto ask = text::Template::parse(
          "NAME=h TYPE=state RESOURCE=VM STATE=ACTIVE LCM_STATE=RUNNING COMMAND=hook");
      return site::create_hook(txn, stage.hooks(), numbers, *ask);
    });
    EXPECT_TRUE(made) << made.error().text();
  });
}

Check job_is_done(std::string kind) {
  return [kind](Stage& stage, Complaints& complaints) {
    const auto job =
        stage.read<jobs::Job>([&](db::Txn& txn) { return Stage::last_job(txn, kind); });
    if (job.state != jobs::JobState::kDone)
      complaints.push_back(fmt::format("job {} is {}, not done: {}", kind, name_of(job.state),
                                       job.error));
  };
}

Check copy_is_whole() {
  return [](Stage& stage, Complaints& complaints) {
    const auto faults = db::find_faults(copy_in(stage));
    if (!faults || !faults->empty()) complaints.push_back("the copy of the state is not whole");
    const auto files = std::distance(fs::directory_iterator(stage.folder()), {});
    if (files != 2) complaints.push_back(fmt::format("{} files instead of 2", files));
  };
}

Check hook_has_run() {
  return [](Stage& stage, Complaints& complaints) {
    const auto log = stage.read<std::vector<site::HookExecution>>(
        [](db::Txn& txn) { return site::list_executions(txn, site::list_hooks(txn).front()); });
    const bool has_run = !log.empty() && std::ranges::all_of(log, [](const auto& one) {
      return one.is_over && one.code == 0 && one.output == "ran\n";
    });
    if (!has_run) complaints.push_back(fmt::format("{} executions, or one that is not over",
                                                   log.size()));
  };
}

}  // namespace

std::vector<Story> site_stories() {
  return {
      {"a check that mends",
       {a_vm(), has_store_to_copy()},
       {has_file(kPart), has_dead_claim(), mends()},
       {job_is_done("site.check")}},
      {"an orphan is removed",
       {a_vm(), has_store_to_copy()},
       {has_file(kOrphan), removes_orphan()},
       {}},
      {"a copy of the state", {has_store_to_copy()}, {copies_state()},
       {job_is_done("site.backup"), copy_is_whole()}},
      {"a hook hears of a VM", {has_hook_on_running()}, {creates(""), finds()},
       {vm_is("RUNNING"), hook_has_run()}},
  };
}

}  // namespace neph::crash
