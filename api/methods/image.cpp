#include <utility>

#include "api/internal/methods.h"
#include "api/internal/owned_methods.h"
#include "compute/backup_template.h"
#include "snapshots/snapshot.h"

namespace neph::api {
namespace {

using access::Op;

struct AllocateImage {
  std::string content;
  DatastoreId datastore;
  bool skips_capacity_check = false;
};
struct ShowImage {
  ImageId image;
  bool decrypt = false;
};
struct DeleteImage {
  ImageId image;
  bool force = false;
};
struct RenameImage {
  ImageId image;
  std::string name;
};
struct UpdateImage {
  ImageId image;
  std::string content;
  std::int64_t update_type = 0;
};
struct SwitchImage {
  ImageId image;
  bool is_on = false;
};
struct ChtypeImage {
  ImageId image;
  std::string type;
};
struct CloneImage {
  ImageId image;
  std::string name;
  DatastoreId datastore;
};
struct RestoreImage {
  ImageId image;
  DatastoreId datastore;
  std::string options;
};
struct ChmodImage {
  ImageId image;
  std::int64_t owner_use, owner_manage, owner_admin;
  std::int64_t group_use, group_manage, group_admin;
  std::int64_t other_use, other_manage, other_admin;
};
struct ChownImage {
  ImageId image;
  UserId user;
  GroupId group;
};
struct ListImages {
  std::int64_t filter = -2;
  std::int64_t start = -1;
  std::int64_t end = -1;
};
struct OnImageSnapshot {
  ImageId image;
  std::int64_t snapshot = -1;
};
struct VerifyImage {
  ImageId image;
};

template <Op op>
constexpr auto on_image = [](Call& call, const auto& ask) {
  return need(call, op, ObjectKind::kImage, ask.image);
};

/// The service looks at the datastore itself; asking here first says so before the template is
/// read.
Result<void> may_allocate_image(Call& call, const AllocateImage& ask) {
  CHECK_OK(need_create(call, access::Resource::kImage));
  return need(call, Op::kUse, ObjectKind::kDatastore, ask.datastore);
}

Result<ImageId> allocate_image(Call& call, const AllocateImage& ask) {
  const auto content = TRY(text::Template::parse(ask.content));
  const auto check = ask.skips_capacity_check ? datastore::CapacityCheck::kSkipped
                                              : datastore::CapacityCheck::kRequired;
  return call.services().images.allocate(call.txn(), call.actor(), content, ask.datastore, check);
}

/// The template's id first, then those of the images.
Result<std::string> restore_image(Call& call, const RestoreImage& ask) {
  auto& vms = call.services().vms;
  const auto made = TRY(compute::make_from_backup(
      call.txn(), call.actor(), vms.settings(), vms.drivers(),
      {ask.image, ask.datastore, TRY(text::Template::parse(ask.options))}));
  std::string ids;
  if (made.vm_template.is_set()) ids = fmt::format("{}", made.vm_template);
  for (const ImageId image : made.images)
    ids += fmt::format("{}{}", ids.empty() ? "" : " ", image);
  return ids;
}

Result<ImageId> clone_image(Call& call, const CloneImage& ask) {
  return call.services().images.clone(call.txn(), call.actor(), ask.image, ask.name,
                                      ask.datastore);
}

/// An image that a snapshot is making goes by withdrawing the snapshot.
Result<ImageId> delete_image(Call& call, const DeleteImage& ask) {
  const auto snapshot = snapshots::find_open_by_image(call.txn(), ask.image);
  if (snapshot) {
    CHECK_OK(call.services().snapshots.cancel_by_image(call.txn(), ask.image));
  } else {
    CHECK_OK(call.services().images.remove(call.txn(), ask.image));
  }
  return ask.image;
}

Result<ImageId> rename_image(Call& call, const RenameImage& ask) {
  CHECK_OK(call.services().images.rename(call.txn(), ask.image, ask.name));
  return ask.image;
}

Result<ImageId> update_image(Call& call, const UpdateImage& ask) {
  const bool appends = TRY(is_append(ask.update_type));
  const auto change = TRY(text::Template::parse(ask.content));
  CHECK_OK(
      call.services().images.update(call.txn(), call.actor(), ask.image, change, appends));
  return ask.image;
}

Result<ImageId> make_persistent(Call& call, const SwitchImage& ask) {
  CHECK_OK(call.services().images.set_persistent(call.txn(), ask.image, ask.is_on));
  return ask.image;
}

Result<ImageId> enable_image(Call& call, const SwitchImage& ask) {
  if (const auto snapshot = snapshots::find_open_by_image(call.txn(), ask.image)) {
    return fail(Errc::kWrongState, "Image {} has no content yet: snapshot {} is {}", ask.image,
                snapshot->id, snapshots::name_of(snapshot->phase));
  }
  CHECK_OK(call.services().images.set_enabled(call.txn(), ask.image, ask.is_on));
  return ask.image;
}

Result<ImageId> chtype_image(Call& call, const ChtypeImage& ask) {
  CHECK_OK(call.services().images.set_type(call.txn(), ask.image, ask.type));
  return ask.image;
}

Result<void> may_chmod_image(Call& call, const ChmodImage& ask) {
  const auto image = TRY(datastore::find_image(call.txn(), ask.image));
  const auto right = access::right_needed(image.permissions, change_of(ask));
  return need(call, right, ObjectKind::kImage, ask.image);
}

Result<ImageId> chmod_image(Call& call, const ChmodImage& ask) {
  const auto image = TRY(datastore::find_image(call.txn(), ask.image));
  const auto permissions = TRY(access::apply(image.permissions, change_of(ask)));
  CHECK_OK(call.services().images.chmod(call.txn(), ask.image, permissions));
  return ask.image;
}

Result<void> may_chown_image(Call& call, const ChownImage& ask) {
  return need_chown(call, ObjectKind::kImage, ask.image.value, ask.user, ask.group);
}

Result<ImageId> chown_image(Call& call, const ChownImage& ask) {
  CHECK_OK(call.services().images.chown(call.txn(), ask.image, ask.user, ask.group));
  return ask.image;
}

template <datastore::ImageService::SnapshotChange change>
Result<ImageId> change_snapshots(Call& call, const OnImageSnapshot& ask) {
  CHECK_OK(call.services().images.change_snapshots(call.txn(), ask.image, change, ask.snapshot));
  return ask.image;
}

Result<JobId> verify_image(Call& call, const VerifyImage& ask) {
  return call.services().images.verify(call.txn(), call.actor(), ask.image);
}

Result<EscapedText> show_image(Call& call, const ShowImage& ask) {
  return show(call, ObjectKind::kImage, ask.image.value);
}

Result<EscapedText> list_images(Call& call, const ListImages& ask) {
  return list(call, ObjectKind::kImage, "IMAGE_POOL",
              {.filter = ask.filter, .start = ask.start, .end = ask.end});
}

void add_making(Registry<Call>& registry) {
  registry.add({
      method("one.image.allocate", &allocate_image)
          .writes()
          .args("template", "datastore", "skip_capacity_check")
          .required(2)
          .needs("CREATE IMAGE, USE DATASTORE", &may_allocate_image)
          .legacy_code(Errc::kExhausted, kInternalCode)
          .doc("Makes an image of a file (PATH), an empty disk (SIZE), or a file that is there "
               "already (SOURCE, administrators only). Answers at once; the image is LOCKED "
               "until it is complete. Only administrators may skip the check for free space.")
          .answers("id of the image"),
      method("one.image.clone", &clone_image)
          .writes()
          .args("image", "name", "datastore")
          .required(2)
          .needs("USE IMAGE, CREATE IMAGE, USE DATASTORE", on_image<Op::kUse>)
          .doc("Copies an image under a new name, into its own datastore (-1) or another one.")
          .answers("id of the new image"),
      method("one.image.restore", &restore_image)
          .writes()
          .args("image", "datastore", "options")
          .needs("USE IMAGE, CREATE IMAGE, USE DATASTORE, CREATE TEMPLATE", on_image<Op::kUse>)
          .legacy_code(Errc::kConflict, kAllocateCode)
          .doc("Makes new images of the disks of a backup, and a template of a VM that stands on "
               "them, as the VM of the backup is. Options: NAME; NO_NIC=YES; NO_IP=YES; DISK_ID "
               "for one image alone. The images are LOCKED until they are copied.")
          .answers("ids of the template and of the images, with blanks between them"),
      method("one.image.delete", &delete_image)
          .writes()
          .args("image", "force")
          .required(1)
          .needs("MANAGE IMAGE", on_image<Op::kManage>)
          .doc("Deletes an image that nobody uses. One that is still being made is cancelled, "
               "with or without force, and goes when its worker has stopped.")
          .answers("id of the image"),
      method("neph.image.verify", &verify_image)
          .writes()
          .args("image")
          .needs("USE IMAGE", on_image<Op::kUse>)
          .doc("Reads an image again and compares its SHA-256. The job's result is \"intact\", "
               "\"modified since by VM n\" or \"corrupt: ...\".")
          .answers("id of the job"),
  });
}

void add_changing(Registry<Call>& registry) {
  registry.add({
      method("one.image.persistent", &make_persistent)
          .writes()
          .args("image", "persistent")
          .needs("MANAGE IMAGE", on_image<Op::kManage>)
          .doc("Makes an image that nobody uses persistent, or not.")
          .answers("id of the image"),
      method("one.image.enable", &enable_image)
          .writes()
          .args("image", "enable")
          .needs("MANAGE IMAGE", on_image<Op::kManage>)
          .legacy_code(Errc::kWrongState, kInternalCode)
          .doc("Enables or disables an image. One in ERROR is enabled only if it has content.")
          .answers("id of the image"),
      method("one.image.chtype", &chtype_image)
          .writes()
          .args("image", "type")
          .needs("MANAGE IMAGE", on_image<Op::kManage>)
          .legacy_code(Errc::kInvalid, kActionCode)
          .doc("Changes the type: among OS, CDROM and DATABLOCK, or among KERNEL, RAMDISK and "
               "CONTEXT.")
          .answers("id of the image"),
      method("one.image.rename", &rename_image)
          .writes()
          .args("image", "name")
          .needs("MANAGE IMAGE", on_image<Op::kManage>)
          .doc("Renames an image, also one that is being made.")
          .answers("id of the image"),
      method("one.image.update", &update_image)
          .writes()
          .args("image", "template", "update_type")
          .required(2)
          .needs("MANAGE IMAGE; restricted attributes only for administrators",
                 on_image<Op::kManage>)
          .doc("Replaces (0) or merges (1) the attributes of an image. What only the server "
               "writes stays.")
          .answers("id of the image"),
      method("one.image.chmod", &chmod_image)
          .writes()
          .args("image", "owner_u", "owner_m", "owner_a", "group_u", "group_m", "group_a",
                "other_u", "other_m", "other_a")
          .needs("MANAGE IMAGE, for the bits *_a ADMIN IMAGE", &may_chmod_image)
          .doc("Changes permissions; each bit is -1 keep, 0 clear, 1 set.")
          .answers("id of the image"),
      method("one.image.chown", &chown_image)
          .writes()
          .args("image", "user", "group")
          .needs("MANAGE IMAGE, MANAGE of another USER, USE of another GROUP", &may_chown_image)
          .doc("Gives an image that nobody uses to another user, another group, or both; -1 "
               "keeps.")
          .answers("id of the image"),
  });
}

void add_snapshots(Registry<Call>& registry) {
  using Change = datastore::ImageService::SnapshotChange;
  registry.add({
      method("one.image.snapshotdelete", &change_snapshots<Change::kDelete>)
          .writes()
          .args("image", "snapshot")
          .needs("MANAGE IMAGE", on_image<Op::kManage>)
          .doc("Deletes a restore point of a persistent image that nobody uses; not the active one "
               "and none that others stand on.")
          .answers("id of the image"),
      method("one.image.snapshotrevert", &change_snapshots<Change::kRevert>)
          .writes()
          .args("image", "snapshot")
          .needs("MANAGE IMAGE", on_image<Op::kManage>)
          .doc("Takes a persistent image that nobody uses back to a restore point.")
          .answers("id of the image"),
      method("one.image.snapshotflatten", &change_snapshots<Change::kFlatten>)
          .writes()
          .args("image", "snapshot")
          .needs("MANAGE IMAGE", on_image<Op::kManage>)
          .doc("Makes a persistent image what a restore point shows, and deletes all of them.")
          .answers("id of the image"),
  });
}

void add_image_documents(Registry<Call>& registry) {
  registry.add({
      method("one.image.info", &show_image)
          .reads()
          .args("image", "decrypt")
          .required(1)
          .needs("USE IMAGE", on_image<Op::kUse>)
          .doc("Shows an image. No attribute is stored encrypted, so decrypt changes nothing.")
          .answers("IMAGE document"),
      method("one.imagepool.info", &list_images)
          .reads()
          .args("filter", "start", "end")
          .for_anyone()
          .doc("Lists the images the caller may use.")
          .answers("IMAGE_POOL document"),
  });
}

}  // namespace

void add_image_methods(Registry<Call>& registry) {
  add_lock_methods(registry, {"image", "IMAGE", ObjectKind::kImage});
  add_making(registry);
  add_changing(registry);
  add_snapshots(registry);
  add_image_documents(registry);
}

}  // namespace neph::api
