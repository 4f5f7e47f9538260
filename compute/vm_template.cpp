#include "compute/vm_template.h"

#include "access/directory.h"
#include "compute/internal/template_rows.h"
#include "compute/restricted.h"

namespace neph::compute {
namespace {

/// Names are unique among the templates of an owner.
Result<void> check_template_name_free(db::Txn& txn, TemplateId id, UserId owner,
                                      std::string_view name) {
  const auto other = find_template_by_name(txn, owner, name);
  if (!other || *other == id) return {};
  return fail(Errc::kConflict, "NAME is already taken by TEMPLATE {}.", *other);
}

Result<void> check_may_create(db::Txn& txn, const access::Actor& actor) {
  access::Subject fresh;
  fresh.kind = access::Resource::kTemplate;
  return access::authorize(txn, actor, access::Op::kCreate, fresh);
}

/// A new template of the caller with those attributes.
Result<TemplateId> insert_for(db::Txn& txn, const access::Actor& actor, const std::string& name,
                              const text::Template& attributes) {
  CHECK_OK(check_template_name_free(txn, {}, actor.user, name));
  VmTemplate vm_template;
  vm_template.name = name;
  vm_template.owner = actor.user;
  vm_template.group = actor.group;
  vm_template.permissions = access::initial_permissions(actor);
  vm_template.registered = txn.at();
  vm_template.attributes = attributes;
  vm_template.attributes.erase("NAME");
  vm_template.attributes.erase("TEMPLATE_ID");
  return insert_template(txn, std::move(vm_template));
}

}  // namespace

access::Subject subject_of(const VmTemplate& vm_template) {
  return {access::Resource::kTemplate, vm_template.id.value, vm_template.name, vm_template.owner,
          vm_template.group, vm_template.permissions, {}};
}

Result<TemplateId> create_template(db::Txn& txn, const access::Actor& actor,
                                   const Settings& settings, const text::Template& ask) {
  CHECK_OK(check_may_create(txn, actor));
  CHECK_OK(access::check_name("virtual machine template", ask.get("NAME")));
  CHECK_OK(check_restricted(actor, settings.restricted_attributes, ask, {}, "VM Template"));
  return insert_for(txn, actor, ask.get("NAME"), ask);
}

Result<TemplateId> clone_template(db::Txn& txn, const access::Actor& actor, TemplateId source,
                                  const std::string& name) {
  CHECK_OK(check_may_create(txn, actor));
  const auto original = TRY(find_template(txn, source));
  CHECK_OK(access::check_name("virtual machine template", name));
  return insert_for(txn, actor, name, original.attributes);
}

Result<void> rename_template(db::Txn& txn, TemplateId id, const std::string& name) {
  auto vm_template = TRY(find_template(txn, id));
  CHECK_OK(access::check_name("virtual machine template", name));
  CHECK_OK(check_template_name_free(txn, id, vm_template.owner, name));
  vm_template.name = name;
  save_template(txn, vm_template);
  return {};
}

Result<void> update_template(db::Txn& txn, const access::Actor& actor, const Settings& settings,
                             const TemplateChange& ask) {
  auto vm_template = TRY(find_template(txn, ask.id));
  auto updated = TRY(access::updated_template(
      actor, restricted_names(settings.restricted_attributes),
      {vm_template.attributes, ask.change, ask.is_append}, "User Template"));
  updated.erase("NAME");
  updated.erase("TEMPLATE_ID");
  CHECK_OK(updated.check_limits());
  vm_template.attributes = std::move(updated);
  save_template(txn, vm_template);
  return {};
}

Result<void> chmod_template(db::Txn& txn, TemplateId id, access::Permissions permissions) {
  auto vm_template = TRY(find_template(txn, id));
  vm_template.permissions = permissions;
  save_template(txn, vm_template);
  return {};
}

Result<void> chown_template(db::Txn& txn, TemplateId id, UserId user, GroupId group) {
  auto vm_template = TRY(find_template(txn, id));
  if (user.is_set()) {
    (void)TRY(access::find_user(txn, user));
    CHECK_OK(check_template_name_free(txn, id, user, vm_template.name));
    vm_template.owner = user;
  }
  if (group.is_set()) {
    (void)TRY(access::find_group(txn, group));
    vm_template.group = group;
  }
  save_template(txn, vm_template);
  return {};
}

}  // namespace neph::compute
