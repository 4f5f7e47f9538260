#include "view/internal/monitoring.h"

#include "compute/states.h"

namespace neph::view {

std::optional<std::string> monitoring_of(const Entry& entry, Form form,
                                         const monitoring::Board* board) {
  const Span place = form == Form::kFull ? entry.monitoring : entry.brief_monitoring;
  if (board == nullptr || place.size == 0) return std::nullopt;
  if (entry.subject.kind == access::Resource::kHost) {
    const auto sample = board->last(HostId{entry.id});
    if (!sample) return std::nullopt;
    return monitoring_xml(HostId{entry.id}, *sample);
  }
  // What a VM used before it was switched off is no news of it.
  if (entry.state != static_cast<int>(compute::VmState::kActive)) return std::nullopt;
  const auto sample = board->last(VmId{entry.id});
  if (!sample) return std::nullopt;
  return form == Form::kFull ? monitoring_xml(VmId{entry.id}, *sample)
                             : monitoring_brief_xml(*sample);
}

}  // namespace neph::view
