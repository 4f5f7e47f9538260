#include "view/view.h"

namespace neph::view {
namespace {

std::size_t slot_of(std::int64_t id, std::int64_t chunk_size) {
  return static_cast<std::size_t>(id % chunk_size);
}

}  // namespace

EntryPtr Pool::find(std::int64_t id) const {
  if (id < 0) return nullptr;
  const auto chunk = chunks_.find(id / kChunk);
  return chunk == chunks_.end() ? nullptr : (*chunk->second)[slot_of(id, kChunk)];
}

void Pool::put(EntryPtr entry) {
  NEPH_ASSERT(entry != nullptr && entry->id >= 0);
  const std::int64_t id = entry->id;
  auto& shared = chunks_[id / kChunk];
  // Always a copy: readers may hold the old chunk.
  auto chunk = shared == nullptr ? std::make_shared<Chunk>() : std::make_shared<Chunk>(*shared);
  auto& slot = (*chunk)[slot_of(id, kChunk)];
  if (slot == nullptr) ++size_;
  slot = std::move(entry);
  shared = std::move(chunk);
}

void Pool::erase(std::int64_t id) {
  if (find(id) == nullptr) return;
  const auto found = chunks_.find(id / kChunk);
  auto chunk = std::make_shared<Chunk>(*found->second);
  (*chunk)[slot_of(id, kChunk)] = nullptr;
  --size_;
  bool is_empty = true;
  for (const auto& slot : *chunk) is_empty = is_empty && slot == nullptr;
  if (is_empty)
    chunks_.erase(found);
  else
    found->second = std::move(chunk);
}

void Pool::visit_descending(const std::function<bool(const EntryPtr&)>& visit) const {
  for (auto chunk = chunks_.rbegin(); chunk != chunks_.rend(); ++chunk) {
    for (auto slot = chunk->second->rbegin(); slot != chunk->second->rend(); ++slot)
      if (*slot != nullptr && !visit(*slot)) return;
  }
}

void Pool::visit_ascending(const std::function<bool(const EntryPtr&)>& visit) const {
  for (const auto& [number, chunk] : chunks_) {
    for (const auto& slot : *chunk)
      if (slot != nullptr && !visit(slot)) return;
  }
}

}  // namespace neph::view
