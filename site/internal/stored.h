#pragma once

#include <string>

#include "text/template.h"

namespace neph::site {

/// A template column. Only this daemon writes it, so one that does not parse means a damaged
/// store: the daemon stops before something is written on top of it.
[[nodiscard]] inline text::Template stored_template(const std::string& text) {
  auto parsed = text::Template::parse(text, text::kStoredLimits);
  NEPH_ASSERT(parsed.has_value());
  return std::move(*parsed);
}

/// A template after one.*.update: replaced, or merged with the change.
[[nodiscard]] inline Result<text::Template> updated(const text::Template& old,
                                                    const text::Template& change,
                                                    bool is_append) {
  text::Template fresh = is_append ? old : change;
  if (is_append) fresh.merge(change);
  fresh.erase("NAME");
  CHECK_OK(fresh.check_limits(text::kStoredLimits));
  return fresh;
}

}  // namespace neph::site
