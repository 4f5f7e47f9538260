#include "tests/contract/hypervisor/libvirt_kit.h"

namespace neph::hypervisor_driver::contract {
namespace {

INSTANTIATE_TEST_SUITE_P(Libvirt, DriverContract,
                         testing::Values(DriverFactory{"embedded",
                                                       [] { return std::make_unique<EmbedKit>(); }},
                                         DriverFactory{"pretended",
                                                       [] {
                                                         return std::make_unique<PretendKit>();
                                                       }}),
                         &name_of_factory);

}  // namespace
}  // namespace neph::hypervisor_driver::contract
