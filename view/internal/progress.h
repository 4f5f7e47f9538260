#pragma once

#include <string>

#include "view/view.h"

namespace neph::view {

/// The document with the progress of its job as the board has it now.
[[nodiscard]] std::string with_progress(const Entry& entry, const jobs::ProgressBoard& board);
/// The same as an entry of its own; `entry` itself when there is nothing to replace.
[[nodiscard]] EntryPtr entry_with_progress(const EntryPtr& entry,
                                           const jobs::ProgressBoard& board);

}  // namespace neph::view
