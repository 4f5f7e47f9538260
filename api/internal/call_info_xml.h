#pragma once

#include <string>
#include <vector>

#include "api/method_info.h"
#include "api/reply.h"
#include "api/value.h"

namespace neph::api {

/// CALL_INFO of a call that succeeded, as hooks for it get it (OpenNebula's api_info schema).
/// Session and passwords are not told.
[[nodiscard]] std::string call_info_xml(const MethodInfo& info, const std::vector<Value>& params,
                                        const Answer& answer);

}  // namespace neph::api
