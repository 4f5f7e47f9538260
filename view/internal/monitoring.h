#pragma once

#include <optional>
#include <string>

#include "monitoring/board.h"
#include "view/view.h"

/// What is measured changes all the time and is in no row, so documents leave a place for it, which
/// is filled while they are read.
namespace neph::view {

/// One MONITORING element.
[[nodiscard]] std::string monitoring_xml(VmId vm, const monitoring::VmSample& sample);
[[nodiscard]] std::string monitoring_xml(HostId host, const monitoring::HostSample& sample);
/// As it stands in a VM's brief document.
[[nodiscard]] std::string monitoring_brief_xml(const monitoring::VmSample& sample);

/// Which document of an entry.
enum class Form { kFull, kBrief };
/// What belongs in the entry's place for it; nullopt where the place stays as it is.
[[nodiscard]] std::optional<std::string> monitoring_of(const Entry& entry, Form form,
                                                       const monitoring::Board* board);

}  // namespace neph::view
