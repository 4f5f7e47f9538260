#pragma once

#include <string>

#include "text/template.h"

namespace neph::api {

/// The document of one.system.config. Whatever may be a secret, by its name (passwords, keys,
/// tokens), is left out, at the top and inside of vectors.
[[nodiscard]] std::string configuration_document(const text::Template& configuration);

}  // namespace neph::api
