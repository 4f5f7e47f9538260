#include "access/groups.h"
#include "access/quota.h"
#include "api/internal/methods.h"
#include "site/vdc.h"

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
struct SetDefaultQuota {
  std::string content;
};
struct AdminOfGroup {
  GroupId group;
  UserId user;
};
struct ShowGroup {
  GroupId group;
  bool decrypt = false;
};

/// ADMIN of the group, for arguments that have a field `group`.
constexpr auto may_administer_group = [](Call& call, const auto& ask) {
  return need(call, Op::kAdmin, ObjectKind::kGroup, ask.group);
};

Result<GroupId> allocate_group(Call& call, const AllocateGroup& ask) {
  const auto id = TRY(access::create_group(call.txn(), ask.name));
  CHECK_OK(site::add_group(call.txn(), call.services().vdc_rights, site::kDefaultVdc, id));
  return id;
}

Result<GroupId> delete_group(Call& call, const DeleteGroup& ask) {
  site::forget_group(call.txn(), ask.group);
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

Result<EscapedText> show_default_quotas(Call& call) {
  return as_document(call.view().default_group_quotas);
}

Result<EscapedText> set_default_quotas(Call& call, const SetDefaultQuota& ask) {
  constexpr auto kKind = access::QuotaOwner::kGroup;
  CHECK_OK(access::set_default_quota(call.txn(), kKind, TRY(text::Template::parse(ask.content))));
  return as_document(view::default_quotas_document(
      kKind, access::list_default_quotas(call.txn(), kKind)));
}

Result<void> may_administer_user(Call& call, const AdminOfGroup& ask) {
  return need(call, Op::kAdmin, ObjectKind::kUser, ask.user);
}

Result<GroupId> add_admin(Call& call, const AdminOfGroup& ask) {
  CHECK_OK(access::add_admin(call.txn(), ask.group, ask.user));
  return ask.group;
}

Result<GroupId> remove_admin(Call& call, const AdminOfGroup& ask) {
  CHECK_OK(access::remove_admin(call.txn(), ask.group, ask.user));
  return ask.group;
}

void add_group_changes(Registry<Call>& registry) {
  registry.add({
      method("one.group.allocate", &allocate_group)
          .writes()
          .args("name")
          .needs("CREATE GROUP", may_create<access::Resource::kGroup>)
          .doc("Makes a group. It is put into VDC 0, whose ACL rules let its members use all hosts,"
               " networks and datastores; what they may create, further rules must say.")
          .answers("id of the new group"),
      method("one.group.delete", &delete_group)
          .writes()
          .args("group")
          .needs("ADMIN GROUP", may_administer_group)
          .doc("Deletes a group with its quotas and the ACL rules that name it. Groups 0 and 1 "
               "stay, and so does one that has members.")
          .answers("id of the group"),
      method("one.group.update", &update_group)
          .writes()
          .args("group", "template", "update_type")
          .required(2)
          .needs("ADMIN GROUP", may_administer_group)
          .doc("Changes the template of a group: update type 0 replaces it, 1 merges.")
          .answers("id of the group"),
      method("one.group.quota", &set_quota)
          .writes()
          .args("group", "template")
          .needs("ADMIN GROUP", may_administer_group)
          .doc("Sets limits for all members together, in the words of one.user.quota. Group 0 has "
               "none.")
          .answers("id of the group"),
      method("one.group.addadmin", &add_admin)
          .writes()
          .args("group", "user")
          .needs("ADMIN GROUP", may_administer_group)
          .needs("ADMIN USER", &may_administer_user)
          .doc("Lets a member manage the other members and what belongs to the group, by ACL "
               "rules.")
          .answers("id of the group"),
      method("one.group.deladmin", &remove_admin)
          .writes()
          .args("group", "user")
          .needs("ADMIN GROUP", may_administer_group)
          .needs("ADMIN USER", &may_administer_user)
          .doc("Makes an administrator of a group a member like the others.")
          .answers("id of the group"),
  });
}

void add_group_documents(Registry<Call>& registry) {
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
          .doc("Shows the limits of groups that have none of their own.")
          .answers("DEFAULT_GROUP_QUOTAS document"),
      method("one.groupquota.update", &set_default_quotas)
          .writes()
          .args("template")
          .needs("group 0", only_admins)
          .doc("Sets the limits of groups that have none of their own, in the words of"
               " one.user.quota; -1 and -2 are no limit.")
          .answers("DEFAULT_GROUP_QUOTAS document"),
  });
}

}  // namespace

void add_group_methods(Registry<Call>& registry) {
  add_group_changes(registry);
  add_group_documents(registry);
}

}  // namespace neph::api
