#pragma once

#include <string_view>

#include "base/ids.h"

namespace neph::api {

/// What refusals call a kind of object: "virtual machine", "image". The words are OpenNebula's;
/// scripts match them.
[[nodiscard]] std::string_view object_name(ObjectKind kind);

}  // namespace neph::api
