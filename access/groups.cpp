#include "access/groups.h"

#include <array>
#include <string>

#include "access/internal/acl_bits.h"
#include "access/internal/acl_rows.h"
#include "access/internal/group_rows.h"
#include "access/internal/restricted.h"

namespace neph::access {
namespace {

namespace acl = internal::acl;

constexpr GroupId kAdmins{0};
constexpr GroupId kUsers{1};

struct Grant {
  Resource resource;
  Op right;
};
/// What a new group may do to all objects there are: it joins OpenNebula's VDC 0.
constexpr std::array<Grant, 3> kGrants = {{{Resource::kHost, Op::kManage},
                                           {Resource::kNet, Op::kUse},
                                           {Resource::kDatastore, Op::kUse}}};

void add_rules(db::Txn& txn, GroupId id) {
  for (const auto& [resource, right] : kGrants) {
    const AclRule rule{{},
                       acl::kGroup | id.value,
                       static_cast<std::int64_t>(resource) | acl::kAll,
                       static_cast<std::int64_t>(right),
                       acl::kThisZone};
    // An administrator who knew the number may have said it before.
    if (!internal::find_same_acl(txn, rule)) internal::insert_acl(txn, rule);
  }
}

}  // namespace

Result<GroupId> create_group(db::Txn& txn, std::string_view name) {
  CHECK_OK(check_name("group", name));
  if (const auto other = internal::find_group_named(txn, name))
    return fail(Errc::kConflict, "NAME is already taken by GROUP {}.", *other);
  const GroupId id = internal::insert_group(txn, name);
  add_rules(txn, id);
  return id;
}

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
