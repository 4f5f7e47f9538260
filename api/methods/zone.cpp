#include "site/zone.h"

#include "api/internal/owned_methods.h"
#include "api/internal/zone_xml.h"

namespace neph::api {
namespace {

using access::Op;

struct ShowZone {
  std::int64_t zone = -1;
  bool decrypt = false;
};
struct EnableZone {
  std::int64_t zone = -1;
  bool is_enabled = true;
};

/// It belongs to the administrators; a default rule lets everybody use it.
Result<void> need_this_zone(Call& call, Op op) {
  return need(call, op, site::subject_of(call.view().zone));
}

Result<void> may_see_zone(Call& call, const ShowZone& ask) {
  if (ask.zone != site::kThisZone)
    return fail(Errc::kNotFound, "Error getting zone [{}].", ask.zone);
  return need_this_zone(call, Op::kUse);
}

Result<void> may_enable(Call& call, const EnableZone& ask) {
  return need(call, Op::kAdmin, ObjectKind::kZone, ask.zone);
}

std::string this_zone_xml(Call& call) {
  return zone_xml(call.view().zone, call.services().endpoint());
}

Result<EscapedText> show_zone(Call& call, const ShowZone&) {
  return as_document(this_zone_xml(call));
}

Result<EscapedText> list_zones(Call& call) {
  const bool is_shown = need_this_zone(call, Op::kUse).has_value();
  return as_document(zone_pool_xml(is_shown ? this_zone_xml(call) : ""));
}

Result<EscapedText> show_raft(Call&) { return as_document(raft_xml()); }

Result<std::int64_t> enable_zone(Call& call, const EnableZone& ask) {
  site::set_zone_use(call.txn(),
                     ask.is_enabled ? site::ZoneUse::kEnabled : site::ZoneUse::kDisabled);
  return ask.zone;
}

OwnedKind changed() {
  OwnedKind kind{"zone", "ZONE", ObjectKind::kZone};
  kind.rename = [](Call& call, std::int64_t, const std::string& name) {
    return site::rename_zone(call.txn(), name);
  };
  kind.update = [](Call& call, std::int64_t, const text::Template& change, bool is_append) {
    return site::update_zone(call.txn(), change, is_append);
  };
  return kind;
}

}  // namespace

void add_zone_methods(Registry<Call>& registry) {
  registry.add({
      method("one.zone.info", &show_zone)
          .reads()
          .args("zone", "decrypt")
          .required(1)
          .needs("USE ZONE", &may_see_zone)
          .doc("Shows a zone. There is one, with number 0 and this daemon alone in it. ENDPOINT is"
               " where this daemon answers, unless the zone's template names another one.")
          .answers("ZONE document"),
      method("one.zonepool.info", &list_zones)
          .reads()
          .for_anyone()
          .doc("Lists the zones the caller may use.")
          .answers("ZONE_POOL document"),
      method("one.zone.enable", &enable_zone)
          .writes()
          .works_in_disabled_zone()
          .args("zone", "enable")
          .needs("ADMIN ZONE", &may_enable)
          .doc("Enables the zone, or disables it: then all calls that change something are refused,"
               " but for this one. What is under way goes on.")
          .answers("the same id"),
      method("one.zone.raftstatus", &show_raft)
          .reads()
          .needs("ADMIN ZONE",
                 [](Call& call, const NoArguments&) { return need_this_zone(call, Op::kAdmin); })
          .doc("Shows that this daemon is no part of a group of several: state 0, solo.")
          .answers("RAFT document"),
  });
  add_owned_methods(registry, changed());
}

}  // namespace neph::api
