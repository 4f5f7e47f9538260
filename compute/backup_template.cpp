#include "compute/backup_template.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/numbers.h"
#include "base/words.h"
#include "compute/backups.h"
#include "compute/internal/factory.h"
#include "compute/restricted.h"
#include "compute/vm.h"
#include "compute/vm_template.h"
#include "datastore/backup_images.h"

namespace neph::compute {
namespace {

using datastore::Backup;
using datastore::BackupDisk;

/// What a VM has of its own, or the server writes. Its devices and scheduled actions are rows: what
/// is called so in USER_TEMPLATE is none.
constexpr auto kOfTheVm = std::to_array<std::string_view>(
    {"VMID", "TEMPLATE_ID", "CLONING_TEMPLATE_ID", "AUTOMATIC_REQUIREMENTS",
     "AUTOMATIC_DS_REQUIREMENTS", "AUTOMATIC_NIC_REQUIREMENTS", "TM_MAD_SYSTEM", "SERIAL_LOG",
     "SECURITY_GROUP_RULE", "VMGROUP", "ERROR", "SCHED_MESSAGE", "SNAPSHOT_NOTICE", "DISK", "NIC",
     "NIC_ALIAS", "SCHED_ACTION"});
/// Of a disk: how the guest sees it, not what it stands on.
constexpr auto kOfDisks = std::to_array<std::string_view>(
    {"TARGET", "DEV_PREFIX", "CACHE", "IO", "DISCARD", "READONLY"});
constexpr auto kOfVolatileDisks = std::to_array<std::string_view>({"TYPE", "SIZE", "FORMAT", "FS"});
constexpr auto kOfNics = std::to_array<std::string_view>(
    {"NAME", "NETWORK_ID", "MODEL", "SECURITY_GROUPS", "VIRTIO_QUEUES", "RDP", "SSH"});
constexpr auto kAddresses = std::to_array<std::string_view>({"IP", "IP6", "MAC"});

template <class Keys>
void take(text::Vector& taken, const text::Vector& from, const Keys& keys) {
  for (const auto key : keys)
    if (const auto* value = from.find(key)) taken.inherit(key, *value);
}

Result<std::optional<DiskId>> asked_disk(const text::Template& options) {
  const std::string written = options.get("DISK_ID");
  if (written.empty() || written == "-1") return std::optional<DiskId>{};
  const auto number = natural_from(written);
  if (!number) return fail(Errc::kInvalid, "DISK_ID \"{}\" is not the number of a disk", written);
  return std::optional<DiskId>{DiskId{*number}};
}

Result<std::vector<BackupDisk>> disks_to_restore(const Backup& backup,
                                                 std::optional<DiskId> asked) {
  if (!asked) return backup.disks;
  const auto found = std::ranges::find(backup.disks, *asked, &BackupDisk::id);
  if (found != backup.disks.end()) return std::vector<BackupDisk>{*found};
  return fail(Errc::kWrongState, "disk {} is no part of backup {}", *asked, backup.image);
}

/// What the disk stood on says what the new image is.
datastore::ImageOfBackup image_of(db::Txn& txn, const Backup& backup, const BackupDisk& part) {
  datastore::ImageOfBackup ask;
  ask.backup = backup.image;
  ask.disk = part.id;
  const auto disk = find_disk(txn, backup.vm, part.id);
  if (!disk) return ask;
  ask.device_prefix = disk->attributes.get("DEV_PREFIX");
  const auto image = datastore::find_image(txn, disk->image);
  const bool is_data = image ? image->type == datastore::ImageType::kDatablock
                             : !disk->image.is_set();
  if (is_data) ask.type = datastore::ImageType::kDatablock;
  return ask;
}

/// How a device, or the number of a disk, is called in the new VM: "disk3" may be "disk2" there.
using NewNames = std::map<std::string, std::string>;

struct Draft {
  text::Template content;
  NewNames boot;   ///< by the words of OS/BOOT
  NewNames disks;  ///< by number
};

/// Those of the VM, and those of the backup that were detached since; the context has none.
std::vector<VmDisk> disks_of_draft(db::Txn& txn, const Backup& backup) {
  std::vector<VmDisk> disks = list_disks(txn, backup.vm);
  std::erase_if(disks, [](const VmDisk& disk) { return disk.kind == DiskKind::kContext; });
  for (const BackupDisk& part : backup.disks) {
    if (std::ranges::find(disks, part.id, &VmDisk::id) != disks.end()) continue;
    VmDisk detached;
    detached.id = part.id;
    disks.push_back(std::move(detached));
  }
  std::ranges::sort(disks, {}, &VmDisk::id);
  return disks;
}

text::Vector written_disk(const Backup& backup, const std::vector<ImageId>& images,
                          const VmDisk& disk) {
  text::Vector written;
  const auto part = std::ranges::find(backup.disks, disk.id, &BackupDisk::id);
  if (part != backup.disks.end()) {
    const auto place = static_cast<std::size_t>(part - backup.disks.begin());
    written.set("IMAGE_ID", fmt::format("{}", images[place]));
  } else if (disk.image.is_set()) {
    written.set("IMAGE_ID", fmt::format("{}", disk.image));
  } else {
    take(written, disk.attributes, kOfVolatileDisks);
  }
  take(written, disk.attributes, kOfDisks);
  return written;
}

/// DISKs in the order of the VM's, those of the backup on their new images.
void add_disks(db::Txn& txn, const Backup& backup, const std::vector<ImageId>& images,
               Draft& draft) {
  int number = 0;
  for (const VmDisk& disk : disks_of_draft(txn, backup)) {
    draft.content.add("DISK", written_disk(backup, images, disk));
    draft.disks.emplace(fmt::format("{}", disk.id), fmt::format("{}", number));
    draft.boot.emplace(fmt::format("disk{}", disk.id), fmt::format("disk{}", number));
    if (disk.kind == DiskKind::kImage) draft.boot.emplace("hd", "hd");
    if (disk.kind == DiskKind::kCdrom) draft.boot.emplace("cdrom", "cdrom");
    ++number;
  }
}

void add_nics(db::Txn& txn, VmId vm, const text::Template& options, Draft& draft) {
  if (options.is_yes("NO_NIC")) return;
  int number = 0;
  for (const auto& nic : list_nics(txn, vm)) {
    text::Vector written;
    take(written, nic.attributes, kOfNics);
    if (!nic.attributes.has("NETWORK_ID")) written.set("BRIDGE", nic.attributes.get("BRIDGE"));
    if (!options.is_yes("NO_IP")) take(written, nic.attributes, kAddresses);
    take(written, nic.attributes, std::to_array({"PARENT"}));
    draft.content.add(is_alias(nic) ? "NIC_ALIAS" : "NIC", std::move(written));
    if (is_alias(nic)) continue;
    draft.boot.emplace(fmt::format("nic{}", nic.id), fmt::format("nic{}", number));
    draft.boot.emplace("network", "network");
    ++number;
  }
}

/// nullopt when one of them is gone.
std::optional<std::string> with_new_names(const NewNames& names, std::string_view list) {
  std::string result;
  for (const auto part : between_commas(list)) {
    const auto word = without_blanks(part);
    if (word.empty()) continue;
    const auto known = names.find(std::string(word));
    if (known == names.end()) return std::nullopt;
    result += fmt::format("{}{}", result.empty() ? "" : ",", known->second);
  }
  return result;
}

/// A list of what is called otherwise now. It is left out when a part of it is gone.
void rename_in(text::Template& content, std::string_view name, std::string_view key,
               const NewNames& names) {
  const auto* written = content.find_vector(name);
  const auto* list = written == nullptr ? nullptr : written->find(key);
  if (list == nullptr) return;
  text::Vector changed = *written;
  if (const auto renamed = with_new_names(names, *list)) changed.set(key, *renamed);
  else changed.erase(key);
  if (changed.items().empty()) content.erase(name);
  else content.set(name, std::move(changed));
}

/// CONTEXT without its disk, and without what follows from NICs: the new ones say it anew.
void forget_in_context_of(db::Txn& txn, Vm& vm) {
  const auto* written = vm.attributes.find_vector("CONTEXT");
  if (written == nullptr) return;
  if (written->is_yes("NETWORK")) {
    for (const auto& nic : list_nics(txn, vm.id)) forget_in_context(vm, nic);
  }
  text::Vector context = *vm.attributes.find_vector("CONTEXT");
  context.erase("DISK_ID");
  context.erase("TARGET");
  vm.attributes.set("CONTEXT", std::move(context));
}

/// Without what tells of the VM's last backup.
void forget_last_backup(Vm& vm) {
  auto asked = asked_backup_config(vm);
  if (asked.items().empty()) vm.attributes.erase(kBackupConfig);
  else vm.attributes.set(kBackupConfig, std::move(asked));
}

text::Template content_of(db::Txn& txn, Vm vm, const Backup& backup,
                          const std::vector<ImageId>& images, const text::Template& options) {
  forget_in_context_of(txn, vm);
  forget_last_backup(vm);
  Draft draft;
  text::Template& content = draft.content;
  content = vm.attributes;
  for (const auto& attribute : vm.user_attributes.attributes()) {
    std::visit([&](const auto& value) { content.add(attribute.name, value); }, attribute.value);
  }
  for (const auto name : kOfTheVm) content.erase(name);
  add_disks(txn, backup, images, draft);
  add_nics(txn, vm.id, options, draft);
  rename_in(content, "OS", "BOOT", draft.boot);
  rename_in(content, kBackupConfig, "DISK_IDS", draft.disks);
  // A console's port and the machine's UUID belong to one VM alone.
  return access::without_attributes(content, {"GRAPHICS/PORT", "OS/UUID"});
}

}  // namespace

Result<MadeFromBackup> make_from_backup(db::Txn& txn, const access::Actor& actor,
                                        const Settings& settings, const DriverCatalogue& drivers,
                                        const NewFromBackup& ask) {
  const auto source = TRY(datastore::find_image(txn, ask.backup));
  if (source.type != datastore::ImageType::kBackup) {
    return fail(Errc::kWrongState,
                "Can only restore images of type BACKUP: image {} is none", ask.backup);
  }
  const Backup backup = TRY(datastore::find_backup(txn, ask.backup));
  const Vm vm = TRY(find_vm(txn, backup.vm));
  const auto one_disk = TRY(asked_disk(ask.options));
  const std::string name =
      ask.options.get("NAME", fmt::format("{}-{}", vm.name, backup.image));
  MadeFromBackup made;
  for (const auto& disk : TRY(disks_to_restore(backup, one_disk))) {
    auto image = image_of(txn, backup, disk);
    image.name = fmt::format("{}-disk-{}", name, disk.id);
    image.datastore = ask.datastore;
    made.images.push_back(TRY(datastore::make_image_of_backup(txn, drivers, actor, image)));
  }
  if (one_disk) return made;
  text::Template content = content_of(txn, vm, backup, made.images, ask.options);
  if (!actor.is_admin()) {
    const auto restricted = restricted_names(settings.restricted_attributes);
    content = access::without_attributes(content, restricted);
  }
  content.set("NAME", name);
  made.vm_template = TRY(create_template(txn, actor, settings, content));
  return made;
}

}  // namespace neph::compute
