#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "text/template.h"

/// How this room's rows keep what is no plain column.
namespace neph::compute {

/// A template column. Only this daemon writes it, so one that does not parse means a damaged
/// store: the transaction ends (db::Failure) before something is written on top of it.
[[nodiscard]] text::Template stored_template(const std::string& text);
/// One vector attribute in a column, and back.
[[nodiscard]] text::Vector stored_vector(const std::string& text);
[[nodiscard]] std::string to_stored(const text::Vector& vector);

/// Columns named *_at hold seconds.
[[nodiscard]] constexpr Instant from_seconds(std::int64_t seconds) { return {seconds * 1000}; }

}  // namespace neph::compute
