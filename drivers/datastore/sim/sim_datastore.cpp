#include "drivers/datastore/sim/sim_datastore.h"

#include <algorithm>

#include "drivers/datastore/sim/digest.h"
#include "drivers/sim_world/transfer.h"

namespace neph::datastore_driver {

using sim::File;
using sim::Scene;
using sim::State;
using sim::Struck;

namespace {

Scene scene(std::string_view verb, const std::string& path, const std::string& source = {}) {
  return {verb, {}, {}, path, source};
}

FileFacts facts_of(const File& file) {
  return {.virtual_size = file.virtual_size,
          .stored_size = file.stored_size(),
          .backing_path = file.backing_path};
}

bool is_empty(const File& file) {
  return file.virtual_size.value == 0 && file.stored_size().value == 0;
}

Bytes whole_blocks(Bytes amount) {
  const std::int64_t block = sim::kBlockSize.value;
  return Bytes{(amount.value + block - 1) / block * block};
}

}  // namespace

Result<File*> find_layer(State& state, const Layer& layer) {
  File* file = TRY(state.file(layer.path));
  if (file->format != layer.format)
    return fail(Errc::kInvalid, "file {} is {} and not {}", layer.path, name_of(file->format),
                name_of(layer.format));
  return file;
}

Result<void> SimDatastore::check_path(const std::string& path) {
  const bool climbs = path.find("/../") != std::string::npos || path.ends_with("/..");
  if (path.starts_with('/') && !climbs) return {};
  return fail(Errc::kInvalid, "path \"{}\" is not absolute and plain", path);
}

Result<Usage> SimDatastore::inspect_usage(const std::string& directory) {
  return perform<Usage>(scene("inspect_usage", directory), [&](const Struck&) {
    return world_.change([&](State& state) -> Result<Usage> {
      if (!state.has_directory(directory))
        return fail(Errc::kNotFound, "directory {} is missing", directory);
      return state.usage_of(directory);
    });
  });
}

Result<FileFacts> SimDatastore::inspect_file(const Layer& layer) {
  return perform<FileFacts>(scene("inspect_file", layer.path), [&](const Struck&) {
    return world_.change([&](State& state) -> Result<FileFacts> {
      const File* file = TRY(state.file(layer.path));
      if (layer.format == Format::kQcow2 && file->format == Format::kRaw && is_empty(*file))
        return fail(Errc::kNotFound, "file {} is empty", layer.path);
      return facts_of(*TRY(find_layer(state, layer)));
    });
  });
}

Result<FileFacts> SimDatastore::check_untrusted(const Layer& layer) {
  return perform<FileFacts>(scene("check_untrusted", layer.path), [&](const Struck&) {
    return world_.change([&](State& state) -> Result<FileFacts> {
      const bool is_conjuring = world_.config().missing_disk == sim::MissingDisk::kConjured;
      if (is_conjuring && state.find_file(layer.path) == nullptr) {
        File file;
        file.format = layer.format;
        file.virtual_size = world_.config().conjured_size;
        state.put_file(layer.path, std::move(file));
      }
      const File* file = TRY(find_layer(state, layer));
      if (!file->flaw.empty())
        return fail_because(Errc::kInvalid, file->flaw, "file {} is refused", layer.path);
      if (!file->backing_path.empty())
        return fail(Errc::kInvalid, "file {} names a backing file", layer.path);
      if (file->virtual_size.value == 0)
        return fail(Errc::kInvalid, "file {} is empty", layer.path);
      return facts_of(*file);
    });
  });
}

Result<void> SimDatastore::ensure_created(const Layer& target, Bytes virtual_size) {
  return perform<void>(scene("ensure_created", target.path), [&](const Struck&) {
    return world_.change([&](State& state) -> Result<void> {
      if (const File* older = state.find_file(target.path)) {
        if (older->format == target.format && older->virtual_size == virtual_size) return {};
        return fail(Errc::kInvalid, "file {} is there with another format or size", target.path);
      }
      File file;
      file.format = target.format;
      file.virtual_size = virtual_size;
      state.put_file(target.path, std::move(file));
      return {};
    });
  });
}

Result<void> SimDatastore::ensure_cloned(const Layer& source, const Layer& target, CloneMode mode,
                                         std::optional<Bytes> size, Progress& progress) {
  const Scene call = scene("ensure_cloned", target.path, source.path);
  return perform<void>(call, [&](const Struck& struck) -> Result<void> {
    if (mode == CloneMode::kOverlay) return clone_overlay(source, target, size);
    const bool is_there = TRY(world_.change([&](State& state) -> Result<bool> {
      const File* original = TRY(find_layer(state, source));
      const Bytes wanted = size.value_or(original->virtual_size);
      if (wanted < original->virtual_size)
        return fail(Errc::kInvalid, "a clone of {} cannot be smaller than it", source.path);
      const File* clone = state.find_file(target.path);
      if (clone == nullptr || clone->is_unfinished) return false;
      if (clone->format == target.format && clone->virtual_size == wanted) return true;
      return fail(Errc::kInvalid, "file {} is there and no clone of {}", target.path, source.path);
    }));
    if (is_there) return {};
    TRY(copy(struck, source, target, std::nullopt, progress));
    return world_.change([&](State& state) -> Result<void> {
      File* clone = TRY(state.file(target.path));
      clone->virtual_size = size.value_or(clone->virtual_size);
      state.touch(target.path);
      return {};
    });
  });
}

Result<void> SimDatastore::clone_overlay(const Layer& source, const Layer& target,
                                         std::optional<Bytes> size) {
  if (target.format != Format::kQcow2)
    return fail(Errc::kInvalid, "overlay {} must be qcow2", target.path);
  return world_.change([&](State& state) -> Result<void> {
    const File* original = TRY(find_layer(state, source));
    const Bytes wanted = size.value_or(original->virtual_size);
    if (wanted < original->virtual_size)
      return fail(Errc::kInvalid, "a clone of {} cannot be smaller than it", source.path);
    if (const File* older = state.find_file(target.path)) {
      if (older->backing_path == source.path && older->virtual_size == wanted) return {};
      return fail(Errc::kInvalid, "file {} is there and lies not on {}", target.path, source.path);
    }
    state.expect_at_rest(source.path, "clone");
    File overlay;
    overlay.format = Format::kQcow2;
    overlay.virtual_size = wanted;
    overlay.backing_path = source.path;
    state.put_file(target.path, std::move(overlay));
    return {};
  });
}

Result<void> SimDatastore::ensure_iso(const std::string& path, const std::string& label,
                                      const std::vector<ContextFile>& files) {
  return perform<void>(scene("ensure_iso", path), [&](const Struck&) {
    return world_.change([&](State& state) -> Result<void> {
      CHECK_OK(state.check_room(path, sim::kBlockSize));
      std::string all = label;
      File iso;
      for (const ContextFile& file : files) {
        iso.texts[file.name] = file.content;
        all += '\0' + file.name + '\0' + file.content;
      }
      iso.virtual_size = whole_blocks(Bytes{static_cast<std::int64_t>(all.size())});
      iso.blocks[0] = stamp_of(all);
      state.put_file(path, std::move(iso));
      return {};
    });
  });
}

Result<void> SimDatastore::ensure_published(const std::string& temporary,
                                            const std::string& final_path) {
  return perform<void>(scene("ensure_published", final_path, temporary), [&](const Struck&) {
    return world_.change([&](State& state) -> Result<void> {
      const File* ready = state.find_file(temporary);
      if (ready == nullptr) {
        TRY(state.file(final_path));
        return {};
      }
      if (ready->is_unfinished)
        state.violate(fmt::format("{} was published unfinished", temporary));
      if (state.find_file(final_path) != nullptr) state.expect_unused(final_path, "replacement");
      File moved = *ready;
      state.remove_file(temporary);
      state.put_file(final_path, std::move(moved));
      return {};
    });
  });
}

Result<void> SimDatastore::ensure_merged_at_rest(const Layer& overlay, const Layer& base,
                                                 Progress& progress) {
  const Scene call = scene("ensure_merged_at_rest", overlay.path, base.path);
  return perform<void>(call, [&](const Struck& struck) -> Result<void> {
    const auto total = TRY(world_.change([&](State& state) -> Result<std::optional<Bytes>> {
      TRY(find_layer(state, base));
      if (state.find_file(overlay.path) == nullptr) return std::optional<Bytes>{};
      const File* upper = TRY(find_layer(state, overlay));
      if (upper->backing_path != base.path)
        return fail(Errc::kInvalid, "layer {} lies on \"{}\", not on {}", overlay.path,
                    upper->backing_path, base.path);
      return std::optional<Bytes>{Bytes{static_cast<std::int64_t>(upper->blocks.size()) *
                                        sim::kBlockSize.value}};
    }));
    if (!total) return {};
    const auto move = [](Bytes, Bytes) { return Result<void>{}; };
    CHECK_OK(sim::transfer(world_, struck, {*total, std::nullopt, move}, progress));
    return world_.change([&](State& state) -> Result<void> {
      state.expect_unused(base.path, "merge");
      if (!state.users.contains(base.path)) state.expect_unused(overlay.path, "merge");
      return state.fold(overlay.path, base.path);
    });
  });
}

Result<void> SimDatastore::ensure_resized(const Layer& disk, Bytes virtual_size) {
  return perform<void>(scene("ensure_resized", disk.path), [&](const Struck&) {
    return world_.change([&](State& state) -> Result<void> {
      File* file = TRY(find_layer(state, disk));
      if (file->virtual_size >= virtual_size) return {};
      state.expect_unused(disk.path, "resize");
      file->virtual_size = virtual_size;
      state.touch(disk.path);
      return {};
    });
  });
}

Result<void> SimDatastore::ensure_rebased(const Layer& layer, const std::optional<Layer>& new_base,
                                          Progress& progress) {
  const std::string base = new_base ? new_base->path : std::string{};
  return perform<void>(scene("ensure_rebased", layer.path, base), [&](const Struck& struck)
                                                                      -> Result<void> {
    const auto between = TRY(world_.change([&](State& state) -> Result<std::vector<std::string>> {
      const File* upper = TRY(find_layer(state, layer));
      if (layer.format != Format::kQcow2)
        return fail(Errc::kInvalid, "{} is no layer: it is raw", layer.path);
      if (upper->backing_path == base) return std::vector<std::string>{};
      if (new_base) TRY(find_layer(state, *new_base));
      auto chain = TRY(state.chain_of(layer.path));
      const auto end = base.empty() ? chain.end() : std::find(chain.begin(), chain.end(), base);
      if (!base.empty() && end == chain.end())
        return fail(Errc::kInvalid, "{} is not below {}", base, layer.path);
      return std::vector<std::string>(chain.begin() + 1, end);
    }));
    if (between.empty()) return {};
    const auto move = [](Bytes, Bytes) { return Result<void>{}; };
    const Bytes total{static_cast<std::int64_t>(between.size()) * sim::kBlockSize.value};
    CHECK_OK(sim::transfer(world_, struck, {total, std::nullopt, move}, progress));
    return world_.change([&](State& state) -> Result<void> {
      state.expect_unused(layer.path, "rebase");
      File* upper = TRY(state.file(layer.path));
      for (const auto& path : between)
        for (const auto& [block, stamp] : TRY(state.file(path))->blocks)
          upper->blocks.emplace(block, stamp);
      upper->backing_path = base;
      ++upper->generation;
      state.touch(layer.path);
      return {};
    });
  });
}

Result<void> SimDatastore::ensure_deleted(const std::string& path) {
  return perform<void>(scene("ensure_deleted", path), [&](const Struck&) {
    return world_.change([&](State& state) -> Result<void> {
      if (state.find_file(path) == nullptr) return {};
      state.expect_unused(path, "deletion");
      state.remove_file(path);
      return {};
    });
  });
}

Result<void> SimDatastore::ensure_directory(const std::string& path) {
  return perform<void>(scene("ensure_directory", path), [&](const Struck&) {
    return world_.change([&](State& state) -> Result<void> {
      state.add_directory(path);
      return {};
    });
  });
}

Result<void> SimDatastore::ensure_directory_deleted(const std::string& path) {
  return perform<void>(scene("ensure_directory_deleted", path), [&](const Struck&) {
    return world_.change([&](State& state) -> Result<void> {
      if (state.directories.erase(path) > 0) state.touched_directories.insert(path);
      // What is still there is implied by something that lies in it.
      if (!state.has_directory(path)) return {};
      state.add_directory(path);
      return fail_because(Errc::kWrongState, "Directory not empty", "{} is not empty", path);
    });
  });
}

Result<std::string> SimDatastore::checksum(const std::string& path, Progress& progress) {
  return perform<std::string>(scene("checksum", path), [&](const Struck& struck) {
    const auto look = [&] {
      return world_.change([&](State& state) -> Result<File> { return *TRY(state.file(path)); });
    };
    const auto read = [&]() -> Result<std::string> {
      const File file = TRY(look());
      const auto move = [](Bytes, Bytes) { return Result<void>{}; };
      const Bytes total = whole_blocks(file.stored_size());
      CHECK_OK(sim::transfer(world_, struck, {total, std::nullopt, move}, progress));
      return sha256_of(TRY(look()));
    };
    return read();
  });
}

Result<std::vector<FoundFile>> SimDatastore::list_files(const std::string& directory) {
  using Found = std::vector<FoundFile>;
  return perform<Found>(scene("list_files", directory), [&](const Struck&) {
    return world_.change([&](State& state) -> Result<Found> {
      if (!state.has_directory(directory))
        return fail(Errc::kNotFound, "directory {} is missing", directory);
      Found found;
      const std::string below = directory + "/";
      for (auto at = state.files.lower_bound(below);
           at != state.files.end() && at->first.starts_with(below); ++at)
        found.push_back({at->first, at->second.stored_size(), at->second.modified});
      return found;
    });
  });
}

}  // namespace neph::datastore_driver
