#include "access/acls.h"

#include <algorithm>

#include "api/internal/methods.h"

namespace neph::api {
namespace {

struct AddRule {
  std::string user;
  std::string resource;
  std::string rights;
  std::string zone;
};
struct DeleteRule {
  AclId rule;
};

/// Rules are not told apart: who may change one may change all.
constexpr auto may_manage_rules = [](Call& call, const auto&) {
  return need_all(call, access::Op::kManage, access::Resource::kAcl);
};

Result<AclId> add_rule(Call& call, const AddRule& ask) {
  const auto rule = TRY(access::parse_acl({ask.user, ask.resource, ask.rights, ask.zone}));
  return access::add_acl(call.txn(), rule);
}

Result<AclId> delete_rule(Call& call, const DeleteRule& ask) {
  CHECK_OK(access::delete_acl(call.txn(), ask.rule));
  return ask.rule;
}

/// All of them, by the user field and then by id, as OpenNebula lists them.
Result<EscapedText> list_rules(Call& call) {
  auto rules = call.view().acls;
  std::ranges::sort(rules, {}, [](const access::AclRule& rule) {
    return std::pair{rule.user, rule.id};
  });
  std::vector<view::EntryPtr> entries;
  for (const auto& rule : rules)
    entries.push_back(TRY(call.view().find(ObjectKind::kAcl, rule.id.value)));
  return as_document(view::pool_document("ACL_POOL", entries, view::ListAsk{}.is_full));
}

}  // namespace

void add_acl_methods(Registry<Call>& registry) {
  registry.add({
      method("one.acl.addrule", &add_rule)
          .writes()
          .args("user", "resource", "rights", "zone")
          .required(3)
          .needs("MANAGE of all ACL", may_manage_rules)
          .doc("Adds a rule. All four are hexadecimal numbers, with or without 0x; without a zone "
               "the rule is for this one. A rule that says nothing sensible is refused, and so is "
               "one there is already.")
          .answers("id of the new rule"),
      method("one.acl.delrule", &delete_rule)
          .writes()
          .args("rule")
          .needs("MANAGE of all ACL", may_manage_rules)
          .doc("Deletes a rule.")
          .answers("id of the rule"),
      method("one.acl.info", &list_rules)
          .reads()
          .needs("MANAGE of all ACL", may_manage_rules)
          .doc("Lists all rules, by the user field.")
          .answers("ACL_POOL document"),
  });
}

}  // namespace neph::api
