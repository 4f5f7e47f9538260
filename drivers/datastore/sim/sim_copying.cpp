#include <algorithm>
#include <utility>

#include "drivers/datastore/sim/digest.h"
#include "drivers/datastore/sim/sim_datastore.h"
#include "drivers/sim_world/transfer.h"

/// Copies and shared blocks. A copy reads each block when its turn comes, so that a disk that
/// changes meanwhile really gives a torn image, and the world says so.
namespace neph::datastore_driver {

using sim::File;
using sim::State;
using sim::Struck;

namespace {

/// Marks layers as being read, also when the copy ends by an exception.
class ReadClaim {
 public:
  ReadClaim(sim::SimWorld& world, std::vector<std::string> layers)
      : world_(world), layers_(std::move(layers)) {
    alter([](State& state, const std::string& layer) { ++state.copies[layer]; });
  }
  ~ReadClaim() {
    alter([](State& state, const std::string& layer) {
      if (--state.copies[layer] == 0) state.copies.erase(layer);
    });
  }
  ReadClaim(const ReadClaim&) = delete;
  ReadClaim& operator=(const ReadClaim&) = delete;

 private:
  template <class Alter>
  void alter(Alter&& each) {
    world_.change([&](State& state) {
      for (const std::string& layer : layers_) each(state, layer);
      return 0;
    });
  }
  sim::SimWorld& world_;
  std::vector<std::string> layers_;
};

std::uint64_t generation_of(State& state, const std::vector<std::string>& layers) {
  std::uint64_t sum = 0;
  for (const std::string& layer : layers) sum += state.files.at(layer).generation;
  return sum;
}

}  // namespace

Result<CopyProof> SimDatastore::ensure_copied(const Layer& source, const Layer& target,
                                              std::optional<Bytes> rate_max, Progress& progress) {
  return perform<CopyProof>({"ensure_copied", {}, {}, target.path, source.path},
                            [&](const Struck& struck) {
                              return copy(struck, source, target, rate_max, progress);
                            });
}

Result<CopyProof> SimDatastore::copy(const Struck& struck, const Layer& source,
                                     const Layer& target, std::optional<Bytes> rate_max,
                                     Progress& progress) {
  if (source.path == target.path)
    return fail(Errc::kInvalid, "{} cannot be copied onto itself", source.path);
  if (const auto shared = TRY(share(source, target, progress))) return *shared;
  Copy copy = TRY(begin_copy(source, target));
  const ReadClaim claim(world_, copy.layers);
  const Bytes total{static_cast<std::int64_t>(copy.blocks.size()) * sim::kBlockSize.value};
  const auto move = [&](Bytes from, Bytes to) { return copy_blocks(copy, from, to); };
  const auto moved = sim::transfer(world_, struck, {total, rate_max, move}, progress);
  return end_copy(copy, moved);
}

Result<SimDatastore::Copy> SimDatastore::begin_copy(const Layer& source, const Layer& target) {
  return world_.change([&](State& state) -> Result<Copy> {
    TRY(find_layer(state, source));
    Copy copy{.source = source, .target = target};
    copy.layers = TRY(state.chain_of(source.path));
    const sim::Content content = TRY(state.flatten(source.path));
    for (const auto& [block, stamp] : content.blocks) copy.blocks.push_back(block);
    copy.generation = generation_of(state, copy.layers);
    if (state.find_file(target.path) != nullptr) state.expect_unused(target.path, "overwriting");
    File begun;
    begun.format = target.format;
    begun.virtual_size = content.virtual_size;
    begun.is_unfinished = true;
    state.put_file(target.path, std::move(begun));
    return copy;
  });
}

Result<void> SimDatastore::copy_blocks(Copy& copy, Bytes from, Bytes to) {
  return world_.change([&](State& state) -> Result<void> {
    const sim::Content content = TRY(state.flatten(copy.source.path));
    File* target = TRY(state.file(copy.target.path));
    CHECK_OK(state.check_room(copy.target.path, to - from));
    const bool was_torn = copy.is_torn;
    for (const std::string& layer : copy.layers) {
      TRY(state.file(layer));
      if (copy.is_torn || state.writer_of(layer).empty()) continue;
      state.expect_at_rest(layer, "copy");
      copy.is_torn = true;
    }
    if (!was_torn && !copy.is_torn && generation_of(state, copy.layers) != copy.generation) {
      state.violate(fmt::format("{} changed while it was copied", copy.source.path));
      copy.is_torn = true;
    }
    const auto index_of = [](Bytes at) {
      return static_cast<std::size_t>(at.value / sim::kBlockSize.value);
    };
    for (std::size_t at = index_of(from); at < index_of(to); ++at) {
      const std::int64_t block = copy.blocks[at];
      const auto found = content.blocks.find(block);
      if (found != content.blocks.end()) target->blocks[block] = found->second;
    }
    return {};
  });
}

Result<CopyProof> SimDatastore::end_copy(const Copy& copy, const Result<void>& moved) {
  return world_.change([&](State& state) -> Result<CopyProof> {
    if (!moved) {
      state.remove_file(copy.target.path);
      return tl::unexpected(moved.error());
    }
    File* target = TRY(state.file(copy.target.path));
    target->is_unfinished = false;
    target->modified = state.now;
    state.touch(copy.target.path);
    return CopyProof{.virtual_size = target->virtual_size,
                     .stored_size = target->stored_size(),
                     .sha256 = sha256_of(*target)};
  });
}

Result<std::optional<CopyProof>> SimDatastore::share(const Layer& source, const Layer& target,
                                                     Progress& progress) {
  const auto size = TRY(world_.change([&](State& state) -> Result<std::optional<Bytes>> {
    const File* original = TRY(find_layer(state, source));
    const bool can_share = state.sharing == sim::Sharing::kYes &&
                           source.format == target.format && original->backing_path.empty();
    return can_share ? std::optional<Bytes>(original->stored_size()) : std::nullopt;
  }));
  if (!size) return std::optional<CopyProof>{};
  progress.report(Bytes{0}, *size);
  if (progress.is_cancelled())
    return fail(Errc::kConflict, "the copy to {} was cancelled", target.path);
  const CopyProof proof = TRY(world_.change([&](State& state) -> Result<CopyProof> {
    const File* original = TRY(find_layer(state, source));
    state.expect_at_rest(source.path, "copy");
    if (state.find_file(target.path) != nullptr) state.expect_unused(target.path, "overwriting");
    File twin;
    twin.format = original->format;
    twin.virtual_size = original->virtual_size;
    twin.blocks = original->blocks;
    CopyProof shared{.virtual_size = twin.virtual_size,
                     .stored_size = twin.stored_size(),
                     .sha256 = {},
                     .is_shared = true};
    state.put_file(target.path, std::move(twin));
    return shared;
  }));
  progress.report(*size, *size);
  return std::optional<CopyProof>(proof);
}

Result<void> SimDatastore::ensure_pinned_at_rest(const Layer& disk, const std::string& pin_path) {
  return perform<void>({"ensure_pinned_at_rest", {}, {}, pin_path, disk.path}, [&](const Struck&) {
    return world_.change([&](State& state) -> Result<void> {
      const File* original = TRY(find_layer(state, disk));
      if (state.sharing == sim::Sharing::kNo)
        return fail(Errc::kInvalid, "the file system of {} cannot share blocks", disk.path);
      if (state.find_file(pin_path) != nullptr) return {};
      state.expect_at_rest(disk.path, "pin");
      File pin = *original;
      pin.created = state.now;
      state.put_file(pin_path, std::move(pin));
      return {};
    });
  });
}

}  // namespace neph::datastore_driver
