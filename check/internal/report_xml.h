#pragma once

#include <string>

#include "check/internal/reports.h"

namespace neph::check {

/// The CHECK document.
[[nodiscard]] std::string report_xml(const Report& report);

}  // namespace neph::check
