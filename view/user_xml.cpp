#include "view/internal/documents.h"

#include "view/internal/blocks.h"

namespace neph::view {
namespace {

/// Clients want a text there; the hash is nobody's business.
constexpr std::string_view kPassword = "hidden";

void write_identity(text::XmlWriter& xml, const access::User& user) {
  xml.element("ID", user.id.value);
  xml.element("GID", user.group.value);
  xml.ids("GROUPS", numbers_of(user.groups));
  xml.element("GNAME", user.group_name);
  xml.element("NAME", user.name);
  xml.cdata("PASSWORD", kPassword);
  xml.cdata("AUTH_DRIVER", user.auth_driver);
  xml.element("ENABLED", std::int64_t{user.is_enabled});
  xml.attributes("TEMPLATE", user.attributes);
}

}  // namespace

std::string user_xml(const UserFacts& facts) {
  text::XmlWriter xml;
  xml.open("USER");
  write_identity(xml, facts.user);
  write_quotas(xml, facts.quotas);
  write_default_quotas(xml, "DEFAULT_USER_QUOTAS", facts.default_quotas);
  xml.close();
  return xml.take();
}

std::string user_brief_xml(const UserFacts& facts) {
  text::XmlWriter xml;
  xml.open("USER");
  write_identity(xml, facts.user);
  xml.close();
  xml.open("QUOTAS");
  xml.element("ID", facts.user.id.value);
  write_quotas(xml, facts.quotas);
  xml.close();
  return xml.take();
}

}  // namespace neph::view
