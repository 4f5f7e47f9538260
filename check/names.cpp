#include "base/numbers.h"
#include "check/internal/names.h"


namespace neph::check {
namespace {

constexpr std::string_view kPart = ".part";
constexpr std::string_view kStaging = ".part.files/";

}  // namespace

std::optional<Unfinished> unfinished_from(std::string_view path) {
  if (const auto staging = path.find(kStaging); staging != std::string_view::npos)
    return Unfinished{std::string(path.substr(0, staging)), {}};
  const auto at = path.rfind(kPart);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = path.substr(at + kPart.size());
  if (rest.empty()) {
    // A driver may be making what is itself unfinished: the inner name tells more.
    if (auto inner = unfinished_from(path.substr(0, at))) return inner;
    return Unfinished{std::string(path.substr(0, at)), {}};
  }
  if (!rest.starts_with('-')) return std::nullopt;
  const auto job = natural_from(rest.substr(1));
  if (!job) return std::nullopt;
  return Unfinished{std::string(path.substr(0, at)), JobId{*job}};
}

std::optional<VmId> vm_of_path(const Catalogue& rows, std::string_view path) {
  for (const DatastoreRow& datastore : rows.datastores) {
    const std::string prefix = datastore.base_path + "/";
    if (datastore.type != datastore::DatastoreType::kSystem || !path.starts_with(prefix)) continue;
    const std::string_view rest = path.substr(prefix.size());
    const auto number = natural_from(rest.substr(0, rest.find('/')));
    if (number) return VmId{*number};
  }
  return std::nullopt;
}

std::set<std::string> named_paths(const Catalogue& rows) {
  std::set<std::string> named;
  const auto add = [&](const std::string& path) {
    if (!path.empty()) named.insert(path);
  };
  for (const auto& [id, image] : rows.images) add(image.source);
  for (const ImageRow& part : rows.backup_disks) add(part.source);
  for (const auto& [id, snapshot] : rows.snapshots) {
    if (!snapshots::is_over(snapshot.phase)) add(snapshot.pin_path);
  }
  for (const std::string& path : rows.restore_points) add(path);
  for (const auto& [id, vm] : rows.vms) {
    if (vm.stand.state == compute::VmState::kDone) continue;
    add(vm.memory_path);
    if (!vm.directory.empty()) add(vm.directory + "/serial.log");
  }
  for (const DiskRow& disk : rows.disks) {
    if (!disk.is_present && !disk.is_retained) continue;
    add(disk.path);
    add(disk.overlay_path);
  }
  return named;
}

}  // namespace neph::check
