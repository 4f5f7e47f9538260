#include <algorithm>

#include "check/internal/comparing.h"
#include "check/internal/names.h"

namespace neph::check {
namespace {

/// What rows say of files, looked up by path.
struct Names {
  std::set<std::string> named;
  std::map<std::string, const ImageRow*> images;
  std::map<std::string, const DiskRow*> disks;
  std::map<std::string, std::string> standing;  ///< backing file -> a file that stands on it
};

Names read_names(const Catalogue& rows, const Seen& seen) {
  Names names;
  names.named = named_paths(rows);
  for (const auto& [id, image] : rows.images) {
    if (!image.source.empty()) names.images[image.source] = &image;
  }
  for (const ImageRow& part : rows.backup_disks) names.images[part.source] = &part;
  for (const DiskRow& disk : rows.disks) names.disks[disk.path] = &disk;
  for (const auto& [path, file] : seen.files) {
    if (!file.backing_path.empty() && names.named.contains(path))
      names.standing[file.backing_path] = path;
  }
  return names;
}

Finding about(Kind kind, Severity severity, const std::string& path, const SeenFile& file) {
  Finding finding;
  finding.kind = kind;
  finding.severity = severity;
  finding.place = path;
  finding.size = file.stored_size;
  finding.modified = file.modified;
  return finding;
}

void judge_unfinished(const Catalogue& rows, const Names& names, const std::string& path,
                      const SeenFile& file, const Unfinished& part, Findings& findings) {
  if (is_worked_on(rows, part)) return;
  auto finding = about(Kind::kLeftover, Severity::kNotice, path, file);
  const auto image = names.images.find(part.base);
  if (image != names.images.end()) {
    finding.object = fmt::format("image {}", image->second->id);
    finding.owner = owner_name(rows, image->second->owner);
  }
  // A job that is over does not come back; a file without a job's number may be begun anew this
  // moment.
  const bool is_proven = part.job.is_set() && part.job < rows.next_job;
  if (is_proven) finding.repair = Repair::kRemoveFile;
  finding.words =
      is_proven ? fmt::format("unfinished, and job {}, which began it, is over", part.job)
                : fmt::format("unfinished, and no job works on it: neph check --remove {}", path);
  findings.push_back(std::move(finding));
}

void judge_orphan(const Catalogue& rows, const Names& names, const std::string& path,
                  const SeenFile& file, Findings& findings) {
  const auto vm = vm_of_path(rows, path);
  if (vm && rows.busy_vms.contains(*vm)) return;
  auto finding = about(Kind::kOrphanFile, Severity::kWarning, path, file);
  if (vm) {
    finding.object = fmt::format("VM {}", *vm);
    finding.owner = owner_of_vm(rows, *vm);
  }
  const auto standing = names.standing.find(path);
  if (standing != names.standing.end()) {
    finding.kind = Kind::kNeededFile;
    finding.severity = Severity::kError;
    finding.words = fmt::format("no row names this file, and {} stands on it: keep it",
                                standing->second);
  } else {
    finding.words = fmt::format(
        "no row names this file; if nobody wants it: neph check --remove {}", path);
  }
  findings.push_back(std::move(finding));
}

void judge_missing(const Catalogue& rows, Finding finding, std::string object, UserId owner,
                   Findings& findings) {
  finding.kind = Kind::kMissingFile;
  finding.severity = Severity::kError;
  finding.object = std::move(object);
  finding.owner = owner_name(rows, owner);
  finding.words = "its file is not there";
  findings.push_back(std::move(finding));
}

void judge_size(const Catalogue& rows, Finding finding, const SeenFile& file, std::string object,
                UserId owner, std::int64_t size_mb, Findings& findings) {
  if (!file.virtual_size || size_mb <= 0) return;
  const std::int64_t found = file.virtual_size->megabytes_up();
  if (found == size_mb) return;
  finding.kind = Kind::kWrongSize;
  finding.object = std::move(object);
  finding.owner = owner_name(rows, owner);
  finding.words = fmt::format("a guest sees {} MB of it, and the catalogue says {} MB", found,
                              size_mb);
  findings.push_back(std::move(finding));
}

void judge_image(const Catalogue& rows, const Seen& seen, const ImageRow& image,
                 Findings& findings) {
  const bool is_whole = image.state == datastore::ImageState::kReady ||
                        image.state == datastore::ImageState::kDisabled;
  const auto file = seen.files.find(image.source);
  if (!is_whole || file == seen.files.end() || rows.busy_images.contains(image.id)) return;
  const auto finding = about(Kind::kMissingFile, Severity::kWarning, image.source, file->second);
  const std::string object = fmt::format("image {}", image.id);
  if (file->second.is_missing) {
    judge_missing(rows, finding, object, image.owner, findings);
  } else {
    judge_size(rows, finding, file->second, object, image.owner, image.size_mb, findings);
  }
}

void judge_images(const Catalogue& rows, const Seen& seen, Findings& findings) {
  for (const auto& [id, image] : rows.images) judge_image(rows, seen, image, findings);
  for (const ImageRow& part : rows.backup_disks) judge_image(rows, seen, part, findings);
}

/// A layer that a snapshot intends may not be there yet.
bool is_being_pinned(const Catalogue& rows, const DiskRow& disk) {
  return std::ranges::any_of(rows.snapshots, [&](const auto& entry) {
    const SnapshotRow& snapshot = entry.second;
    return snapshot.vm == disk.vm && snapshot.disk == disk.id &&
           snapshot.phase == snapshots::Phase::kPinning;
  });
}

void judge_disks(const Catalogue& rows, const Seen& seen, Findings& findings) {
  for (const DiskRow& disk : rows.disks) {
    const auto vm = rows.vms.find(disk.vm);
    const bool is_there = disk.is_present || disk.is_retained;
    if (!is_there || vm == rows.vms.end() || rows.busy_vms.contains(disk.vm)) continue;
    const std::string object = fmt::format("disk {} of VM {}", disk.id, disk.vm);
    const auto file = seen.files.find(disk.path);
    // The file of a persistent disk is its image's, which is looked at as such.
    if (file != seen.files.end() && !disk.is_persistent) {
      const auto finding = about(Kind::kMissingFile, Severity::kWarning, disk.path, file->second);
      const bool has_size = disk.kind == compute::DiskKind::kImage ||
                            disk.kind == compute::DiskKind::kVolatile;
      if (file->second.is_missing) {
        judge_missing(rows, finding, object, vm->second.owner, findings);
      } else if (has_size) {
        judge_size(rows, finding, file->second, object, vm->second.owner, disk.size_mb, findings);
      }
    }
    const auto layer = seen.files.find(disk.overlay_path);
    if (disk.overlay_path.empty() || layer == seen.files.end()) continue;
    if (layer->second.is_missing && !is_being_pinned(rows, disk)) {
      judge_missing(rows,
                    about(Kind::kMissingFile, Severity::kError, disk.overlay_path, layer->second),
                    object + " (its top layer)", vm->second.owner, findings);
    }
  }
}

}  // namespace

bool is_worked_on(const Catalogue& rows, const Unfinished& part) {
  if (part.job.is_set()) return rows.open_jobs.contains(part.job);
  for (const auto& [id, image] : rows.images) {
    if (image.source != part.base) continue;
    // Of a failed snapshot a retry begins it anew.
    return rows.busy_images.contains(id) || image.state == datastore::ImageState::kLocked;
  }
  for (const ImageRow& disk : rows.backup_disks)
    if (disk.source == part.base) return rows.busy_images.contains(disk.id);
  const auto vm = vm_of_path(rows, part.base);
  return vm && rows.busy_vms.contains(*vm);
}

void compare_files(const Catalogue& rows, const Seen& seen, Findings& findings) {
  const Names names = read_names(rows, seen);
  for (const auto& [path, file] : seen.files) {
    // What has been written since the look began belongs to somebody who is at it.
    const bool is_settled = !file.is_missing && file.modified < seen.began;
    if (!is_settled || !file.datastore.is_set() || names.named.contains(path)) continue;
    if (const auto part = unfinished_from(path)) {
      judge_unfinished(rows, names, path, file, *part, findings);
    } else {
      judge_orphan(rows, names, path, file, findings);
    }
  }
  judge_images(rows, seen, findings);
  judge_disks(rows, seen, findings);
}

}  // namespace neph::check
