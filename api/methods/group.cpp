#include "api/internal/methods.h"

namespace neph::api {
namespace {

using access::Op;

struct ShowGroup {
  GroupId group;
  bool decrypt = false;
};

/// -1 is the caller's own group.
GroupId group_of(const Call& call, const ShowGroup& ask) {
  return ask.group == GroupId{-1} ? call.actor().group : ask.group;
}

Result<void> may_see_group(Call& call, const ShowGroup& ask) {
  return need(call, Op::kUse, ObjectKind::kGroup, group_of(call, ask));
}

Result<EscapedText> show_group(Call& call, const ShowGroup& ask) {
  return show(call, ObjectKind::kGroup, group_of(call, ask).value);
}

Result<EscapedText> list_groups(Call& call) {
  return list(call, ObjectKind::kGroup, "GROUP_POOL", {});
}

}  // namespace

void add_group_methods(Registry<Call>& registry) {
  registry.add({
      method("one.group.info", &show_group)
          .reads()
          .args("group", "decrypt")
          .required(1)
          .needs("USE GROUP", &may_see_group)
          .doc("Shows a group with its members and quotas; -1 is the primary group of the caller. "
               "Nothing is stored encrypted, so decrypt changes nothing.")
          .answers("GROUP document"),
      method("one.grouppool.info", &list_groups)
          .reads()
          .for_anyone()
          .doc("Lists the groups the caller may use: the own ones, for administrators all.")
          .answers("GROUP_POOL document"),
  });
}

}  // namespace neph::api
