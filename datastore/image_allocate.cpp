#include <algorithm>
#include <array>

#include "access/directory.h"
#include "access/quota.h"
#include "datastore/backup_images.h"
#include "datastore/image_service.h"
#include "datastore/internal/image_jobs.h"
#include "datastore/internal/rows.h"
#include "datastore/internal/rules.h"
#include "jobs/queue.h"

/// How images come into being: everything is checked before the first row is written.
namespace neph::datastore {

namespace {

using access::Actor;
using access::Op;
using datastore_driver::Format;

/// What an image shows as elements of its own, not in its TEMPLATE.
constexpr std::array<std::string_view, 10> kOwnElements{
    "NAME", "TYPE", "PERSISTENT", "PATH", "SOURCE", "FORMAT", "FSTYPE", "FS", "SIZE", "DRIVER"};

Result<void> check_rights(db::Txn& txn, const Actor& actor, const Datastore& datastore) {
  const access::Subject new_image{.kind = access::Resource::kImage, .owner = actor.user,
                                  .group = actor.group, .permissions = {0}};
  CHECK_OK(access::authorize(txn, actor, Op::kCreate, new_image));
  return access::authorize(txn, actor, Op::kUse, subject_of(datastore));
}

Result<void> check_free_name(db::Txn& txn, UserId owner, const std::string& name) {
  CHECK_OK(access::check_name("NAME", name));
  const auto clash = find_image_by_name(txn, owner, name);
  if (clash) return fail(Errc::kConflict, "NAME is already taken by IMAGE {}.", clash->id);
  return {};
}

Result<void> check_fit(const Datastore& datastore, ImageType type) {
  const auto fitting = is_file_type(type) ? DatastoreType::kFile : DatastoreType::kImage;
  if (datastore.type == fitting) return {};
  return fail(Errc::kInvalid, "An image of type {} goes into {}; datastore {} is none",
              name_of(type), is_file_type(type) ? "a FILE_DS" : "an IMAGE_DS", datastore.name);
}

/// Where the bytes come from.
struct Origin {
  MakeFrom kind = MakeFrom::kNothing;
  std::string path;
};

Result<Origin> find_origin(db::Txn& txn, const Settings& settings, const Datastore& datastore,
                           const text::Template& ask, const Actor& actor, ImageType type) {
  const std::string source = ask.get("SOURCE");
  const std::string path = ask.get("PATH");
  if (!source.empty() && !path.empty())
    return fail(Errc::kInvalid, "PATH and SOURCE cannot both be given");
  if (!path.empty()) return Origin{MakeFrom::kFile, TRY(resolve_source(settings, datastore, path))};
  if (source.empty()) {
    if (type == ImageType::kDatablock || type == ImageType::kOs) return Origin{};
    return fail(Errc::kInvalid, "No PATH nor SOURCE in template");
  }
  if (!actor.is_admin())
    return fail(Errc::kDenied, "Template includes a restricted attribute SOURCE");
  if (!source.starts_with('/') || source.find("/../") != std::string::npos)
    return fail(Errc::kInvalid, "SOURCE {} is not an absolute path", source);
  if (!ask.has("FORMAT")) return fail(Errc::kInvalid, "SOURCE needs FORMAT");
  if (const auto taken = find_image_by_source(txn, source))
    return fail(Errc::kConflict, "SOURCE {} is the file of IMAGE {}.", source, *taken);
  return Origin{MakeFrom::kPlace, source};
}

/// The first figure for quota and space; the job settles it.
Result<std::int64_t> first_size(const text::Template& ask, const Origin& origin) {
  if (origin.kind == MakeFrom::kNothing) return size_of(ask);
  std::error_code problem;
  const auto bytes = std::filesystem::file_size(origin.path, problem);
  if (problem && origin.kind == MakeFrom::kFile)
    return fail_because(Errc::kInvalid, problem.message(), "PATH {} is not readable", origin.path);
  return problem ? 0 : to_mb(Bytes{static_cast<std::int64_t>(bytes)});
}

text::Template free_attributes(const Settings& settings, const text::Template& ask,
                               ImageType type) {
  text::Template kept = ask;
  for (const std::string_view name : kOwnElements) kept.erase(name);
  if (!is_file_type(type) && !kept.has("DEV_PREFIX")) {
    kept.set("DEV_PREFIX", type == ImageType::kCdrom ? settings.default_cdrom_prefix
                                                     : settings.default_prefix);
  }
  return kept;
}

bool is_persistent(const Settings& settings, const text::Template& ask, ImageType type) {
  if (is_file_type(type)) return false;
  return ask.has("PERSISTENT") ? ask.is_yes("PERSISTENT") : settings.is_default_persistent;
}

constexpr int kCdromDisk = 1;  // DISK_TYPE of the wire; 0 is a file

}  // namespace

Result<void> check_image_room(db::Txn& txn, const Datastore& datastore, const Image& image,
                              CapacityCheck check) {
  const std::string key = fmt::format("{}", datastore.id);
  CHECK_OK(access::check_quota(txn, image.owner, image.group,
                               {{"DATASTORE", key, "SIZE", static_cast<double>(image.size_mb)},
                                {"DATASTORE", key, "IMAGES", 1}}));
  const std::string wish = datastore.attributes.get("DATASTORE_CAPACITY_CHECK", "YES");
  // One that was never measured says nothing about its room.
  const bool is_known = datastore.total_mb != 0 && check == CapacityCheck::kRequired;
  if (!is_known || wish == "NO" || wish == "no" || image.size_mb <= datastore.free_mb) return {};
  return fail(Errc::kExhausted, "Not enough space in datastore {}: {} MB are needed, {} MB free",
              datastore.name, image.size_mb, datastore.free_mb);
}

Result<ImageId> ImageService::allocate(db::Txn& txn, const Actor& actor, const text::Template& ask,
                                       DatastoreId datastore_id, CapacityCheck check) {
  const Datastore datastore = TRY(find_datastore(txn, datastore_id));
  CHECK_OK(check_rights(txn, actor, datastore));
  CHECK_OK(check_new_attributes(actor, ask, settings_.restricted_attributes));
  CHECK_OK(check_free_name(txn, actor.user, ask.get("NAME")));
  TRY(drivers_.datastore(datastore.tm_mad));

  Image image;
  image.type = ask.has("TYPE") ? TRY(image_type_from(ask.get("TYPE"))) : settings_.default_type;
  CHECK_OK(check_fit(datastore, image.type));
  const Origin origin = TRY(find_origin(txn, settings_, datastore, ask, actor, image.type));
  image.name = ask.get("NAME");
  image.owner = actor.user;
  image.group = actor.group;
  image.permissions = access::initial_permissions(actor);
  image.disk_type = image.type == ImageType::kCdrom ? kCdromDisk : 0;
  image.is_persistent = is_persistent(settings_, ask, image.type);
  image.datastore = datastore.id;
  image.size_mb = TRY(first_size(ask, origin));
  image.format = TRY(format_of(ask, image.type, origin.path, Format::kQcow2));
  image.source = origin.kind == MakeFrom::kPlace ? origin.path : new_image_path(datastore);
  image.original_path = ask.get("PATH");
  image.registered = txn.at();
  image.attributes = free_attributes(settings_, ask, image.type);
  CHECK_OK(check_image_room(txn, datastore, image,
                            actor.is_admin() ? check : CapacityCheck::kRequired));
  image.id = insert_image(txn, image);
  start_making(txn, image, {origin.kind, origin.path, image.format}, actor.user);
  return image.id;
}

Result<ImageId> ImageService::clone(db::Txn& txn, const Actor& actor, ImageId source_id,
                                    const std::string& name, DatastoreId datastore_id) {
  const Image source = TRY(find_image(txn, source_id));
  const Datastore datastore =
      TRY(find_datastore(txn, datastore_id.is_set() ? datastore_id : source.datastore));
  const Datastore home = TRY(find_datastore(txn, source.datastore));
  CHECK_OK(check_rights(txn, actor, datastore));
  if (is_file_type(source.type) || source.type == ImageType::kBackup)
    return fail(Errc::kWrongState, "Image {} is a {}; only disks are cloned", source_id,
                name_of(source.type));
  const ImageUse use = image_use(txn, source_id);
  const ImageState shown = shown_state(source, use);
  if (shown == ImageState::kUsedPersistent)
    return fail(Errc::kWrongState, "Image {} is persistent and VM {} is writing to it", source_id,
                use.vms.front());
  if (source.state != ImageState::kReady)
    return fail(Errc::kWrongState, "Image {} is {}; only a READY one is cloned", source_id,
                name_of(shown));
  CHECK_OK(check_free_name(txn, actor.user, name));
  CHECK_OK(check_fit(datastore, source.type));
  if (datastore.tm_mad != home.tm_mad)
    return fail(Errc::kWrongState, "Datastores {} and {} have different drivers: {} and {}",
                home.name, datastore.name, home.tm_mad, datastore.tm_mad);
  TRY(drivers_.datastore(datastore.tm_mad));

  // Where it comes from and how whole it is travel with the content.
  Image image = source;
  image.name = name;
  image.owner = actor.user;
  image.group = actor.group;
  image.permissions = access::initial_permissions(actor);
  image.state = ImageState::kLocked;
  image.datastore = datastore.id;
  image.source = new_image_path(datastore);
  image.original_path = source.source;
  image.cloning = source.id;
  image.sha256.clear();
  image.modified_by = {};
  image.registered = txn.at();
  CHECK_OK(check_image_room(txn, datastore, image));
  image.id = insert_image(txn, image);
  start_making(txn, image, {MakeFrom::kImage, source.source, source.format}, actor.user);
  return image.id;
}

Result<ImageId> make_image_of_backup(db::Txn& txn, const DriverCatalogue& drivers,
                                     const Actor& actor, const ImageOfBackup& ask) {
  const Image source = TRY(find_image(txn, ask.backup));
  const Backup backup = TRY(find_backup(txn, ask.backup));
  const Datastore datastore = TRY(find_datastore(txn, ask.datastore));
  const Datastore home = TRY(find_datastore(txn, source.datastore));
  CHECK_OK(check_rights(txn, actor, datastore));
  if (source.state != ImageState::kReady)
    return fail(Errc::kWrongState, "Backup {} is {}; only a READY one is restored", source.id,
                name_of(source.state));
  const auto disk = std::ranges::find(backup.disks, ask.disk, &BackupDisk::id);
  if (disk == backup.disks.end())
    return fail(Errc::kWrongState, "disk {} is no part of backup {}", ask.disk, source.id);
  CHECK_OK(check_free_name(txn, actor.user, ask.name));
  CHECK_OK(check_fit(datastore, ask.type));
  if (datastore.tm_mad != home.tm_mad)
    return fail(Errc::kWrongState, "Datastores {} and {} have different drivers: {} and {}",
                home.name, datastore.name, home.tm_mad, datastore.tm_mad);
  TRY(drivers.datastore(datastore.tm_mad));

  Image image;
  image.name = ask.name;
  image.owner = actor.user;
  image.group = actor.group;
  image.permissions = access::initial_permissions(actor);
  image.type = ask.type;
  image.datastore = datastore.id;
  image.size_mb = disk->size_mb;
  image.format = Format::kQcow2;
  image.source = new_image_path(datastore);
  image.original_path = disk->path;
  image.cloning = source.id;
  image.registered = txn.at();
  // How whole the disk is travels with the content.
  if (const auto* made = source.attributes.find_vector("SNAPSHOT"))
    image.attributes.set("SNAPSHOT", *made);
  if (!ask.device_prefix.empty()) image.attributes.set("DEV_PREFIX", ask.device_prefix);
  CHECK_OK(check_image_room(txn, datastore, image));
  image.id = insert_image(txn, image);
  start_making(txn, image, {MakeFrom::kImage, disk->path, image.format}, actor.user);
  return image.id;
}

}  // namespace neph::datastore
