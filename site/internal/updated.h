#pragma once

#include "text/template.h"

namespace neph::site {

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
