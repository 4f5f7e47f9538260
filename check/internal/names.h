#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "check/facts.h"

/// What names of files and domains say.
namespace neph::check {

/// A file under construction: ".part" of a driver or a snapshot, ".part-<job>" of an image's job,
/// "<iso>.part.files/..." of a cdrom.
struct Unfinished {
  std::string base;  ///< the name it would have got
  JobId job;         ///< unset: the name does not say
};
[[nodiscard]] std::optional<Unfinished> unfinished_from(std::string_view path);
/// Whether a job may still finish the file.
[[nodiscard]] bool is_worked_on(const Catalogue& rows, const Unfinished& part);

/// The VM whose directory a path lies in: "<base path of a system datastore>/<id>/...".
[[nodiscard]] std::optional<VmId> vm_of_path(const Catalogue& rows, std::string_view path);

/// Paths that rows name: of disks, their layers, images, memory, logs.
[[nodiscard]] std::set<std::string> named_paths(const Catalogue& rows);

}  // namespace neph::check
