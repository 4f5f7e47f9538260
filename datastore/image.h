#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/permissions.h"
#include "base/clock.h"
#include "db/database.h"
#include "drivers/datastore/driver.h"
#include "text/template.h"

/// Datastores and images as rows. Numbers are those of the wire (OpenNebula 7.4, states.md 3, 5).
namespace neph::datastore {

enum class DatastoreType { kImage = 0, kSystem = 1, kFile = 2, kBackup = 3 };

struct Datastore {
  DatastoreId id;
  std::string name;
  UserId owner;
  GroupId group;
  access::Permissions permissions;
  DatastoreType type = DatastoreType::kImage;
  bool is_enabled = true;
  std::string ds_mad;
  std::string tm_mad;
  std::string base_path;  ///< "<datastores>/<id>"
  std::int64_t total_mb = 0;
  std::int64_t free_mb = 0;
  std::int64_t used_mb = 0;
  std::vector<ClusterId> clusters;
  text::Template attributes;
};

enum class ImageType {
  kOs = 0, kCdrom = 1, kDatablock = 2, kKernel = 3, kRamdisk = 4, kContext = 5,
  kBackup = 6,  ///< see datastore/backups.h
};
[[nodiscard]] std::string_view name_of(ImageType type);  ///< "OS", "CDROM" ...
/// Of the types that people may choose: a backup is only made of a VM.
[[nodiscard]] Result<ImageType> image_type_from(std::string_view name);

/// What is stored. USED, USED_PERS and CLONE are not: they follow from who uses the image, see
/// shown_state().
enum class ImageState {
  kInit = 0, kReady = 1, kUsed = 2, kDisabled = 3, kLocked = 4, kError = 5, kClone = 6,
  kDelete = 7, kUsedPersistent = 8, kLockedUsed = 9, kLockedUsedPersistent = 10,
};
[[nodiscard]] std::string_view name_of(ImageState state);

struct Image {
  ImageId id;
  std::string name;
  UserId owner;
  GroupId group;
  access::Permissions permissions;
  ImageType type = ImageType::kOs;
  int disk_type = 0;
  bool is_persistent = false;
  ImageState state = ImageState::kLocked;
  DatastoreId datastore;
  std::int64_t size_mb = 0;
  std::string source;          ///< path of the file; of a backup what its paths begin with
  datastore_driver::Format format = datastore_driver::Format::kQcow2;
  std::string original_path;   ///< where it came from
  ImageId cloning;             ///< the image it is being cloned from
  std::string sha256;          ///< of the file when it became READY; empty: not known (yet)
  VmId modified_by;            ///< the VM that has used it for writing since
  Instant registered;
  JobId job;
  text::Template attributes;
};

/// Who uses an image: derived from rows, never counted by hand.
struct ImageUse {
  std::vector<VmId> vms;       ///< not DONE, with this image as a disk
  std::vector<ImageId> clones; ///< being made from it
  std::vector<SnapshotId> pinned_by;  ///< unfinished copies that read it as their backing file
};
[[nodiscard]] ImageState shown_state(const Image& image, const ImageUse& use);

[[nodiscard]] Result<Datastore> find_datastore(db::Txn& txn, DatastoreId id);
[[nodiscard]] std::vector<DatastoreId> list_datastores(db::Txn& txn);
[[nodiscard]] std::vector<ImageId> list_images_of(db::Txn& txn, DatastoreId id);
void save_usage(db::Txn& txn, DatastoreId id, const datastore_driver::Usage& usage);

[[nodiscard]] Result<Image> find_image(db::Txn& txn, ImageId id);
[[nodiscard]] std::optional<Image> find_image_by_name(db::Txn& txn, UserId owner,
                                                      std::string_view name);
[[nodiscard]] std::vector<ImageId> list_images(db::Txn& txn);
[[nodiscard]] ImageUse image_use(db::Txn& txn, ImageId id);

/// Inserts with the next id (sets `image.id`) or updates the row; touches image and datastore.
ImageId insert_image(db::Txn& txn, Image image);
void save_image(db::Txn& txn, const Image& image);
/// Removes the row; touches image and datastore.
void delete_image_row(db::Txn& txn, ImageId id);

[[nodiscard]] access::Subject subject_of(const Datastore& datastore);
[[nodiscard]] access::Subject subject_of(const Image& image);

/// Where a new image's file goes: "<base_path>/<random word>", without a name a user can guess.
[[nodiscard]] std::string new_image_path(const Datastore& datastore);
/// Whole MB, rounded up, as clients count.
[[nodiscard]] std::int64_t to_mb(Bytes size);

}  // namespace neph::datastore
