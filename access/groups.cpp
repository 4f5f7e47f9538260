#include "access/groups.h"

#include <algorithm>
#include <string>
#include <vector>

#include "access/acls.h"
#include "access/internal/acl_bits.h"
#include "access/internal/group_rows.h"
#include "access/internal/restricted.h"

namespace neph::access {
namespace {

std::int64_t bits(std::initializer_list<Resource> kinds) {
  std::int64_t sum = 0;
  for (const auto kind : kinds) sum |= static_cast<std::int64_t>(kind);
  return sum;
}
std::int64_t bits(std::initializer_list<Op> rights) {
  std::int64_t sum = 0;
  for (const auto right : rights) sum |= static_cast<std::int64_t>(right);
  return sum;
}

/// What an administrator of the group may do with its users and what belongs to it.
std::vector<AclRule> rules_of_admin(GroupId group, UserId user) {
  const std::int64_t who = only(user.value);
  const std::int64_t everywhere = everything();
  const std::int64_t things =
      bits({Resource::kVm, Resource::kNet, Resource::kImage, Resource::kTemplate,
            Resource::kDocument, Resource::kSecurityGroup, Resource::kVirtualRouter,
            Resource::kVmGroup, Resource::kBackupJob});
  const auto all_rights = bits({Op::kUse, Op::kManage, Op::kAdmin, Op::kCreate});
  return {{{}, who, bits({Resource::kUser}) | group_of(group.value), all_rights, everywhere},
          {{}, who, things | group_of(group.value), bits({Op::kUse, Op::kManage}), everywhere},
          {{}, who, bits({Resource::kGroup}) | only(group.value), bits({Op::kManage}),
           everywhere}};
}

/// What administrators of any group may do.
AclRule rule_of_any_admin(UserId user) {
  return {{}, only(user.value), bits({Resource::kVirtualRouter}) | everything(),
          bits({Op::kCreate}), everything()};
}

}  // namespace

Result<GroupId> create_group(db::Txn& txn, std::string_view name) {
  CHECK_OK(check_name("group", name));
  if (const auto other = internal::find_group_named(txn, name))
    return fail(Errc::kConflict, "NAME is already taken by GROUP {}.", *other);
  return internal::insert_group(txn, name);
}

Result<void> add_admin(db::Txn& txn, GroupId id, UserId user) {
  const Group group = TRY(find_group(txn, id));
  (void)TRY(find_user(txn, user));
  if (std::ranges::find(group.users, user) == group.users.end())
    return fail(Errc::kInvalid, "User [{}] is not in group [{}], so cannot administer it", user,
                id);
  if (internal::is_group_admin(txn, id, user))
    return fail(Errc::kConflict, "User [{}] administers group [{}] already", user, id);
  internal::insert_group_admin(txn, id, user);
  for (const auto& rule : rules_of_admin(id, user)) ensure_acl(txn, rule);
  ensure_acl(txn, rule_of_any_admin(user));
  return {};
}

Result<void> remove_admin(db::Txn& txn, GroupId id, UserId user) {
  (void)TRY(find_group(txn, id));
  (void)TRY(find_user(txn, user));
  if (!internal::is_group_admin(txn, id, user))
    return fail(Errc::kInvalid, "User [{}] does not administer group [{}]", user, id);
  internal::end_group_admin(txn, id, user);
  return {};
}

namespace internal {

void end_group_admin(db::Txn& txn, GroupId id, UserId user) {
  if (!is_group_admin(txn, id, user)) return;
  delete_group_admin(txn, id, user);
  for (const auto& rule : rules_of_admin(id, user)) drop_acl(txn, rule);
  if (!administers_a_group(txn, user)) drop_acl(txn, rule_of_any_admin(user));
}

}  // namespace internal

Result<void> delete_group(db::Txn& txn, GroupId id) {
  const Group group = TRY(find_group(txn, id));
  if (id == kAdmins || id == kUsers)
    return fail(Errc::kWrongState, "Group [{}] is needed by the system and cannot be deleted", id);
  if (!group.users.empty())
    return fail(Errc::kWrongState, "Group [{}] cannot be deleted: it has {} members", id,
                group.users.size());
  internal::erase_group(txn, id);
  return {};
}

Result<void> update_group(db::Txn& txn, const Actor& actor, GroupId id,
                          const text::Template& change, bool is_append) {
  const Group group = TRY(find_group(txn, id));
  const text::Template fresh = is_append ? internal::merged(group.attributes, change)
                                         : internal::replaced(group.attributes, change);
  CHECK_OK(internal::check_restricted(actor, group.attributes, fresh));
  CHECK_OK(fresh.check_limits(text::kStoredLimits));
  internal::save_attributes(txn, id, fresh);
  return {};
}

}  // namespace neph::access
