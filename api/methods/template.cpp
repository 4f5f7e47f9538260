#include "api/internal/methods.h"
#include "api/internal/owned_methods.h"
#include "compute/template_images.h"
#include "compute/vm_template.h"

namespace neph::api {
namespace {

using access::Op;

struct AllocateTemplate {
  std::string content;
};
struct ShowTemplate {
  TemplateId vm_template;
  bool is_extended = false;
  bool decrypt = false;
};
struct DeleteTemplate {
  TemplateId vm_template;
  bool is_recursive = false;
};
struct CloneTemplate {
  TemplateId vm_template;
  std::string name;
  bool clones_images = false;
};
struct InstantiateTemplate {
  TemplateId vm_template;
  std::string name;
  bool is_held = false;
  std::string content;
  bool is_persistent = false;
};
struct UpdateTemplate {
  TemplateId vm_template;
  std::string content;
  std::int64_t update_type = 0;
};
struct RenameTemplate {
  TemplateId vm_template;
  std::string name;
};
struct ChmodTemplate {
  TemplateId vm_template;
  std::int64_t owner_use, owner_manage, owner_admin;
  std::int64_t group_use, group_manage, group_admin;
  std::int64_t other_use, other_manage, other_admin;
  bool is_recursive = false;
};
struct ChownTemplate {
  TemplateId vm_template;
  UserId user;
  GroupId group;
};
struct ListTemplates {
  std::int64_t filter = -2;
  std::int64_t start = -1;
  std::int64_t end = -1;
};

/// The right on the template itself, for arguments that have a field `vm_template`.
template <Op op>
constexpr auto on_template = [](Call& call, const auto& ask) {
  return need(call, op, ObjectKind::kTemplate, ask.vm_template);
};

Result<TemplateId> allocate_template(Call& call, const AllocateTemplate& ask) {
  const auto content = TRY(text::Template::parse(ask.content));
  return compute::create_template(call.txn(), call.actor(), call.services().vms.settings(),
                                  content);
}

Result<TemplateId> delete_template(Call& call, const DeleteTemplate& ask) {
  if (ask.is_recursive) {
    for (const ImageId image :
         TRY(compute::list_template_images(call.txn(), call.actor(), ask.vm_template))) {
      CHECK_OK(need(call, Op::kManage, ObjectKind::kImage, image));
      CHECK_OK(call.services().images.remove(call.txn(), image));
    }
  }
  compute::delete_template(call.txn(), ask.vm_template);
  return ask.vm_template;
}

Result<TemplateId> clone_template(Call& call, const CloneTemplate& ask) {
  if (ask.clones_images) {
    return compute::clone_with_images(call.txn(), call.actor(), call.services().images,
                                      {.source = ask.vm_template, .name = ask.name, .extra = {}});
  }
  return compute::clone_template(call.txn(), call.actor(), ask.vm_template, ask.name);
}

/// A persistent VM has a template of its own, with persistent copies of all images.
Result<TemplateId> own_template(Call& call, const InstantiateTemplate& ask,
                                const text::Template& extra) {
  std::string name = ask.name;
  if (name.empty())
    name = TRY(compute::find_template(call.txn(), ask.vm_template)).name + "-copy";
  return compute::clone_with_images(
      call.txn(), call.actor(), call.services().images,
      {.source = ask.vm_template, .name = name, .makes_persistent = true, .extra = extra});
}

Result<VmId> instantiate_template(Call& call, const InstantiateTemplate& ask) {
  const auto extra = TRY(text::Template::parse(ask.content));
  compute::NewVmAsk fresh;
  fresh.made_from =
      ask.is_persistent ? TRY(own_template(call, ask, extra)) : ask.vm_template;
  fresh.attributes = TRY(compute::find_template(call.txn(), fresh.made_from)).attributes;
  if (ask.is_persistent)
    fresh.attributes.set("CLONING_TEMPLATE_ID", fmt::format("{}", ask.vm_template));
  else
    fresh.attributes.merge(extra);
  fresh.name = ask.name;
  fresh.is_held = ask.is_held;
  return call.services().vms.allocate(call.txn(), call.actor(), fresh);
}

Result<TemplateId> update_template(Call& call, const UpdateTemplate& ask) {
  const bool appends = TRY(is_append(ask.update_type));
  const auto change = TRY(text::Template::parse(ask.content));
  CHECK_OK(compute::update_template(call.txn(), call.actor(), call.services().vms.settings(),
                                    {ask.vm_template, change, appends}));
  return ask.vm_template;
}

Result<TemplateId> rename_template(Call& call, const RenameTemplate& ask) {
  CHECK_OK(compute::rename_template(call.txn(), ask.vm_template, ask.name));
  return ask.vm_template;
}

Result<void> may_chmod_template(Call& call, const ChmodTemplate& ask) {
  const auto found = TRY(compute::find_template(call.txn(), ask.vm_template));
  const auto right = access::right_needed(found.permissions, change_of(ask));
  return need(call, right, ObjectKind::kTemplate, ask.vm_template);
}

/// The images are changed with the template, or nothing is.
Result<void> chmod_images(Call& call, const ChmodTemplate& ask) {
  for (const ImageId id :
       TRY(compute::list_template_images(call.txn(), call.actor(), ask.vm_template))) {
    const auto image = TRY(datastore::find_image(call.txn(), id));
    const auto right = access::right_needed(image.permissions, change_of(ask));
    CHECK_OK(need(call, right, ObjectKind::kImage, id));
    const auto permissions = TRY(access::apply(image.permissions, change_of(ask)));
    CHECK_OK(call.services().images.chmod(call.txn(), id, permissions));
  }
  return {};
}

Result<TemplateId> chmod_template(Call& call, const ChmodTemplate& ask) {
  if (ask.is_recursive) CHECK_OK(chmod_images(call, ask));
  const auto vm_template = TRY(compute::find_template(call.txn(), ask.vm_template));
  const auto permissions = TRY(access::apply(vm_template.permissions, change_of(ask)));
  CHECK_OK(compute::chmod_template(call.txn(), ask.vm_template, permissions));
  return ask.vm_template;
}

Result<void> may_chown_template(Call& call, const ChownTemplate& ask) {
  return need_chown(call, ObjectKind::kTemplate, ask.vm_template.value, ask.user, ask.group);
}

Result<TemplateId> chown_template(Call& call, const ChownTemplate& ask) {
  CHECK_OK(compute::chown_template(call.txn(), ask.vm_template, ask.user, ask.group));
  return ask.vm_template;
}

Result<EscapedText> show_template(Call& call, const ShowTemplate& ask) {
  return show(call, ObjectKind::kTemplate, ask.vm_template.value);
}

Result<EscapedText> list_templates(Call& call, const ListTemplates& ask) {
  view::ListAsk which;
  which.filter = ask.filter;
  which.start = ask.start;
  which.end = ask.end;
  return list(call, ObjectKind::kTemplate, "VMTEMPLATE_POOL", which);
}

void add_template_life_cycle(Registry<Call>& registry) {
  registry.add({
      method("one.template.allocate", &allocate_template)
          .writes()
          .args("template")
          .needs("CREATE TEMPLATE", may_create<access::Resource::kTemplate>)
          .doc("Keeps a VM template; its NAME must be there.")
          .answers("id of the new template"),
      method("one.template.clone", &clone_template)
          .writes()
          .args("template", "name", "clone_images")
          .required(2)
          .needs("CREATE TEMPLATE", may_create<access::Resource::kTemplate>)
          .needs("USE TEMPLATE", on_template<Op::kUse>)
          .doc("Copies a template under a new name, for the caller. Its disks go on naming the "
               "same images, unless these are cloned with it, as <name>-disk-<number>.")
          .answers("id of the new template"),
      method("one.template.delete", &delete_template)
          .writes()
          .args("template", "recursive")
          .required(1)
          .needs("MANAGE TEMPLATE", on_template<Op::kManage>)
          .doc("Removes a template; recursive: with the images of its disks, or nothing.")
          .answers("id of the template"),
      method("one.template.instantiate", &instantiate_template)
          .writes()
          .args("template", "name", "hold", "extra_template", "persistent")
          .required(2)
          .needs("USE TEMPLATE", on_template<Op::kUse>)
          .needs("CREATE VM", may_create<access::Resource::kVm>)
          .legacy_code(Errc::kConflict, kAllocateCode)
          .legacy_code(Errc::kWrongState, kAllocateCode)
          .legacy_code(Errc::kExhausted, kAllocateCode)
          .doc("Makes a VM from a template; also needs USE of its images. Attributes of the extra "
               "template replace those of the same name. Persistent: of a template of its own, "
               "with persistent copies of all images.")
          .answers("id of the new VM"),
  });
}

void add_template_attributes(Registry<Call>& registry) {
  registry.add({
      method("one.template.update", &update_template)
          .writes()
          .args("template", "content", "update_type")
          .required(2)
          .needs("MANAGE TEMPLATE", on_template<Op::kManage>)
          .doc("Changes a template: update type 0 replaces it, 1 merges.")
          .answers("id of the template"),
      method("one.template.rename", &rename_template)
          .writes()
          .args("template", "name")
          .needs("MANAGE TEMPLATE", on_template<Op::kManage>)
          .doc("Renames a template.")
          .answers("id of the template"),
      method("one.template.chmod", &chmod_template)
          .writes()
          .args("template", "owner_u", "owner_m", "owner_a", "group_u", "group_m", "group_a",
                "other_u", "other_m", "other_a", "recursive")
          .required(10)
          .needs("MANAGE TEMPLATE, for the bits *_a ADMIN TEMPLATE", &may_chmod_template)
          .doc("Changes permissions; each bit is -1 keep, 0 clear, 1 set. Recursive: of the "
               "images of its disks, too.")
          .answers("id of the template"),
      method("one.template.chown", &chown_template)
          .writes()
          .args("template", "user", "group")
          .needs("MANAGE TEMPLATE, MANAGE of another USER, USE of another GROUP",
                 &may_chown_template)
          .legacy_code(Errc::kConflict, kInternalCode)
          .doc("Gives a template to another user, another group, or both; -1 keeps.")
          .answers("id of the template"),
  });
}

void add_template_documents(Registry<Call>& registry) {
  registry.add({
      method("one.template.info", &show_template)
          .reads()
          .args("template", "extended", "decrypt")
          .required(1)
          .needs("USE TEMPLATE", on_template<Op::kUse>)
          .doc("Shows a template as it was written, extended or not. Nothing is stored encrypted, "
               "so decrypt changes nothing.")
          .answers("VMTEMPLATE document"),
      method("one.templatepool.info", &list_templates)
          .reads()
          .args("filter", "start", "end")
          .for_anyone()
          .doc("Lists the templates the caller may use. Filter: a user id, -1 the caller's and his "
               "groups', -2 all, -3 the caller's, -4 his primary group's. From start to end, or a "
               "page when end is below -1.")
          .answers("VMTEMPLATE_POOL document"),
  });
}

}  // namespace

void add_template_methods(Registry<Call>& registry) {
  add_lock_methods(registry, {"template", "TEMPLATE", ObjectKind::kTemplate});
  add_template_life_cycle(registry);
  add_template_attributes(registry);
  add_template_documents(registry);
}

}  // namespace neph::api
