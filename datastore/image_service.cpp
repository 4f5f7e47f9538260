#include "datastore/image_service.h"

#include <algorithm>

#include "access/directory.h"
#include "access/quota.h"
#include "datastore/backups.h"
#include "datastore/disk_snapshots.h"
#include "datastore/internal/image_jobs.h"
#include "datastore/internal/rows.h"
#include "datastore/internal/rules.h"
#include "jobs/queue.h"

namespace neph::datastore {

namespace {

template <class Ids>
std::string joined(const Ids& ids) { return fmt::format("{}", fmt::join(ids, ", ")); }

/// Why an image cannot be touched, empty when nothing reads it.
std::string users_of(const ImageUse& use) {
  if (!use.vms.empty()) return fmt::format("used by VMs {}", joined(use.vms));
  if (!use.clones.empty()) return fmt::format("being cloned into images {}", joined(use.clones));
  if (!use.pinned_by.empty()) return fmt::format("read by snapshots {}", joined(use.pinned_by));
  return {};
}

/// For what changes how an image is used: nobody may be using it yet.
Result<void> check_unused(db::Txn& txn, const Image& image, std::string_view what) {
  const ImageUse use = image_use(txn, image.id);
  if (const std::string users = users_of(use); !users.empty())
    return fail(Errc::kWrongState, "Cannot {} image {}: it is {}", what, image.id, users);
  if (image.state != ImageState::kDelete) return {};
  return fail(Errc::kWrongState, "Cannot {} image {}: it is {}", what, image.id,
              name_of(shown_state(image, use)));
}

/// For what changes whether an image may be used: no job may be at it either.
Result<void> check_idle(db::Txn& txn, const Image& image, std::string_view what) {
  CHECK_OK(check_unused(txn, image, what));
  if (image.state == ImageState::kReady || image.state == ImageState::kDisabled ||
      image.state == ImageState::kError)
    return {};
  return fail(Errc::kWrongState, "Cannot {} image {}: it is {}", what, image.id,
              name_of(image.state));
}

/// A backup is nothing but what its VM was.
Result<void> check_no_backup(const Image& image, std::string_view what) {
  if (image.type != ImageType::kBackup) return {};
  return fail(Errc::kWrongState, "Image {} is a backup of a VM, which cannot {}", image.id, what);
}

}  // namespace

Result<void> ImageService::remove(db::Txn& txn, ImageId id) {
  Image image = TRY(find_image(txn, id));
  const std::string users = users_of(image_use(txn, id));
  if (!users.empty())
    return fail(Errc::kWrongState, "Cannot delete image {}: it is {}", id, users);
  if (const auto reader = jobs::find_claimant(txn, backup_resource(id)))
    return fail(Errc::kWrongState, "Cannot delete image {}: job {} restores a VM from it", id,
                *reader);
  const bool is_busy = jobs::is_open(txn, image.job);
  // A backup that was given up goes once its copies have stopped; until then no job is its own.
  const bool is_going = is_busy || image.type == ImageType::kBackup;
  if (image.state == ImageState::kDelete && is_going) return {};
  if (!is_busy) {
    start_deleting(txn, std::move(image));
    return {};
  }
  // The job that makes it removes it, once it has stopped writing.
  image.state = ImageState::kDelete;
  save_image(txn, image);
  return jobs::ask_cancel(txn, image.job);
}

Result<void> ImageService::rename(db::Txn& txn, ImageId id, const std::string& name) {
  Image image = TRY(find_image(txn, id));
  if (image.name == name) return {};
  CHECK_OK(access::check_name("NAME", name));
  if (const auto clash = find_image_by_name(txn, image.owner, name))
    return fail(Errc::kConflict, "NAME is already taken by IMAGE {}.", clash->id);
  image.name = name;
  save_image(txn, image);
  return {};
}

Result<void> ImageService::update(db::Txn& txn, const access::Actor& actor, ImageId id,
                                  const text::Template& change, bool is_append) {
  Image image = TRY(find_image(txn, id));
  image.attributes =
      TRY(updated(actor, image.attributes, change, is_append, settings_.restricted_attributes));
  save_image(txn, image);
  return {};
}

Result<void> ImageService::set_persistent(db::Txn& txn, ImageId id, bool is_persistent) {
  Image image = TRY(find_image(txn, id));
  if (image.is_persistent == is_persistent) return {};
  CHECK_OK(check_no_backup(image, "be persistent"));
  CHECK_OK(check_unused(txn, image, "change the persistence of"));
  if (!list_disk_snapshots(txn, {id, {}, {}}).empty())
    return fail(Errc::kWrongState, "Image {} has snapshots: delete or flatten them first", id);
  if (is_persistent && is_file_type(image.type))
    return fail(Errc::kWrongState, "Image {} is a {}, which cannot be persistent", id,
                name_of(image.type));
  image.is_persistent = is_persistent;
  save_image(txn, image);
  return {};
}

Result<void> ImageService::set_enabled(db::Txn& txn, ImageId id, bool is_enabled) {
  Image image = TRY(find_image(txn, id));
  const ImageState wanted = is_enabled ? ImageState::kReady : ImageState::kDisabled;
  if (image.state == wanted) return {};
  CHECK_OK(check_idle(txn, image, is_enabled ? "enable" : "disable"));
  if (image.state == ImageState::kError && image.source.empty())
    return fail(Errc::kWrongState,
                "Image {} has no content: it was never completed ({}). Delete it and make it again",
                id, image.attributes.get("ERROR", "no reason is known"));
  if (is_enabled) image.attributes.erase("ERROR");
  image.state = wanted;
  save_image(txn, image);
  return {};
}

Result<void> ImageService::set_type(db::Txn& txn, ImageId id, const std::string& type) {
  Image image = TRY(find_image(txn, id));
  const ImageType wanted = TRY(image_type_from(type));
  if (wanted == image.type) return {};
  CHECK_OK(check_no_backup(image, "get another type"));
  CHECK_OK(check_unused(txn, image, "change the type of"));
  if (is_file_type(wanted) != is_file_type(image.type))
    return fail(Errc::kWrongState, "Image {} is a {}, which cannot become a {}", id,
                name_of(image.type), name_of(wanted));
  image.type = wanted;
  image.disk_type = wanted == ImageType::kCdrom ? 1 : 0;
  save_image(txn, image);
  return {};
}

Result<void> ImageService::chmod(db::Txn& txn, ImageId id, access::Permissions permissions) {
  Image image = TRY(find_image(txn, id));
  image.permissions = permissions;
  save_image(txn, image);
  return {};
}

Result<void> ImageService::chown(db::Txn& txn, ImageId id, UserId user, GroupId group) {
  Image image = TRY(find_image(txn, id));
  const UserId owner = user.is_set() ? user : image.owner;
  const GroupId owning_group = group.is_set() ? group : image.group;
  if (owner == image.owner && owning_group == image.group) return {};
  TRY(access::find_user(txn, owner));
  TRY(access::find_group(txn, owning_group));
  const std::string users = users_of(image_use(txn, id));
  if (!users.empty())
    return fail(Errc::kWrongState, "Cannot change the owner of image {}: it is {}", id, users);
  const auto clash = find_image_by_name(txn, owner, image.name);
  if (clash && clash->id != id)
    return fail(Errc::kConflict, "NAME is already taken by IMAGE {}.", clash->id);
  // What it uses now must not count against those who go on owning it.
  disown(txn, id);
  const std::string key = fmt::format("{}", image.datastore);
  CHECK_OK(access::check_quota(txn, owner, owning_group,
                               {{"DATASTORE", key, "SIZE", static_cast<double>(image.size_mb)},
                                {"DATASTORE", key, "IMAGES", 1}}));
  image.owner = owner;
  image.group = owning_group;
  save_image(txn, image);
  return {};
}

std::vector<jobs::KindSpec> ImageService::job_kinds() const {
  std::vector<jobs::KindSpec> kinds{make_kind("image.create", drivers_),
                                    make_kind("image.clone", drivers_), delete_kind(drivers_),
                                    hash_kind(drivers_), verify_kind(drivers_),
                                    snapshot_kind(drivers_)};
  for (auto& kind : kinds) kind.abandon = &abandon;
  return kinds;
}

}  // namespace neph::datastore
