#include "network/network_template.h"

#include "access/directory.h"
#include "access/restricted_attributes.h"
#include "network/internal/network_template_rows.h"

namespace neph::network {
namespace {

constexpr std::string_view kWhat = "VN Template";

Result<void> check_template_name(db::Txn& txn, NetworkTemplateId id, UserId owner,
                                 const std::string& name) {
  CHECK_OK(access::check_name("virtual network template", name));
  const auto other = find_network_template_by_name(txn, owner, name);
  if (!other || *other == id) return {};
  return fail(Errc::kConflict, "NAME is already taken by VNTEMPLATE {}.", *other);
}

Result<NetworkTemplateId> insert_template_for(db::Txn& txn, const access::Actor& actor,
                                              const std::string& name,
                                              text::Template attributes) {
  CHECK_OK(check_template_name(txn, {}, actor.user, name));
  attributes.erase("NAME");
  NetworkTemplate fresh;
  fresh.name = name;
  fresh.owner = actor.user;
  fresh.group = actor.group;
  fresh.permissions = access::initial_permissions(actor);
  fresh.registered = txn.at();
  fresh.attributes = std::move(attributes);
  return insert_network_template(txn, fresh);
}

}  // namespace

access::Subject subject_of(const NetworkTemplate& network_template) {
  return {.kind = access::Resource::kNetworkTemplate,
          .id = network_template.id.value,
          .name = network_template.name,
          .owner = network_template.owner,
          .group = network_template.group,
          .permissions = network_template.permissions,
          .clusters = {}};
}

Result<NetworkTemplateId> create_network_template(db::Txn& txn, const access::Actor& actor,
                                                  const Settings& settings,
                                                  const text::Template& ask) {
  CHECK_OK(access::check_restricted_attributes(actor, settings.restricted_attributes, ask, {},
                                               kWhat));
  return insert_template_for(txn, actor, ask.get("NAME"), ask);
}

Result<NetworkTemplateId> clone_network_template(db::Txn& txn, const access::Actor& actor,
                                                 NetworkTemplateId source,
                                                 const std::string& name) {
  return insert_template_for(txn, actor, name, TRY(find_network_template(txn, source)).attributes);
}

Result<void> rename_network_template(db::Txn& txn, NetworkTemplateId id, const std::string& name) {
  auto found = TRY(find_network_template(txn, id));
  CHECK_OK(check_template_name(txn, id, found.owner, name));
  found.name = name;
  save_network_template(txn, found);
  return {};
}

Result<void> update_network_template(db::Txn& txn, const access::Actor& actor,
                                     const Settings& settings, const NetworkTemplateChange& ask) {
  auto found = TRY(find_network_template(txn, ask.id));
  auto updated = TRY(access::updated_template(
      actor, settings.restricted_attributes, {found.attributes, ask.change, ask.is_append}, kWhat));
  updated.erase("NAME");
  CHECK_OK(updated.check_limits());
  found.attributes = std::move(updated);
  save_network_template(txn, found);
  return {};
}

Result<void> chmod_network_template(db::Txn& txn, NetworkTemplateId id,
                                    access::Permissions permissions) {
  auto found = TRY(find_network_template(txn, id));
  found.permissions = permissions;
  save_network_template(txn, found);
  return {};
}

Result<void> chown_network_template(db::Txn& txn, NetworkTemplateId id, UserId user,
                                    GroupId group) {
  auto found = TRY(find_network_template(txn, id));
  if (user.is_set()) found.owner = TRY(access::find_user(txn, user)).id;
  if (group.is_set()) found.group = TRY(access::find_group(txn, group)).id;
  CHECK_OK(check_template_name(txn, id, found.owner, found.name));
  save_network_template(txn, found);
  return {};
}

}  // namespace neph::network
