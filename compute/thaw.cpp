#include "compute/thaw.h"

#include "base/log.h"

namespace neph::compute {
namespace {
constexpr int kThawAttempts = 10;
}  // namespace

Result<void> thaw_in_doubt(hypervisor_driver::Driver& driver,
                           const hypervisor_driver::DomainRef& domain, int attempt) {
  const auto thawed = driver.ensure_thawed(domain);
  const bool is_tried_again = !thawed && (thawed.error().code == Errc::kUnavailable ||
                                          attempt + 1 < kThawAttempts);
  if (is_tried_again) return thawed;
  if (!thawed)
    log::error("vm.not_thawed", {{"domain", domain.name}, {"error", thawed.error().text()}});
  return {};
}

}  // namespace neph::compute
