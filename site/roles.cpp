#include "site/internal/roles.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "access/directory.h"
#include "base/numbers.h"
#include "base/words.h"
#include "site/internal/vm_group_rows.h"

namespace neph::site {
namespace {

std::vector<std::string> parts_of(std::string_view text) {
  std::vector<std::string> parts;
  for (const auto word : between_commas(text)) {
    const auto part = without_blanks(word);
    if (!part.empty()) parts.emplace_back(part);
  }
  return parts;
}

std::optional<RolePolicy> policy_from(std::string_view text) {
  if (text.empty() || text == "NONE") return RolePolicy::kNone;
  if (text == "AFFINED") return RolePolicy::kAffined;
  if (text == "ANTI_AFFINED") return RolePolicy::kAntiAffined;
  return std::nullopt;
}

/// Terms that must all hold.
class Terms {
 public:
  void one_of(const std::vector<HostId>& hosts) {
    if (hosts.empty()) return;
    std::vector<std::string> terms;
    for (const auto host : hosts) terms.push_back(fmt::format("ID = {}", host));
    terms_.push_back(fmt::format("({})", fmt::join(terms, " | ")));
  }
  void none_of(const std::vector<HostId>& hosts) {
    for (const auto host : hosts) terms_.push_back(fmt::format("ID != {}", host));
  }
  [[nodiscard]] std::string text() const { return fmt::format("{}", fmt::join(terms_, " & ")); }

 private:
  std::vector<std::string> terms_;
};

}  // namespace

Result<VmGroupRole> read_role(const VmGroup& group, std::int64_t id, const text::Vector& vector) {
  VmGroupRole role;
  role.id = id;
  role.name = vector.get("NAME");
  CHECK_OK(access::check_name("role", role.name));
  if (role.name.find(',') != std::string::npos)
    return fail(Errc::kInvalid, "NAME \"{}\" of a role has a comma in it", role.name);
  if (role_named(group, role.name) != nullptr)
    return fail(Errc::kConflict, "The vm group has a role {} already", role.name);
  const auto policy = policy_from(vector.get("POLICY"));
  if (!policy)
    return fail(Errc::kInvalid, "POLICY \"{}\" of role {} is unknown: AFFINED, ANTI_AFFINED, NONE",
                vector.get("POLICY"), role.name);
  role.policy = *policy;
  for (const char* key : {"HOST_AFFINED", "HOST_ANTI_AFFINED"}) {
    if (!hosts_in(vector.get(key)))
      return fail(Errc::kInvalid, "{} \"{}\" of role {} is no list of host ids", key,
                  vector.get(key), role.name);
  }
  role.attributes = vector;
  for (const char* key : {"ID", "VMS", "NAME"}) role.attributes.erase(key);
  return role;
}

const VmGroupRole* role_named(const VmGroup& group, std::string_view name) {
  const auto found = std::ranges::find(group.roles, name, &VmGroupRole::name);
  return found == group.roles.end() ? nullptr : &*found;
}

Result<VmGroupRole> role_numbered(const VmGroup& group, std::int64_t id) {
  const auto found = std::ranges::find(group.roles, id, &VmGroupRole::id);
  if (found == group.roles.end())
    return fail(Errc::kNotFound, "vm group {} has no role {}", group.id, id);
  return *found;
}

std::vector<std::set<std::string>> role_sets(const VmGroup& group, std::string_view rule) {
  std::vector<std::set<std::string>> sets;
  for (const auto& attribute : group.attributes.attributes()) {
    const auto* text = std::get_if<std::string>(&attribute.value);
    if (attribute.name != rule || text == nullptr) continue;
    const auto parts = parts_of(*text);
    sets.emplace_back(parts.begin(), parts.end());
  }
  return sets;
}

std::optional<std::vector<HostId>> hosts_in(std::string_view text) {
  std::vector<HostId> hosts;
  for (const auto& part : parts_of(text)) {
    const auto number = natural_from(part);
    if (!number) return std::nullopt;
    hosts.emplace_back(*number);
  }
  return hosts;
}

std::string host_requirement(db::Txn& txn, VmId vm) {
  const auto ref = role_of(txn, vm);
  if (!ref) return {};
  const auto group = find_vm_group(txn, ref->group);
  if (!group) return {};
  const auto role = role_numbered(*group, ref->role);
  if (!role) return {};

  Terms terms;
  const auto own_hosts = list_hosts_of(txn, *ref, vm);
  if (role->policy == RolePolicy::kAffined) terms.one_of(own_hosts);
  if (role->policy == RolePolicy::kAntiAffined) terms.none_of(own_hosts);
  terms.one_of(hosts_in(role->attributes.get("HOST_AFFINED")).value_or(std::vector<HostId>{}));
  terms.none_of(
      hosts_in(role->attributes.get("HOST_ANTI_AFFINED")).value_or(std::vector<HostId>{}));
  for (const char* rule : {"AFFINED", "ANTI_AFFINED"}) {
    for (const auto& names : role_sets(*group, rule)) {
      if (!names.contains(role->name)) continue;
      for (const auto& name : names) {
        const auto* other = role_named(*group, name);
        if (other == nullptr || other->id == role->id) continue;
        const auto hosts = list_hosts_of(txn, {group->id, other->id}, vm);
        if (std::string_view(rule) == "AFFINED") terms.one_of(hosts);
        else terms.none_of(hosts);
      }
    }
  }
  return terms.text();
}

}  // namespace neph::site
