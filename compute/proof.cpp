#include "compute/internal/proof.h"

namespace neph::compute::internal {
namespace {

using datastore_driver::Format;
using datastore_driver::Layer;
using hypervisor_driver::DomainFact;
using hypervisor_driver::Power;

std::string_view words_for(Power power) {
  switch (power) {
    case Power::kOff: return "off";
    case Power::kRunning: return "running";
    case Power::kPaused: return "paused";
    case Power::kCrashed: return "crashed";
    case Power::kMissing: break;
  }
  return "not there";
}

Error found(const Reach& host, const DomainFact& fact, std::string_view wanted) {
  return {Errc::kWrongState,
          fmt::format("recover success is refused: domain {} on host {} is {}, not {}",
                      host.domain.name, host.domain.host.name, words_for(fact.power), wanted),
          {}};
}

}  // namespace

Result<DomainFact> prove_running(const Reach& host) {
  auto fact = TRY(host.driver->inspect_domain(host.domain));
  if (fact.power != Power::kRunning) return tl::unexpected(found(host, fact, "running"));
  return fact;
}

Result<void> prove_off(const Reach& host) {
  const auto fact = TRY(host.driver->inspect_domain(host.domain));
  if (fact.power == Power::kRunning || fact.power == Power::kPaused) {
    return tl::unexpected(found(host, fact, "off"));
  }
  return host.driver->ensure_undefined(host.domain);
}

Result<void> prove_there(datastore_driver::Driver& storage, const std::vector<Layer>& files) {
  for (const Layer& file : files) {
    const auto facts = storage.inspect_file(file);
    if (facts) continue;
    if (facts.error().code == Errc::kUnavailable) return tl::unexpected(facts.error());
    return fail_because(Errc::kWrongState, facts.error().text(),
                        "recover success is refused: file {} is not there, or not whole",
                        file.path);
  }
  return {};
}

Result<void> prove_gone(datastore_driver::Driver& storage, const std::vector<std::string>& files) {
  for (const auto& file : files) {
    const auto facts = storage.inspect_file({file, Format::kRaw});
    if (!facts && facts.error().code == Errc::kNotFound) continue;
    return fail(Errc::kWrongState, "recover success is refused: file {} is still there", file);
  }
  return {};
}

}  // namespace neph::compute::internal
