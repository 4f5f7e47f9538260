#include "api/internal/methods.h"
#include "api/internal/zone_xml.h"

namespace neph::api {
namespace {

constexpr std::int64_t kThisZone = 0;

struct ShowZone {
  std::int64_t zone = -1;
  bool decrypt = false;
};

/// It belongs to the administrators; a default rule lets everybody use it.
Result<void> may_use_this_zone(Call& call) {
  access::Subject zone;
  zone.kind = access::Resource::kZone;
  zone.id = kThisZone;
  zone.owner = UserId{0};
  zone.group = GroupId{0};
  return need(call, access::Op::kUse, zone);
}

Result<void> may_see_zone(Call& call, const ShowZone& ask) {
  if (ask.zone != kThisZone) return fail(Errc::kNotFound, "Error getting zone [{}].", ask.zone);
  return may_use_this_zone(call);
}

Result<EscapedText> show_zone(Call& call, const ShowZone&) {
  return as_document(zone_xml(call.services().endpoint()));
}

Result<EscapedText> list_zones(Call& call) {
  const bool is_shown = may_use_this_zone(call).has_value();
  return as_document(zone_pool_xml(is_shown ? zone_xml(call.services().endpoint()) : ""));
}

Result<void> may_administer_this_zone(Call& call) {
  access::Subject zone;
  zone.kind = access::Resource::kZone;
  zone.id = kThisZone;
  return need(call, access::Op::kAdmin, zone);
}

Result<EscapedText> show_raft(Call&) { return as_document(raft_xml()); }

}  // namespace

void add_zone_methods(Registry<Call>& registry) {
  registry.add({
      method("one.zone.info", &show_zone)
          .reads()
          .args("zone", "decrypt")
          .required(1)
          .needs("USE ZONE", &may_see_zone)
          .doc("Shows a zone. There is one, with number 0 and this daemon alone in it.")
          .answers("ZONE document"),
      method("one.zonepool.info", &list_zones)
          .reads()
          .for_anyone()
          .doc("Lists the zones the caller may use.")
          .answers("ZONE_POOL document"),
      method("one.zone.raftstatus", &show_raft)
          .reads()
          .needs("ADMIN ZONE",
                 [](Call& call, const NoArguments&) { return may_administer_this_zone(call); })
          .doc("Shows that this daemon is no part of a group of several: state 0, solo.")
          .answers("RAFT document"),
  });
}

}  // namespace neph::api
