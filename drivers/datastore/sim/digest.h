#pragma once

#include <string>
#include <string_view>

#include "drivers/sim_world/state.h"

namespace neph::datastore_driver {

/// SHA-256 as lower case hex.
[[nodiscard]] std::string sha256_of(std::string_view text);

/// Of all that makes a simulated file what it is, save its name and times: equal files have
/// equal sums, as files with equal bytes do.
[[nodiscard]] std::string sha256_of(const sim::File& file);

/// A block's stamp that stands for this text; never 0.
[[nodiscard]] sim::Stamp stamp_of(std::string_view text);

}  // namespace neph::datastore_driver
