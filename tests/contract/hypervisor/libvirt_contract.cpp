#include <cstdlib>

#include "tests/contract/hypervisor/libvirt_kit.h"

namespace neph::hypervisor_driver::contract {
namespace {

std::unique_ptr<DriverKit> make_daemon_kit() {
  return std::make_unique<EmbedKit>(EmbedKit::Leftovers::kEnd,
                                    std::getenv("NEPH_TEST_LIBVIRT_URI"));
}

/// A libvirtd on this machine takes part when NEPH_TEST_LIBVIRT_URI names it; all its domains
/// are ended.
std::vector<DriverFactory> factories() {
  std::vector<DriverFactory> list = {
      {"embedded", [] { return std::make_unique<EmbedKit>(); }},
      {"pretended", [] { return std::make_unique<PretendKit>(); }}};
  if (std::getenv("NEPH_TEST_LIBVIRT_URI") != nullptr)
    list.push_back({"daemon", &make_daemon_kit});
  return list;
}

INSTANTIATE_TEST_SUITE_P(Libvirt, DriverContract, testing::ValuesIn(factories()),
                         &name_of_factory);

}  // namespace
}  // namespace neph::hypervisor_driver::contract
