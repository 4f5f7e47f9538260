#include <array>
#include <string_view>

#include "api/internal/methods.h"

namespace neph::api {
namespace {

struct Missing {
  std::string_view why;
  std::string_view methods;  ///< separated by blanks
};

// What OpenNebula 7.4 has and nothing here stands behind. It is told to callers as it stands here,
// and listed in docs/compatibility.md.
constexpr auto kMissing = std::to_array<Missing>({
    {"There is no optimizer of clusters: VMs are placed one by one.",
     "one.cluster.optimize one.cluster.plandelete one.cluster.planexecute"},
    {"VLANs of network templates are not divided among groups.",
     "one.group.vlan"},
    {"Marketplaces are not served; images are made from a path.",
     "one.market.allocate one.market.allocatedb one.market.chmod one.market.chown "
     "one.market.delete one.market.enable one.market.rename one.market.update "
     "one.market.updatedb one.marketapp.allocate one.marketapp.allocatedb one.marketapp.chmod "
     "one.marketapp.chown one.marketapp.delete one.marketapp.dropdb one.marketapp.enable "
     "one.marketapp.info one.marketapp.lock one.marketapp.rename one.marketapp.unlock "
     "one.marketapp.update one.marketapp.updatedb"},
    {"The store is not open to SQL of clients.",
     "one.system.sql one.system.sqlquery"},
    {"PCI devices are not passed through to VMs.",
     "one.vm.attachpci one.vm.detachpci"},
    {"Commands are not run inside guests.",
     "one.vm.cancelexec one.vm.exec one.vm.retryexec"},
    {"Virtual routers are not served; a VM with NICs in several networks can route.",
     "one.vrouter.allocate one.vrouter.attachnic one.vrouter.chmod one.vrouter.chown "
     "one.vrouter.delete one.vrouter.detachnic one.vrouter.info one.vrouter.instantiate "
     "one.vrouter.lock one.vrouter.rename one.vrouter.unlock one.vrouter.update"},
    {"There is one zone with one daemon; no federation and no group of daemons.",
     "one.zone.addserver one.zone.allocate one.zone.delete one.zone.delserver "
     "one.zone.fedreplicate one.zone.replicate one.zone.resetserver one.zone.updatedb "
     "one.zone.voterequest"},
});

void add_missing(Registry<Call>& registry, const std::string& name, std::string_view why) {
  if (registry.rows().contains(name)) return;
  const auto refuse = [why](Call&, const NoArguments&) -> Result<std::string> {
    return fail(Errc::kInvalid, "Not provided. {}", why);
  };
  registry.add(MethodBuilder<Call, NoArguments, std::string>{name, refuse}
                   .reads()
                   .for_anyone()
                   .not_provided()
                   .doc(std::string(why))
                   .answers("an error"));
}

}  // namespace

void add_methods_not_provided(Registry<Call>& registry) {
  for (const auto& [why, methods] : kMissing) {
    std::string_view rest = methods;
    while (!rest.empty()) {
      const auto end = std::min(rest.find(' '), rest.size());
      add_missing(registry, std::string(rest.substr(0, end)), why);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
}

}  // namespace neph::api
