#pragma once

#include <string_view>

#include "db/database.h"
#include "text/template.h"

namespace neph::db {

/// A template column. Only this daemon writes it, so one that does not parse means a damaged
/// store: the transaction ends (Failure) before something is written on top of it.
[[nodiscard]] inline text::Template stored_template(std::string_view column) {
  auto parsed = text::Template::parse(column, text::kStoredLimits);
  if (!parsed)
    throw Failure({Errc::kInternal, "a stored template is damaged", parsed.error().text()});
  return std::move(*parsed);
}

}  // namespace neph::db
