#include "access/acls.h"

#include <charconv>
#include <vector>

#include "access/internal/acl_bits.h"
#include "access/internal/acl_rows.h"

namespace neph::access {
namespace {

namespace acl = internal::acl;

constexpr std::int64_t kUserSelectors = acl::kIndividual | acl::kGroup | acl::kAll;
constexpr std::int64_t kResourceSelectors = kUserSelectors | acl::kCluster;
/// All kinds of objects that a rule may be about, also those that are not served here.
constexpr std::int64_t kTypes = 0x017F'FFF0'0000'0000;
/// Hooks, scheduled actions and what no object has.
constexpr std::int64_t kNoTypes = static_cast<std::int64_t>(0xFE80'0000'0000'0000);

constexpr std::int64_t bits(Resource kind) { return static_cast<std::int64_t>(kind); }
/// What can be in a cluster.
constexpr std::int64_t kClustered =
    bits(Resource::kDatastore) | bits(Resource::kHost) | bits(Resource::kNet);
/// What belongs to no group.
constexpr std::int64_t kGroupless = bits(Resource::kHost) | bits(Resource::kGroup) |
                                    bits(Resource::kCluster) | bits(Resource::kZone) |
                                    bits(Resource::kVdc);
constexpr std::int64_t kRightsMax = 0xF;

Result<std::int64_t> parse_field(std::string_view name, std::string_view text) {
  std::string_view digits = text;
  if (digits.starts_with("0x") || digits.starts_with("0X")) digits.remove_prefix(2);
  std::uint64_t number = 0;
  const auto [end, problem] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  if (problem != std::errc{} || end != digits.data() + digits.size())
    return fail(Errc::kInvalid, "[{}] is \"{}\"; it must be a hexadecimal number of 64 bits", name,
                text);
  return static_cast<std::int64_t>(number);
}

/// What is wrong with a rule.
using Flaws = std::vector<std::string>;

void check_id(std::string_view name, std::int64_t field, Flaws& flaws) {
  if (static_cast<std::int32_t>(field & acl::kIdMask) < 0)
    flaws.push_back(fmt::format("[{}] has a negative id", name));
  if ((field & acl::kAll) != 0 && (field & acl::kIdMask) != 0)
    flaws.push_back(fmt::format("[{}] is ALL (*) and has an id nevertheless", name));
}

void check_selector(std::string_view name, std::int64_t selectors, Flaws& flaws) {
  if (selectors == 0) flaws.push_back(fmt::format("[{}] names neither one, a group nor ALL", name));
  const bool is_single = (selectors & (selectors - 1)) == 0;
  if (!is_single) flaws.push_back(fmt::format("[{}] selectors exclude each other", name));
}

void check_user(std::int64_t user, Flaws& flaws) {
  check_selector("user", user & kUserSelectors, flaws);
  check_id("user", user, flaws);
}

void check_resource(std::int64_t resource, Flaws& flaws) {
  check_selector("resource", resource & kResourceSelectors, flaws);
  check_id("resource", resource, flaws);
  const std::int64_t types = resource & kTypes;
  if (types == 0) flaws.push_back("[resource] names no kind of object");
  if ((resource & kNoTypes) != 0)
    flaws.push_back("[resource] has bits that no kind of object has in a rule");
  if ((resource & acl::kCluster) != 0 && (types & ~kClustered) != 0)
    flaws.push_back("[resource] CLUSTER (%) selects DATASTORE, HOST and NET only");
  if ((resource & acl::kGroup) != 0 && (types & kGroupless) != 0)
    flaws.push_back("[resource] GROUP (@) does not select HOST, GROUP, CLUSTER, ZONE and VDC");
}

void check_rights(std::int64_t rights, Flaws& flaws) {
  if (rights == 0) flaws.push_back("[rights] names no right");
  if (rights < 0 || rights > kRightsMax)
    flaws.push_back("[rights] has more than USE, MANAGE, ADMIN and CREATE");
}

void check_zone(std::int64_t zone, Flaws& flaws) {
  if ((zone & acl::kGroup) != 0) flaws.push_back("[zone] cannot be a group");
  if ((zone & (acl::kIndividual | acl::kAll)) == 0)
    flaws.push_back("[zone] names neither one nor ALL");
  if ((zone & acl::kAll) != 0 && (zone & acl::kIdMask) != 0)
    flaws.push_back("[zone] is ALL (*) and has an id nevertheless");
}

Result<void> check_rule(const AclRule& rule) {
  Flaws flaws;
  check_user(rule.user, flaws);
  check_resource(rule.resource, flaws);
  check_rights(rule.rights, flaws);
  check_zone(rule.zone, flaws);
  if (flaws.empty()) return {};
  return fail(Errc::kInvalid, "ACL rule malformed: {}", fmt::join(flaws, "; "));
}

}  // namespace

std::int64_t only(std::int64_t id) { return acl::kIndividual | id; }
std::int64_t group_of(std::int64_t id) { return acl::kGroup | id; }
std::int64_t cluster_of(std::int64_t id) { return acl::kCluster | id; }
std::int64_t everything() { return acl::kAll; }

Result<AclRule> parse_acl(const AclText& text) {
  AclRule rule;
  rule.user = TRY(parse_field("user", text.user));
  rule.resource = TRY(parse_field("resource", text.resource));
  rule.rights = TRY(parse_field("rights", text.rights));
  rule.zone = text.zone.empty() ? acl::kThisZone : TRY(parse_field("zone", text.zone));
  return rule;
}

Result<AclId> add_acl(db::Txn& txn, const AclRule& rule) {
  CHECK_OK(check_rule(rule));
  if (const auto same = internal::find_same_acl(txn, rule))
    return fail(Errc::kConflict, "ACL rule {} says the same: {}", *same, to_text(rule));
  return internal::insert_acl(txn, rule);
}

void ensure_acl(db::Txn& txn, const AclRule& rule) {
  if (!internal::find_same_acl(txn, rule)) internal::insert_acl(txn, rule);
}

void drop_acl(db::Txn& txn, const AclRule& rule) {
  if (const auto same = internal::find_same_acl(txn, rule)) internal::erase_acl(txn, *same);
}

Result<void> delete_acl(db::Txn& txn, AclId id) {
  if (!internal::has_acl(txn, id)) return fail(Errc::kNotFound, "Error getting ACL [{}].", id);
  internal::erase_acl(txn, id);
  return {};
}

}  // namespace neph::access
