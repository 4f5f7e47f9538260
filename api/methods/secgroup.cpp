#include "api/internal/methods.h"
#include "network/security_group_service.h"

namespace neph::api {
namespace {

using access::Op;

struct AllocateSecurityGroup {
  std::string content;
};
struct ShowSecurityGroup {
  SecurityGroupId group;
  bool decrypt = false;
};
struct OnSecurityGroup {
  SecurityGroupId group;
};
struct NameGroup {
  SecurityGroupId group;
  std::string name;
};
struct UpdateSecurityGroup {
  SecurityGroupId group;
  std::string content;
  std::int64_t update_type = 0;
};
struct CommitGroup {
  SecurityGroupId group;
  bool is_recovery = false;
};
struct ChmodSecurityGroup {
  SecurityGroupId group;
  std::int64_t owner_use, owner_manage, owner_admin;
  std::int64_t group_use, group_manage, group_admin;
  std::int64_t other_use, other_manage, other_admin;
};
struct ChownSecurityGroup {
  SecurityGroupId group;
  UserId user;
  GroupId to_group;
};
struct ListGroups {
  std::int64_t filter = -2;
  std::int64_t start = -1;
  std::int64_t end = -1;
};

/// The right on the security group itself, for arguments that have a field `group`.
template <Op op>
constexpr auto on_security_group = [](Call& call, const auto& ask) {
  return need(call, op, ObjectKind::kSecurityGroup, ask.group);
};

Result<SecurityGroupId> allocate_security_group(Call& call, const AllocateSecurityGroup& ask) {
  const auto content = TRY(text::Template::parse(ask.content));
  return network::create_security_group(call.txn(), call.actor(), content);
}

Result<SecurityGroupId> clone_group(Call& call, const NameGroup& ask) {
  return network::clone_security_group(call.txn(), call.actor(), ask.group, ask.name);
}

Result<SecurityGroupId> delete_security_group(Call& call, const OnSecurityGroup& ask) {
  CHECK_OK(network::delete_security_group(call.txn(), ask.group));
  return ask.group;
}

Result<SecurityGroupId> update_security_group(Call& call, const UpdateSecurityGroup& ask) {
  const bool appends = TRY(is_append(ask.update_type));
  const auto change = TRY(text::Template::parse(ask.content));
  CHECK_OK(network::update_security_group(call.txn(), {ask.group, change, appends}));
  return ask.group;
}

Result<SecurityGroupId> rename_group(Call& call, const NameGroup& ask) {
  CHECK_OK(network::rename_security_group(call.txn(), ask.group, ask.name));
  return ask.group;
}

Result<SecurityGroupId> commit_group(Call& call, const CommitGroup& ask) {
  CHECK_OK(network::check_committed(call.txn(), ask.group));
  return ask.group;
}

Result<void> may_chmod_security_group(Call& call, const ChmodSecurityGroup& ask) {
  const auto found = TRY(network::find_security_group(call.txn(), ask.group));
  const auto right = access::right_needed(found.permissions, change_of(ask));
  return need(call, right, ObjectKind::kSecurityGroup, ask.group);
}

Result<SecurityGroupId> chmod_group(Call& call, const ChmodSecurityGroup& ask) {
  const auto found = TRY(network::find_security_group(call.txn(), ask.group));
  const auto permissions = TRY(access::apply(found.permissions, change_of(ask)));
  CHECK_OK(network::chmod_security_group(call.txn(), ask.group, permissions));
  return ask.group;
}

Result<void> may_chown_security_group(Call& call, const ChownSecurityGroup& ask) {
  return need_chown(call, ObjectKind::kSecurityGroup, ask.group.value, ask.user, ask.to_group);
}

Result<SecurityGroupId> chown_group(Call& call, const ChownSecurityGroup& ask) {
  CHECK_OK(network::chown_security_group(call.txn(), ask.group, ask.user, ask.to_group));
  return ask.group;
}

Result<EscapedText> show_security_group(Call& call, const ShowSecurityGroup& ask) {
  return show(call, ObjectKind::kSecurityGroup, ask.group.value);
}

Result<EscapedText> list_security_groups(Call& call, const ListGroups& ask) {
  view::ListAsk list_ask;
  list_ask.filter = ask.filter;
  list_ask.start = ask.start;
  list_ask.end = ask.end;
  return list(call, ObjectKind::kSecurityGroup, "SECURITY_GROUP_POOL", list_ask);
}

void add_security_group_life_cycle(Registry<Call>& registry) {
  registry.add({
      method("one.secgroup.allocate", &allocate_security_group)
          .writes()
          .args("template")
          .needs("CREATE SECGROUP", may_create<access::Resource::kSecurityGroup>)
          .doc("Makes a security group of any number of RULEs. Hosts do not filter packets.")
          .answers("id of the security group"),
      method("one.secgroup.clone", &clone_group)
          .writes()
          .args("security_group", "name")
          .needs("CREATE SECGROUP", may_create<access::Resource::kSecurityGroup>)
          .needs("MANAGE SECGROUP", on_security_group<Op::kManage>)
          .doc("Makes a security group with the rules of another one.")
          .answers("id of the new security group"),
      method("one.secgroup.delete", &delete_security_group)
          .writes()
          .args("security_group")
          .needs("MANAGE SECGROUP", on_security_group<Op::kManage>)
          .doc("Removes a security group that no VM and no network has. Group 0 stays.")
          .answers("id of the security group"),
      method("one.secgroup.commit", &commit_group)
          .writes()
          .args("security_group", "recovery")
          .required(1)
          .needs("MANAGE SECGROUP", on_security_group<Op::kManage>)
          .doc("Succeeds where the rules are in force: for groups that let everything pass and for "
               "those without VMs. Hosts do not filter packets, so any other is an error that "
               "names the VMs.")
          .answers("id of the security group"),
  });
}

void add_security_group_changes(Registry<Call>& registry) {
  registry.add({
      method("one.secgroup.update", &update_security_group)
          .writes()
          .args("security_group", "template", "update_type")
          .required(2)
          .needs("MANAGE SECGROUP", on_security_group<Op::kManage>)
          .doc("Replaces (0) or merges (1) the attributes of a security group, its RULEs among "
               "them.")
          .answers("id of the security group"),
      method("one.secgroup.rename", &rename_group)
          .writes()
          .args("security_group", "name")
          .needs("MANAGE SECGROUP", on_security_group<Op::kManage>)
          .doc("Renames a security group.")
          .answers("id of the security group"),
      method("one.secgroup.chmod", &chmod_group)
          .writes()
          .args("security_group", "owner_u", "owner_m", "owner_a", "group_u", "group_m", "group_a",
                "other_u", "other_m", "other_a")
          .needs("MANAGE SECGROUP, for the bits *_a ADMIN SECGROUP", &may_chmod_security_group)
          .doc("Changes permissions; each bit is -1 keep, 0 clear, 1 set.")
          .answers("id of the security group"),
      method("one.secgroup.chown", &chown_group)
          .writes()
          .args("security_group", "user", "group")
          .needs("MANAGE SECGROUP, MANAGE of another USER, USE of another GROUP",
                 &may_chown_security_group)
          .doc("Gives a security group to another user, another group, or both; -1 keeps.")
          .answers("id of the security group"),
  });
}

void add_security_group_documents(Registry<Call>& registry) {
  registry.add({
      method("one.secgroup.info", &show_security_group)
          .reads()
          .args("security_group", "decrypt")
          .required(1)
          .needs("USE SECGROUP", on_security_group<Op::kUse>)
          .doc("Shows a security group. VMs are UPDATED where the rules let everything pass and "
               "OUTDATED where hosts would have to filter.")
          .answers("SECURITY_GROUP document"),
      method("one.secgrouppool.info", &list_security_groups)
          .reads()
          .args("filter", "start", "end")
          .for_anyone()
          .doc("Lists the security groups the caller may use.")
          .answers("SECURITY_GROUP_POOL document"),
  });
}

}  // namespace

void add_security_group_methods(Registry<Call>& registry) {
  add_security_group_life_cycle(registry);
  add_security_group_changes(registry);
  add_security_group_documents(registry);
}

}  // namespace neph::api
