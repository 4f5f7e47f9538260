#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "drivers/datastore/fs/fs_driver.h"
#include "drivers/datastore/fs/internal/byte_copy.h"
#include "drivers/datastore/fs/internal/file.h"
#include "drivers/datastore/fs/internal/layers.h"

// Layers upon layers: clones, pins and merges.
namespace neph::datastore_driver {
namespace {

bool is_same_file(const std::string& a, const std::string& b) {
  struct stat facts_a {};
  struct stat facts_b {};
  return ::stat(a.c_str(), &facts_a) == 0 && ::stat(b.c_str(), &facts_b) == 0 &&
         facts_a.st_dev == facts_b.st_dev && facts_a.st_ino == facts_b.st_ino;
}

bool leads_to(const Layer& overlay, const std::string& backing_name, const std::string& base) {
  const std::string path = fs::resolve_backing(overlay.path, backing_name);
  return !backing_name.empty() && (path == base || is_same_file(path, base));
}

/// Is the file that has the target's name already the clone that is asked for?
Result<void> check_existing_clone(const Layer& source, const Layer& target, CloneMode mode,
                                  const FileFacts& facts, Bytes wanted) {
  if (facts.virtual_size < wanted)
    return fail(Errc::kInvalid, "{} is there already, with {} bytes instead of {}", target.path,
                facts.virtual_size.value, wanted.value);
  const bool is_of_the_kind = mode == CloneMode::kOverlay
                                  ? leads_to(target, facts.backing_path, source.path)
                                  : facts.backing_path.empty();
  if (!is_of_the_kind)
    return fail(Errc::kInvalid, "{} is there already and is no clone of {}", target.path,
                source.path);
  return {};
}

}  // namespace

Result<void> FsDriver::ensure_cloned(const Layer& source, const Layer& target, CloneMode mode,
                                     std::optional<Bytes> size, Progress& progress) {
  CHECK_OK(fs::check_path(source.path));
  CHECK_OK(fs::check_path(target.path));
  if (mode == CloneMode::kOverlay && target.format != Format::kQcow2)
    return fail(Errc::kInvalid, "{} cannot be an overlay in format {}", target.path,
                name_of(target.format));
  const auto chain = TRY(fs::list_chain(source));
  const Bytes source_size = chain.front().facts.virtual_size;
  const Bytes wanted = size.value_or(source_size);
  if (wanted < source_size)
    return fail(Errc::kInvalid, "a clone of {} needs {} bytes, not {}", source.path,
                source_size.value, wanted.value);
  if (TRY(fs::is_there(target.path)))
    return check_existing_clone(source, target, mode, TRY(inspect_file(target)), wanted);

  if (progress.is_cancelled()) return fail(Errc::kConflict, "the clone was cancelled");
  const Layer part{fs::part_name(target.path), target.format};
  CHECK_OK(fs::remove_file(part.path));
  fs::Unfinished unfinished(part.path);
  if (mode == CloneMode::kOverlay) CHECK_OK(make_overlay(source, part, wanted));
  if (mode == CloneMode::kCopy) CHECK_OK(make_copy(source, part, progress));
  CHECK_OK(grow(part, wanted));
  CHECK_OK(fs::settle(part.path));
  CHECK_OK(fs::rename_durably(part.path, target.path));
  unfinished.keep();
  return {};
}

Result<void> FsDriver::make_overlay(const Layer& source, const Layer& part, Bytes virtual_size) {
  NoProgress progress;
  return run_qemu_img({"create", "-q", "-f", "qcow2", "-o", "compat=1.1", "-b", source.path, "-F",
                       std::string(name_of(source.format)), part.path,
                       std::to_string(virtual_size.value)},
                      part.path, progress);
}

Result<void> FsDriver::make_copy(const Layer& source, const Layer& part, Progress& progress) {
  const FileFacts facts = TRY(inspect_file(source));
  if (source.format != part.format || !facts.backing_path.empty())
    return convert({source, part, std::nullopt}, progress);
  const Fd from = TRY(fs::open_for_reading(source.path));
  const Fd to = TRY(fs::make_empty(part.path));
  if (TRY(fs::share_all_blocks(from, to, part.path))) return {};
  const fs::CopyPlan plan{from, source.path, to, part.path, fs::Hashing::kNone, std::nullopt};
  TRY(fs::copy_bytes(plan, clock_, progress));
  return {};
}

Result<void> FsDriver::grow(const Layer& file, Bytes virtual_size) {
  if (TRY(inspect_file(file)).virtual_size >= virtual_size) return {};
  if (file.format == Format::kRaw) {
    if (::truncate(file.path.c_str(), virtual_size.value) != 0)
      return fs::fail_errno(errno, "grow", file.path);
    return {};
  }
  NoProgress progress;
  return run_qemu_img({"resize", "-q", "-f", "qcow2", file.path,
                       std::to_string(virtual_size.value)},
                      file.path, progress);
}

Result<void> FsDriver::ensure_pinned_at_rest(const Layer& disk, const std::string& pin_path) {
  CHECK_OK(fs::check_path(disk.path));
  CHECK_OK(fs::check_path(pin_path));
  if (TRY(fs::is_there(pin_path))) return {};
  const Fd from = TRY(fs::open_for_reading(disk.path));
  const FileFacts facts = TRY(fs::facts_of(from, disk));
  // A relative backing name means something else in another directory.
  const bool is_relative = !facts.backing_path.empty() && !facts.backing_path.starts_with('/');
  if (is_relative && fs::parent_of(disk.path) != fs::parent_of(pin_path))
    return fail(Errc::kInvalid, "{} cannot be pinned elsewhere: its backing name {} is relative",
                disk.path, facts.backing_path);
  const std::string part = fs::part_name(pin_path);
  const Fd to = TRY(fs::make_empty(part));
  fs::Unfinished unfinished(part);
  if (!TRY(fs::share_all_blocks(from, to, part)))
    return fail(Errc::kInvalid, "the file system cannot share the blocks of {} with {}",
                disk.path, pin_path);
  CHECK_OK(fs::settle(part));
  CHECK_OK(fs::rename_durably(part, pin_path));
  unfinished.keep();
  return {};
}

Result<void> FsDriver::ensure_merged_at_rest(const Layer& overlay, const Layer& base,
                                             Progress& progress) {
  CHECK_OK(fs::check_path(overlay.path));
  CHECK_OK(fs::check_path(base.path));
  if (!TRY(fs::is_there(base.path)))
    return fail(Errc::kNotFound, "the layer {} below {} is not there", base.path, overlay.path);
  if (!TRY(fs::is_there(overlay.path))) return {};
  if (overlay.format != Format::kQcow2)
    return fail(Errc::kInvalid, "{} is no overlay: it is raw", overlay.path);
  const auto chain = TRY(fs::list_chain(overlay));
  const FileFacts& facts = chain.front().facts;
  if (!leads_to(overlay, facts.backing_path, base.path) || chain[1].layer.format != base.format)
    return fail(Errc::kInvalid, "{} lies upon \"{}\", not upon {} in format {}", overlay.path,
                facts.backing_path, base.path, name_of(base.format));
  const Bytes total{std::max<std::int64_t>(facts.stored_size.value, 1)};
  CHECK_OK(fs::tell(progress, Bytes{0}, total));
  fs::Stretch committing(progress, {Bytes{0}, total, total});
  // With -b the overlay keeps its content, so a power cut in the middle is repaired by doing it
  // again. It may go only when the base is on the medium.
  CHECK_OK(run_qemu_img({"commit", "-p", "-f", "qcow2", "-b", chain[1].layer.path, overlay.path},
                        base.path, committing));
  CHECK_OK(fs::sync_bytes(base.path));
  CHECK_OK(fs::remove_file(overlay.path));
  CHECK_OK(fs::sync_parent(overlay.path));
  progress.report(total, total);
  return {};
}

Result<void> FsDriver::ensure_resized(const Layer& disk, Bytes virtual_size) {
  CHECK_OK(fs::check_path(disk.path));
  TRY(fs::list_chain(disk));
  CHECK_OK(grow(disk, virtual_size));
  return fs::sync_bytes(disk.path);
}

Result<void> FsDriver::ensure_rebased(const Layer& layer, const std::optional<Layer>& new_base,
                                      Progress& progress) {
  CHECK_OK(fs::check_path(layer.path));
  if (layer.format != Format::kQcow2)
    return fail(Errc::kInvalid, "{} is no layer: it is raw", layer.path);
  const auto chain = TRY(fs::list_chain(layer));
  const std::string& below = chain.front().facts.backing_path;
  if (!new_base && below.empty()) return {};
  if (new_base) {
    if (leads_to(layer, below, new_base->path)) return {};
    const bool is_below = std::any_of(chain.begin() + 1, chain.end(), [&](const fs::Link& link) {
      return link.layer.format == new_base->format && is_same_file(link.layer.path, new_base->path);
    });
    if (!is_below)
      return fail(Errc::kInvalid, "{} is not below {} in format {}", new_base->path, layer.path,
                  name_of(new_base->format));
  }
  const Bytes total{std::max<std::int64_t>(chain.front().facts.virtual_size.value, 1)};
  CHECK_OK(fs::tell(progress, Bytes{0}, total));
  fs::Stretch copying(progress, {Bytes{0}, total, total});
  // The safe form: data is copied first and the header changed last, so that a power cut in the
  // middle is repaired by doing it again.
  std::vector<std::string> arguments{"rebase", "-p", "-f", "qcow2", "-b",
                                     new_base ? new_base->path : ""};
  if (new_base) arguments.insert(arguments.end(), {"-F", std::string(name_of(new_base->format))});
  arguments.push_back(layer.path);
  CHECK_OK(run_qemu_img(std::move(arguments), layer.path, copying));
  CHECK_OK(fs::sync_bytes(layer.path));
  progress.report(total, total);
  return {};
}

}  // namespace neph::datastore_driver
