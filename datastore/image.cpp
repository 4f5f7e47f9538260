#include "datastore/image.h"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <utility>

#include "access/authenticator.h"
#include "base/words.h"

namespace neph::datastore {

namespace {

constexpr std::array<std::pair<ImageType, std::string_view>, 6> kImageTypes{{
    {ImageType::kOs, "OS"},
    {ImageType::kCdrom, "CDROM"},
    {ImageType::kDatablock, "DATABLOCK"},
    {ImageType::kKernel, "KERNEL"},
    {ImageType::kRamdisk, "RAMDISK"},
    {ImageType::kContext, "CONTEXT"},
}};

constexpr std::array<std::string_view, 11> kStates{
    "INIT",  "READY",  "USED",      "DISABLED",    "LOCKED",          "ERROR",
    "CLONE", "DELETE", "USED_PERS", "LOCKED_USED", "LOCKED_USED_PERS"};

}  // namespace

std::string_view name_of(ImageType type) {
  if (type == ImageType::kBackup) return "BACKUP";
  for (const auto& [known, name] : kImageTypes) {
    if (known == type) return name;
  }
  return "";
}

Result<ImageType> image_type_from(std::string_view name) {
  const std::string wanted = upper(name);
  std::string known_names;
  for (const auto& [type, known] : kImageTypes) {
    if (known == wanted) return type;
    known_names += (known_names.empty() ? "" : ", ") + std::string{known};
  }
  return fail(Errc::kInvalid, "there is no image type \"{}\" (there are: {})", name, known_names);
}

std::string_view name_of(ImageState state) {
  const auto index = static_cast<std::size_t>(state);
  return index < kStates.size() ? kStates[index] : std::string_view{};
}

ImageState shown_state(const Image& image, const ImageUse& use) {
  const bool is_used = !use.vms.empty();
  if (image.state == ImageState::kReady) {
    if (is_used) return image.is_persistent ? ImageState::kUsedPersistent : ImageState::kUsed;
    return use.clones.empty() ? ImageState::kReady : ImageState::kClone;
  }
  // VMs that were told to wait for it.
  if (image.state == ImageState::kLocked && is_used) {
    return image.is_persistent ? ImageState::kLockedUsedPersistent : ImageState::kLockedUsed;
  }
  return image.state;
}

std::string new_image_path(const Datastore& datastore) {
  constexpr std::size_t kRandomBytes = 16;
  std::string word;
  for (const char letter : access::random_word(kRandomBytes)) {
    if (std::isalnum(static_cast<unsigned char>(letter)) != 0) word += letter;
  }
  return fmt::format("{}/{}", datastore.base_path, word);
}

std::int64_t to_mb(Bytes size) { return size.megabytes_up(); }

}  // namespace neph::datastore
