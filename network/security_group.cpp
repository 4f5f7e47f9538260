#include "network/security_group.h"

#include <algorithm>

#include "base/numbers.h"
#include "base/words.h"
#include "network/internal/security_group_list.h"

namespace neph::network {
namespace {

/// A rule of all protocols without an address, for everything in or out.
bool allows_all(const SecurityGroup& group, std::string_view direction) {
  const auto rules = group.attributes.vectors("RULE");
  return std::ranges::any_of(rules, [&](const text::Vector* rule) {
    return rule->get("PROTOCOL") == "ALL" && rule->get("RULE_TYPE") == direction &&
           !rule->has("IP") && !rule->has("NETWORK_ID");
  });
}

}  // namespace

bool allows_everything(const SecurityGroup& group) {
  return allows_all(group, "INBOUND") && allows_all(group, "OUTBOUND");
}

std::vector<text::Vector> list_rules_of(db::Txn& txn, VmId vm) {
  std::vector<text::Vector> rules;
  for (const auto id : list_security_groups_of(txn, vm)) {
    const auto group = find_security_group(txn, id);
    if (!group) continue;
    for (const auto* rule : group->attributes.vectors("RULE")) {
      rules.push_back(*rule);
      rules.back().set("SECURITY_GROUP_ID", fmt::format("{}", id));
      rules.back().set("SECURITY_GROUP_NAME", group->name);
    }
  }
  return rules;
}

Result<std::vector<SecurityGroupId>> parse_security_groups(std::string_view list) {
  std::vector<SecurityGroupId> groups;
  for (const auto part : between_commas(list)) {
    const auto word = without_blanks(part);
    if (word.empty()) continue;
    const auto id = natural_from(word);
    if (!id)
      return fail(Errc::kInvalid, "SECURITY_GROUPS: \"{}\" is no id of a security group", word);
    groups.emplace_back(*id);
  }
  return groups;
}

access::Subject subject_of(const SecurityGroup& group) {
  return {.kind = access::Resource::kSecurityGroup,
          .id = group.id.value,
          .name = group.name,
          .owner = group.owner,
          .group = group.group,
          .permissions = group.permissions,
          .clusters = {}};
}

}  // namespace neph::network
