#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/pool_xml.h"
#include "cli/selectors.h"

/// Backups of VMs. The server answers at once; what fails later it tells in USER_TEMPLATE/ERROR of
/// the VM.
namespace neph::cli {
namespace {

constexpr std::int64_t kAsLastTime = -1;
constexpr std::int64_t kAllDisks = -1;
constexpr std::int64_t kWhole = -1;  ///< no increment
constexpr const char* kError = "USER_TEMPLATE/ERROR";

/// The newest first.
std::vector<std::int64_t> backups_in(const Element& vm) {
  std::vector<std::int64_t> ids;
  for (const Element* id : vm.all("BACKUPS/BACKUP_IDS/ID")) ids.push_back(id->number("", -1));
  std::ranges::sort(ids, std::greater<>{});
  return ids;
}

/// Done when the image is there; failed when it is gone, and then the VM tells why.
Look look_at_backup(RpcClient& rpc, std::int64_t vm, std::int64_t image) {
  return [&rpc, vm, image]() -> Result<Report> {
    const auto shown = rpc.call_document("one.image.info", {image});
    if (shown) return image_report(*shown);
    if (shown.error().code != Errc::kNotFound) return tl::unexpected(shown.error());
    Report report;
    report.standing = Standing::kFailed;
    report.phase = "given up";
    report.note = TRY(rpc.call_document("one.vm.info", {vm})).get(kError);
    return report;
  };
}

/// The VM is off before and after, so a new ERROR tells that it has failed.
Look look_at_restore(RpcClient& rpc, std::int64_t vm, const std::string& error_before) {
  return [&rpc, error_before, look = look_at_vm(rpc, vm, VmGoal::kPoweroff),
          vm]() mutable -> Result<Report> {
    Report report = TRY(look());
    if (report.standing != Standing::kDone) return report;
    const std::string error = TRY(rpc.call_document("one.vm.info", {vm})).get(kError);
    if (!error.empty() && error != error_before) {
      report.standing = Standing::kFailed;
      report.note = error;
    }
    return report;
  };
}

void add_backup(CLI::App& group, Command& chosen) {
  struct Ask {
    std::string vm;
    std::string datastore;
    WaitChoice wait;
  };
  auto ask = std::make_shared<Ask>();
  CLI::App* verb = group.add_subcommand("backup", "Back up its disks into one image");
  verb->add_option("VM", ask->vm, "Id or name")->required();
  verb->add_option("--datastore,-d", ask->datastore,
                   "Id or name of a datastore for backups; that of the last backup if not given");
  add_wait_options(*verb, ask->wait);
  verb->callback([ask, &chosen] {
    chosen = [ask](Desk& desk) -> Result<ExitCode> {
      const auto vm = TRY(resolve(desk.rpc, Kind::kVm, ask->vm));
      const auto store =
          TRY(resolve_or(desk.rpc, Kind::kDatastore, ask->datastore, kAsLastTime));
      TRY(desk.rpc.call_id("one.vm.backup", {vm, store, false}));
      const auto backups = backups_in(TRY(desk.rpc.call_document("one.vm.info", {vm})));
      if (backups.empty()) return fail(Errc::kNotFound, "VM {} shows no backup", vm);
      print_id(desk, backups.front());
      return wait_if_wanted(desk, ask->wait, fmt::format("backup of VM {}", vm),
                            fmt::format("neph image show {}", backups.front()),
                            look_at_backup(desk.rpc, vm, backups.front()));
    };
  });
}

void add_restore(CLI::App& group, Command& chosen) {
  struct Ask {
    std::string vm;
    std::string backup;
    std::int64_t disk = kAllDisks;
    WaitChoice wait;
  };
  auto ask = std::make_shared<Ask>();
  CLI::App* verb =
      group.add_subcommand("restore", "Take disks of a powered off VM back to a backup");
  verb->add_option("VM", ask->vm, "Id or name")->required();
  verb->add_option("BACKUP", ask->backup, "Id or name of the backup's image")->required();
  verb->add_option("--disk", ask->disk, "Number of the disk; all that the backup has if not given")
      ->check(CLI::NonNegativeNumber);
  add_wait_options(*verb, ask->wait);
  verb->callback([ask, &chosen] {
    chosen = [ask](Desk& desk) -> Result<ExitCode> {
      const auto vm = TRY(resolve(desk.rpc, Kind::kVm, ask->vm));
      const auto backup = TRY(resolve(desk.rpc, Kind::kImage, ask->backup));
      std::string error_before;
      if (ask->wait.is_wanted)
        error_before = TRY(desk.rpc.call_document("one.vm.info", {vm})).get(kError);
      TRY(desk.rpc.call_id("one.vm.restore", {vm, backup, kWhole, ask->disk}));
      return wait_if_wanted(desk, ask->wait, fmt::format("restore of VM {}", vm),
                            fmt::format("neph vm show {}", vm),
                            look_at_restore(desk.rpc, vm, error_before));
    };
  });
}

/// Backups that the caller may not see are left out.
Result<ExitCode> list_backups(Desk& desk, const std::string& typed) {
  const auto vm = TRY(resolve(desk.rpc, Kind::kVm, typed));
  const Element shown = TRY(desk.rpc.call_document("one.vm.info", {vm}));
  std::vector<std::string> images;
  for (const auto id : backups_in(shown)) {
    auto image = desk.rpc.call_text("one.image.info", {id});
    if (image) images.push_back(std::move(*image));
    else if (exit_code_of(image.error()) != ExitCode::kRefused)
      return tl::unexpected(image.error());
  }
  return print_list(desk, object_row(Kind::kImage), image_pool_xml(images));
}

void add_list_of_backups(CLI::App& group, Command& chosen) {
  auto vm = std::make_shared<std::string>();
  CLI::App* verb = group.add_subcommand("backups", "List the backups of a VM, the newest first");
  verb->add_option("VM", *vm, "Id or name")->required();
  verb->callback(
      [vm, &chosen] { chosen = [vm](Desk& desk) { return list_backups(desk, *vm); }; });
}

}  // namespace

void add_backup_commands(CLI::App& group, Command& chosen) {
  add_backup(group, chosen);
  add_simple(group,
             {Kind::kVm, "backup-cancel", "one.vm.backupcancel", "Give up a backup that is made",
              {}},
             chosen);
  add_restore(group, chosen);
  add_list_of_backups(group, chosen);
}

}  // namespace neph::cli
