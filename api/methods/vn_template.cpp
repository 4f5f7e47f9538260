#include "network/network_template.h"

#include "api/internal/owned_methods.h"

namespace neph::api {
namespace {

using access::Op;

constexpr auto kKind = ObjectKind::kNetworkTemplate;

struct AllocateNetworkTemplate {
  std::string content;
};
struct CloneNetworkTemplate {
  NetworkTemplateId network_template;
  std::string name;
};
struct DeleteNetworkTemplate {
  NetworkTemplateId network_template;
};
struct InstantiateNetworkTemplate {
  NetworkTemplateId network_template;
  std::string name;
  std::string content;
};

/// The right on the template, for arguments that have a field `network_template`.
template <Op op>
constexpr auto on_network_template = [](Call& call, const auto& ask) {
  return need(call, op, kKind, ask.network_template);
};

Result<NetworkTemplateId> allocate_network_template(Call& call,
                                                    const AllocateNetworkTemplate& ask) {
  const auto content = TRY(text::Template::parse(ask.content));
  return network::create_network_template(call.txn(), call.actor(),
                                          call.services().networks.settings(), content);
}

Result<NetworkTemplateId> clone_network_template(Call& call, const CloneNetworkTemplate& ask) {
  return network::clone_network_template(call.txn(), call.actor(), ask.network_template, ask.name);
}

Result<NetworkTemplateId> delete_network_template(Call& call, const DeleteNetworkTemplate& ask) {
  network::delete_network_template(call.txn(), ask.network_template);
  return ask.network_template;
}

Result<NetworkId> instantiate_network_template(Call& call,
                                               const InstantiateNetworkTemplate& ask) {
  const auto extra = TRY(text::Template::parse(ask.content));
  return call.services().networks.instantiate(call.txn(), call.actor(),
                                              {ask.network_template, ask.name, extra});
}

Result<EscapedText> list_network_templates(Call& call, const ListWindow& ask) {
  view::ListAsk which;
  which.filter = ask.filter;
  which.start = ask.start;
  which.end = ask.end;
  return list(call, kKind, "VNTEMPLATE_POOL", which);
}

OwnedKind owned_network_templates() {
  OwnedKind kind{"vntemplate", "VNTEMPLATE", kKind};
  kind.rename = [](Call& call, std::int64_t id, const std::string& name) {
    return network::rename_network_template(call.txn(), NetworkTemplateId{id}, name);
  };
  kind.update = [](Call& call, std::int64_t id, const text::Template& change, bool is_append) {
    return network::update_network_template(call.txn(), call.actor(),
                                            call.services().networks.settings(),
                                            {NetworkTemplateId{id}, change, is_append});
  };
  kind.chmod = [](Call& call, std::int64_t id, access::Permissions permissions) {
    return network::chmod_network_template(call.txn(), NetworkTemplateId{id}, permissions);
  };
  kind.chown = [](Call& call, std::int64_t id, UserId user, GroupId group) {
    return network::chown_network_template(call.txn(), NetworkTemplateId{id}, user, group);
  };
  return kind;
}

}  // namespace

void add_network_template_methods(Registry<Call>& registry) {
  registry.add({
      method("one.vntemplate.allocate", &allocate_network_template)
          .writes()
          .args("template")
          .needs("CREATE VNTEMPLATE", may_create<access::Resource::kNetworkTemplate>)
          .doc("Keeps a template of virtual networks; its NAME must be there. Attributes that only"
               " administrators may set on networks are theirs here, too.")
          .answers("id of the new template"),
      method("one.vntemplate.clone", &clone_network_template)
          .writes()
          .args("vntemplate", "name")
          .needs("CREATE VNTEMPLATE", may_create<access::Resource::kNetworkTemplate>)
          .needs("MANAGE VNTEMPLATE", on_network_template<Op::kManage>)
          .doc("Copies a template under a new name, for the caller.")
          .answers("id of the new template"),
      method("one.vntemplate.delete", &delete_network_template)
          .writes()
          .args("vntemplate")
          .needs("MANAGE VNTEMPLATE", on_network_template<Op::kManage>)
          .doc("Removes a template; networks that were made of it stay.")
          .answers("id of the template"),
      method("one.vntemplate.instantiate", &instantiate_network_template)
          .writes()
          .args("vntemplate", "name", "extra_template")
          .required(2)
          .needs("USE VNTEMPLATE", on_network_template<Op::kUse>)
          .doc("Makes a virtual network of a template, for the caller, who needs no right to"
               " create networks. Attributes of the extra template replace those of the same name;"
               " CLUSTER_IDS says in which clusters it is, the default one unless written.")
          .answers("id of the new network"),
      method("one.vntemplatepool.info", &list_network_templates)
          .reads()
          .args("filter", "start", "end")
          .for_anyone()
          .doc("Lists the templates of virtual networks that the caller may use. Filter, start and"
               " end as of one.templatepool.info.")
          .answers("VNTEMPLATE_POOL document"),
  });
  add_owned_methods(registry, owned_network_templates());
  add_lock_methods(registry, {"vntemplate", "VNTEMPLATE", kKind});
  add_info_method(registry, {"vntemplate", "VNTEMPLATE", kKind, "VNTEMPLATE"});
}

}  // namespace neph::api
