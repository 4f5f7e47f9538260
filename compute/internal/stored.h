#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "text/template.h"

/// How this room's rows keep what is no plain column.
namespace neph::compute {

/// One vector attribute in a column, and back.
[[nodiscard]] text::Vector stored_vector(const std::string& text);
[[nodiscard]] std::string to_stored(const text::Vector& vector);

/// Columns named *_at hold seconds.
[[nodiscard]] constexpr Instant from_seconds(std::int64_t seconds) { return {seconds * 1000}; }

}  // namespace neph::compute
