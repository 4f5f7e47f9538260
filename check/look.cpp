#include "check/look.h"

#include "db/upkeep.h"

namespace neph::check {
namespace {

using datastore_driver::Driver;
using datastore_driver::Format;
using datastore_driver::Layer;

class Looker {
 public:
  Looker(const DriverCatalogue& drivers, const Catalogue& rows, Progress& progress)
      : drivers_(drivers), rows_(rows), progress_(progress),
        steps_(static_cast<std::int64_t>(rows.hosts.size() + rows.datastores.size() +
                                         rows.images.size() + rows.backup_disks.size() +
                                         rows.disks.size())) {
    seen_.began = rows.at;
  }

  Seen look() {
    for (const HostRow& host : rows_.hosts) look_at_host(host);
    for (const DatastoreRow& datastore : rows_.datastores) look_at_datastore(datastore);
    for (const auto& [id, image] : rows_.images) look_at_image(image);
    for (const ImageRow& part : rows_.backup_disks) look_at_image(part);
    for (const DiskRow& disk : rows_.disks) look_at_disk(disk);
    return std::move(seen_);
  }

 private:
  [[nodiscard]] bool goes_on() {
    progress_.report(Bytes{++done_}, Bytes{steps_});
    return !progress_.is_cancelled();
  }

  void look_at_host(const HostRow& host) {
    if (!goes_on() || host.is_offline) return;
    const std::string place = "host " + host.name;
    if (!host.lost.empty()) return add_unseen(place, host.lost);
    const auto driver = drivers_.hypervisor(host.vm_mad);
    if (!driver) return add_unseen(place, driver.error().text());
    const auto domains = (*driver)->list_domains({host.id, host.name, host.uri});
    if (!domains) return add_unseen(place, domains.error().text());
    seen_.hosts.insert(host.id);
    for (const auto& domain : *domains)
      seen_.domains.push_back({host.id, domain.name, domain.uuid, domain.power});
  }

  void look_at_datastore(const DatastoreRow& datastore) {
    if (!goes_on()) return;
    const std::string place = "datastore " + datastore.name;
    const auto driver = drivers_.datastore(datastore.tm_mad);
    if (!driver) return add_unseen(place, driver.error().text());
    const auto files = (*driver)->list_files(datastore.base_path);
    // One that nothing was put into has no directory yet.
    const bool is_empty = !files && files.error().code == Errc::kNotFound;
    if (!files && !is_empty) return add_unseen(place, files.error().text());
    seen_.datastores.insert(datastore.id);
    if (is_empty) return;
    for (const auto& found : *files) {
      SeenFile file{found.stored_size, found.modified, false, {}, {}, datastore.id};
      // Nobody knows what a stranger's file is. If it claims to be a layer, what it stands on is
      // not removed.
      if (const auto facts = (*driver)->inspect_file({found.path, Format::kQcow2}))
        file.backing_path = facts->backing_path;
      seen_.files.try_emplace(found.path, std::move(file));
    }
  }

  void look_at_image(const ImageRow& image) {
    if (goes_on()) look_at_file(image.datastore, {image.source, image.format});
  }

  void look_at_disk(const DiskRow& disk) {
    const auto vm = rows_.vms.find(disk.vm);
    if (!goes_on() || vm == rows_.vms.end()) return;
    for (const DatastoreRow& datastore : rows_.datastores) {
      if (!disk.path.starts_with(datastore.base_path + "/")) continue;
      look_at_file(datastore.id, {disk.path, disk.format});
      look_at_file(datastore.id, {disk.overlay_path, Format::kQcow2});
    }
  }

  /// A file that a row names.
  void look_at_file(DatastoreId id, const Layer& layer) {
    if (layer.path.empty() || !seen_.datastores.contains(id)) return;
    Driver* driver = driver_of(id);
    if (driver == nullptr) return;
    const auto facts = driver->inspect_file(layer);
    if (!facts && facts.error().code != Errc::kNotFound) return;
    SeenFile& file = seen_.files[layer.path];
    file.is_missing = !facts;
    if (!facts) return;
    file.virtual_size = facts->virtual_size;
    file.backing_path = facts->backing_path;
  }

  [[nodiscard]] Driver* driver_of(DatastoreId id) const {
    for (const DatastoreRow& datastore : rows_.datastores) {
      if (datastore.id == id) return drivers_.datastore(datastore.tm_mad).value_or(nullptr);
    }
    return nullptr;
  }

  void add_unseen(std::string place, std::string reason) {
    seen_.unseen.push_back({std::move(place), std::move(reason)});
  }

  const DriverCatalogue& drivers_;
  const Catalogue& rows_;
  Progress& progress_;
  const std::int64_t steps_;
  std::int64_t done_ = 0;
  Seen seen_;
};

}  // namespace

Seen look(const DriverCatalogue& drivers, const Catalogue& rows,
          const std::filesystem::path& store, Progress& progress) {
  Seen seen = Looker(drivers, rows, progress).look();
  if (store.empty()) return seen;
  auto faults = db::find_faults(store);
  if (faults) seen.store_faults = std::move(*faults);
  else seen.unseen.push_back({"state store", faults.error().text()});
  return seen;
}

}  // namespace neph::check
