#include "drivers/hypervisor/sim/sim_hypervisor.h"
#include "tests/contract/hypervisor/driver_contract.h"

namespace neph::hypervisor_driver::contract {
namespace {

class SimKit final : public DriverKit {
 public:
  SimKit() { world_.cut_host("dead"); }
  Driver& driver() override { return driver_; }
  HostRef host() override { return {HostId{1}, "alive", ""}; }
  std::optional<HostRef> dead_host() override { return HostRef{HostId{2}, "dead", ""}; }
  [[nodiscard]] bool can(Talent) const override { return true; }
  DomainSpec domain(const std::string& name) override {
    const std::string path = "/disks/" + name;
    world_.put_image(path, datastore_driver::Format::kQcow2, Bytes::megabytes(10), {{0, 1}});
    return {.name = name,
            .uuid = "uuid-of-" + name,
            .memory = Bytes::megabytes(64),
            .disks = {{.path = path, .format = "qcow2", .target = "vda"}}};
  }
  DomainSpec domain_with_agent(const std::string& name) override { return domain(name); }
  std::string fresh_path(const std::string& name) override { return "/fresh/" + name; }
  [[nodiscard]] bool has_file(const std::string& path) override {
    return world_.find_file(path).has_value();
  }
  bool wait_until(const std::function<bool()>& holds) override {
    for (int second = 0; second < 60 && !holds(); ++second) clock_.sleep_for(Duration{1000});
    return holds();
  }

 private:
  VirtualClock clock_;
  sim::SimWorld world_{clock_};
  SimHypervisor driver_{world_};
};

INSTANTIATE_TEST_SUITE_P(Sim, DriverContract,
                         testing::Values(DriverFactory{
                             "sim", [] { return std::make_unique<SimKit>(); }}),
                         &name_of_factory);

}  // namespace
}  // namespace neph::hypervisor_driver::contract
