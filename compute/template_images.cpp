#include "compute/template_images.h"

#include <algorithm>

#include "access/directory.h"
#include "compute/internal/image_disk.h"
#include "compute/internal/template_rows.h"

namespace neph::compute {
namespace {

bool has_image(const text::Vector& disk) { return disk.has("IMAGE") || disk.has("IMAGE_ID"); }

Result<datastore::Image> asked_image(db::Txn& txn, const access::Actor& actor, std::size_t number,
                                     const text::Vector& attributes) {
  VmDisk disk;
  disk.id = DiskId{static_cast<std::int64_t>(number)};
  disk.attributes = attributes;
  return find_asked_image(txn, actor.user, disk);
}

/// The DISK on a copy of its image.
Result<text::Vector> copied(db::Txn& txn, const access::Actor& actor,
                            datastore::ImageService& images, const CloneWithImages& ask,
                            std::size_t number, text::Vector disk) {
  const auto image = TRY(asked_image(txn, actor, number, disk));
  CHECK_OK(access::authorize(txn, actor, access::Op::kUse, datastore::subject_of(image)));
  const ImageId copy = TRY(images.clone(txn, actor, image.id,
                                        fmt::format("{}-disk-{}", ask.name, number), {}));
  if (ask.makes_persistent) CHECK_OK(images.set_persistent(txn, copy, true));
  for (const char* key : {"IMAGE", "IMAGE_UID", "IMAGE_UNAME", "SOURCE"}) disk.erase(key);
  disk.set("IMAGE_ID", fmt::format("{}", copy));
  return disk;
}

}  // namespace

Result<std::vector<ImageId>> list_template_images(db::Txn& txn, const access::Actor& actor,
                                                  TemplateId id) {
  const auto vm_template = TRY(find_template(txn, id));
  std::vector<ImageId> found;
  const auto disks = vm_template.attributes.vectors("DISK");
  for (std::size_t number = 0; number < disks.size(); ++number) {
    if (!has_image(*disks[number])) continue;
    const ImageId image = TRY(asked_image(txn, actor, number, *disks[number])).id;
    if (std::ranges::find(found, image) == found.end()) found.push_back(image);
  }
  return found;
}

Result<TemplateId> clone_with_images(db::Txn& txn, const access::Actor& actor,
                                     datastore::ImageService& images,
                                     const CloneWithImages& ask) {
  const TemplateId id = TRY(clone_template(txn, actor, ask.source, ask.name));
  auto copy = TRY(find_template(txn, id));
  copy.attributes.merge(ask.extra);
  std::vector<text::Vector> disks;
  for (const auto* disk : copy.attributes.vectors("DISK")) {
    disks.push_back(has_image(*disk) ? TRY(copied(txn, actor, images, ask, disks.size(), *disk))
                                     : *disk);
  }
  copy.attributes.erase("DISK");
  for (auto& disk : disks) copy.attributes.add("DISK", std::move(disk));
  CHECK_OK(copy.attributes.check_limits());
  save_template(txn, copy);
  return id;
}

}  // namespace neph::compute
