#pragma once

#include <string>
#include <vector>

#include "site/hook.h"

namespace neph::view {

/// HOOKLOG. Pure function, any thread.
[[nodiscard]] std::string hook_log_document(const std::vector<site::HookExecution>& executions);

}  // namespace neph::view
