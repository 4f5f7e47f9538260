#include "access/permissions.h"

#include <algorithm>
#include <array>
#include <utility>

#include "access/internal/acl_bits.h"

namespace neph::access {
namespace {

using namespace internal::acl;

/// Names of the resource bits in the order of ACL text. It goes beyond Resource: rules may name
/// kinds of objects that are not served here.
constexpr std::array<std::pair<std::int64_t, std::string_view>, 21> kResourceNames = {{
    {0x10'0000'0000, "VM"},
    {0x20'0000'0000, "HOST"},
    {0x40'0000'0000, "NET"},
    {0x80'0000'0000, "IMAGE"},
    {0x100'0000'0000, "USER"},
    {0x200'0000'0000, "TEMPLATE"},
    {0x400'0000'0000, "GROUP"},
    {0x800'0000'0000, "ACL"},
    {0x1000'0000'0000, "DATASTORE"},
    {0x2000'0000'0000, "CLUSTER"},
    {0x4000'0000'0000, "DOCUMENT"},
    {0x8000'0000'0000, "ZONE"},
    {0x1'0000'0000'0000, "SECGROUP"},
    {0x2'0000'0000'0000, "VDC"},
    {0x4'0000'0000'0000, "VROUTER"},
    {0x8'0000'0000'0000, "MARKETPLACE"},
    {0x10'0000'0000'0000, "MARKETPLACEAPP"},
    {0x20'0000'0000'0000, "VMGROUP"},
    {0x40'0000'0000'0000, "VNTEMPLATE"},
    {0x80'0000'0000'0000, "HOOK"},
    {0x100'0000'0000'0000, "BACKUPJOB"},
}};

constexpr std::array kOps = {Op::kUse, Op::kManage, Op::kAdmin, Op::kCreate};

std::string selector_text(std::int64_t field) {
  if ((field & kAll) != 0) return "*";
  const char* mark = (field & kIndividual) != 0 ? "#" : (field & kGroup) != 0 ? "@" : "%";
  return fmt::format("{}{}", mark, field & kIdMask);
}

void append(std::string& list, std::string_view name) {
  if (!list.empty()) list += '+';
  list += name;
}

std::string resources_text(std::int64_t resource) {
  std::string list;
  for (const auto& [bit, name] : kResourceNames) {
    if ((resource & bit) != 0) append(list, name);
  }
  return list;
}

/// HOST, CLUSTER, ACL, ZONE, VDC and HOOK belong to the administrators; USER and GROUP have their
/// own rules.
bool has_bits(Resource kind) {
  constexpr auto kWithBits = std::to_array<Resource>(
      {Resource::kVm, Resource::kNet, Resource::kImage, Resource::kTemplate, Resource::kDatastore,
       Resource::kDocument, Resource::kSecurityGroup, Resource::kVirtualRouter,
       Resource::kMarketplace, Resource::kMarketplaceApp, Resource::kVmGroup,
       Resource::kNetworkTemplate, Resource::kBackupJob});
  return std::ranges::find(kWithBits, kind) != kWithBits.end();
}

bool is_own(const Actor& actor, const Subject& subject) {
  return subject.owner.is_set() && subject.owner == actor.user;
}

bool bits_allow(const Actor& actor, Op op, const Subject& subject) {
  if (!has_bits(subject.kind)) return false;
  const Permissions bits = subject.permissions;
  return (is_own(actor, subject) && bits.owner(op)) ||
         (actor.is_in(subject.group) && bits.group(op)) || bits.other(op);
}

/// Users may use and manage themselves, members may use their group.
bool membership_allows(const Actor& actor, Op op, const Subject& subject) {
  if (subject.kind == Resource::kUser)
    return subject.id == actor.user.value && (op == Op::kUse || op == Op::kManage);
  if (subject.kind == Resource::kGroup) return actor.is_in(GroupId{subject.id}) && op == Op::kUse;
  return false;
}

bool is_for_actor(const AclRule& rule, const Actor& actor) {
  const std::int64_t id = rule.user & kIdMask;
  if ((rule.user & kAll) != 0) return true;
  if ((rule.user & kIndividual) != 0) return id == actor.user.value;
  return (rule.user & kGroup) != 0 && actor.is_in(GroupId{id});
}

bool is_about(const AclRule& rule, const Subject& subject) {
  if ((rule.resource & static_cast<std::int64_t>(subject.kind)) == 0) return false;
  const std::int64_t id = rule.resource & kIdMask;
  if ((rule.resource & kAll) != 0) return true;
  if ((rule.resource & kIndividual) != 0) return id == subject.id;
  if ((rule.resource & kGroup) != 0) return id == subject.group.value;
  return (rule.resource & kCluster) != 0 &&
         std::ranges::find(subject.clusters, ClusterId{id}) != subject.clusters.end();
}

bool is_in_zone(const AclRule& rule) {
  return (rule.zone & kAll) != 0 ||
         ((rule.zone & kIndividual) != 0 && (rule.zone & kIdMask) == (kThisZone & kIdMask));
}

bool rule_allows(const AclRule& rule, const Actor& actor, Op op, const Subject& subject) {
  return (rule.rights & static_cast<std::int64_t>(op)) != 0 && is_in_zone(rule) &&
         is_for_actor(rule, actor) && is_about(rule, subject);
}

/// What would have let the caller in. The name and the owner of the object are not told: the
/// caller may have no right to know them.
std::string way_in(const Actor& actor, Op op, const Subject& subject) {
  const AclRule rule{{},
                     kIndividual | actor.user.value,
                     static_cast<std::int64_t>(subject.kind) |
                         (subject.id < 0 ? kAll : kIndividual | subject.id),
                     static_cast<std::int64_t>(op),
                     kAll};
  const std::string acl = fmt::format("the ACL rule \"{}\"", to_text(rule));
  if (op == Op::kCreate || !has_bits(subject.kind))
    return fmt::format("An administrator can allow it with {}.", acl);
  const char* who = is_own(actor, subject)         ? "owner"
                    : actor.is_in(subject.group) ? "group"
                                                   : "other";
  return fmt::format("It needs the {} bit of its {} permissions, or {}.", name_of(op), who, acl);
}

}  // namespace

std::string_view name_of(Op op) {
  switch (op) {
    case Op::kUse: return "USE";
    case Op::kManage: return "MANAGE";
    case Op::kAdmin: return "ADMIN";
    case Op::kCreate: return "CREATE";
  }
  return "?";
}

std::string_view name_of(Resource resource) {
  for (const auto& [bit, name] : kResourceNames) {
    if (bit == static_cast<std::int64_t>(resource)) return name;
  }
  return "?";
}

bool Actor::is_admin() const { return user == UserId{0} || is_in(GroupId{0}); }

bool Actor::is_in(GroupId id) const {
  return id.is_set() && (id == group || std::ranges::find(groups, id) != groups.end());
}

std::string to_text(const AclRule& rule) {
  std::string rights;
  for (const Op op : kOps) {
    if ((rule.rights & static_cast<std::int64_t>(op)) != 0) append(rights, name_of(op));
  }
  return fmt::format("{} {}/{} {} {}", selector_text(rule.user), resources_text(rule.resource),
                     selector_text(rule.resource), rights, selector_text(rule.zone));
}

Result<void> authorize(const Actor& actor, Op op, const Subject& subject,
                       const std::vector<AclRule>& rules) {
  if (actor.is_admin() || bits_allow(actor, op, subject) || membership_allows(actor, op, subject))
    return {};
  const auto allows = [&](const AclRule& rule) { return rule_allows(rule, actor, op, subject); };
  if (std::ranges::any_of(rules, allows)) return {};
  const std::string object = subject.id < 0 ? "" : fmt::format(" [{}]", subject.id);
  return fail(Errc::kDenied, "Not authorized to perform {} {}{}. {}", name_of(op),
              name_of(subject.kind), object, way_in(actor, op, subject));
}

Permissions initial_permissions(const Actor& actor) {
  return Permissions{(actor.is_admin() ? 0777 : 0666) & ~actor.umask};
}

Result<Permissions> apply(Permissions old, const PermissionChange& change) {
  if (change.bits.size() != 9)
    return fail(Errc::kInvalid, "Permissions are nine numbers, {} were given", change.bits.size());
  for (std::size_t index = 0; index < 9; ++index) {
    const std::int64_t value = change.bits[index];
    const int bit = 0400 >> index;
    if (value < -1 || value > 1)
      return fail(Errc::kInvalid, "Permission {} is {}; -1 (keep), 0 and 1 are allowed", index + 1,
                  value);
    if (value == 1) old.bits |= bit;
    if (value == 0) old.bits &= ~bit;
  }
  return old;
}

Op right_needed(Permissions old, const PermissionChange& change) {
  for (std::size_t index = 2; index < change.bits.size(); index += 3) {
    const std::int64_t is_set = (old.bits & (0400 >> index)) != 0 ? 1 : 0;
    if (change.bits[index] != -1 && change.bits[index] != is_set) return Op::kAdmin;
  }
  return Op::kManage;
}

}  // namespace neph::access
