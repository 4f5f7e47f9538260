#include "view/internal/progress.h"

#include "view/internal/documents.h"

namespace neph::view {
namespace {

std::optional<std::string> progress_of(const Entry& entry, const jobs::ProgressBoard& board) {
  if (entry.progress.size == 0 || !entry.job.is_set()) return std::nullopt;
  const auto now = board.find(entry.job);
  if (!now) return std::nullopt;
  return progress_xml(*now);
}

}  // namespace

std::string with_progress(const Entry& entry, const jobs::ProgressBoard& board) {
  std::string text = entry.full;
  if (const auto progress = progress_of(entry, board))
    text.replace(entry.progress.at, entry.progress.size, *progress);
  return text;
}

EntryPtr entry_with_progress(const EntryPtr& entry, const jobs::ProgressBoard& board) {
  const auto progress = progress_of(*entry, board);
  if (!progress) return entry;
  auto filled = std::make_shared<Entry>(*entry);
  filled->full.replace(entry->progress.at, entry->progress.size, *progress);
  filled->progress.size = progress->size();
  return filled;
}

}  // namespace neph::view
