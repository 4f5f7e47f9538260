#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "datastore/image_service.h"

/// What may stand in the template of an image or datastore, and where files may be. No database
/// and no driver.
namespace neph::datastore {

[[nodiscard]] constexpr bool is_file_type(ImageType type) {
  return type == ImageType::kKernel || type == ImageType::kRamdisk || type == ImageType::kContext;
}

/// kDenied when a user's template has an attribute that only administrators may set, or anybody's
/// one that only the server writes (where an image comes from, what it shows).
[[nodiscard]] Result<void> check_new_attributes(const access::Actor& actor,
                                                const text::Template& ask,
                                                const std::vector<std::string>& restricted);

/// An update: protected attributes keep their values, also when a replacement leaves them out.
/// \returns kDenied naming the attribute when `change` says something else
[[nodiscard]] Result<text::Template> updated(const access::Actor& actor,
                                             const text::Template& stored, text::Template change,
                                             bool is_append,
                                             const std::vector<std::string>& restricted);

/// A file that a user names, with symbolic links resolved.
/// \returns kDenied outside of the safe directories, kInvalid when it is no readable file
[[nodiscard]] Result<std::string> resolve_source(const Settings& settings,
                                                 const Datastore& datastore,
                                                 const std::string& path);

/// As FORMAT or DRIVER say, else by the name of the file. Content is never asked: it is the
/// user's, and a raw disk can begin with anything.
[[nodiscard]] Result<datastore_driver::Format> format_of(const text::Template& ask,
                                                         ImageType type, std::string_view path,
                                                         datastore_driver::Format otherwise);

/// "SIZE" in MB. kInvalid unless it is a positive whole number.
[[nodiscard]] Result<std::int64_t> size_of(const text::Template& ask);

/// Whether one path is the other or lies below it; both absolute and normal.
[[nodiscard]] bool is_below(const std::filesystem::path& path,
                            const std::filesystem::path& directory);

/// Whether removing the image may remove its file: one that was taken over by SOURCE from
/// elsewhere is not ours.
[[nodiscard]] bool owns_file(const Datastore& datastore, const Image& image);

}  // namespace neph::datastore
