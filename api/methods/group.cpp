#include "access/groups.h"
#include "access/quota.h"
#include "api/internal/methods.h"

namespace neph::api {
namespace {

using access::Op;

struct AllocateGroup {
  std::string name;
};
struct DeleteGroup {
  GroupId group;
};
struct UpdateGroup {
  GroupId group;
  std::string content;
  std::int64_t update_type = 0;
};
struct SetQuota {
  GroupId group;
  std::string content;
};
struct ShowGroup {
  GroupId group;
  bool decrypt = false;
};

/// ADMIN of the group, for arguments that have a field `group`.
constexpr auto may_administer = [](Call& call, const auto& ask) {
  return need(call, Op::kAdmin, ObjectKind::kGroup, ask.group);
};

Result<void> may_create_group(Call& call, const AllocateGroup&) {
  return need_create(call, access::Resource::kGroup);
}

Result<GroupId> allocate_group(Call& call, const AllocateGroup& ask) {
  return access::create_group(call.txn(), ask.name);
}

Result<GroupId> delete_group(Call& call, const DeleteGroup& ask) {
  CHECK_OK(access::delete_group(call.txn(), ask.group));
  return ask.group;
}

Result<GroupId> update_group(Call& call, const UpdateGroup& ask) {
  const bool appends = TRY(is_append(ask.update_type));
  const auto change = TRY(text::Template::parse(ask.content));
  CHECK_OK(access::update_group(call.txn(), call.actor(), ask.group, change, appends));
  return ask.group;
}

Result<GroupId> set_quota(Call& call, const SetQuota& ask) {
  const auto limits = TRY(text::Template::parse(ask.content));
  CHECK_OK(access::set_quota(call.txn(), access::QuotaOwner::kGroup, ask.group.value, limits));
  return ask.group;
}

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

/// No defaults can be set, so none hold.
Result<EscapedText> show_default_quotas(Call&) {
  return as_document(view::default_quotas_document("DEFAULT_GROUP_QUOTAS"));
}

void add_changes(Registry<Call>& registry) {
  registry.add({
      method("one.group.allocate", &allocate_group)
          .writes()
          .args("name")
          .needs("CREATE GROUP", &may_create_group)
          .doc("Makes a group. ACL rules let its members use all hosts, networks and datastores; "
               "what they may create, further rules must say.")
          .answers("id of the new group"),
      method("one.group.delete", &delete_group)
          .writes()
          .args("group")
          .needs("ADMIN GROUP", may_administer)
          .doc("Deletes a group with its quotas and the ACL rules that name it. Groups 0 and 1 "
               "stay, and so does one that has members.")
          .answers("id of the group"),
      method("one.group.update", &update_group)
          .writes()
          .args("group", "template", "update_type")
          .required(2)
          .needs("ADMIN GROUP", may_administer)
          .doc("Changes the template of a group: update type 0 replaces it, 1 merges.")
          .answers("id of the group"),
      method("one.group.quota", &set_quota)
          .writes()
          .args("group", "template")
          .needs("ADMIN GROUP", may_administer)
          .doc("Sets limits for all members together, in the words of one.user.quota. Group 0 has "
               "none.")
          .answers("id of the group"),
  });
}

void add_documents(Registry<Call>& registry) {
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
      method("one.groupquota.info", &show_default_quotas)
          .reads()
          .for_anyone()
          .doc("Shows the limits of groups that have none of their own: there are none.")
          .answers("DEFAULT_GROUP_QUOTAS document"),
  });
}

}  // namespace

void add_group_methods(Registry<Call>& registry) {
  add_changes(registry);
  add_documents(registry);
}

}  // namespace neph::api
