#include "api/registry.h"

namespace neph::api::internal {

OrFault<void> check_count(const MethodInfo& info, const std::vector<Value>& params) {
  const std::size_t needed = info.required + (info.has_session() ? 1 : 0);
  if (params.size() < needed) {
    return fault(FaultCode::kType, fmt::format("Not enough parameters: {} of {} in {}",
                                               params.size(), needed, call_line(info)));
  }
  if (!info.has_session()) return {};
  const auto session = decode_string(params[0], Place{0, "session"});
  if (!session) return tl::unexpected(session.error());
  return {};
}

}  // namespace neph::api::internal
