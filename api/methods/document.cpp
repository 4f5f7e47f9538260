#include "site/document.h"

#include "api/internal/owned_methods.h"

namespace neph::api {
namespace {

using access::Op;

struct AllocateDocument {
  std::string content;
  std::int64_t type = 0;
};
struct CloneDocument {
  DocumentId document;
  std::string name;
};
struct DeleteDocument {
  DocumentId document;
};
struct ListDocuments {
  std::int64_t filter = -2;
  std::int64_t start = -1;
  std::int64_t end = -1;
  std::int64_t type = -1;
};

/// The right on the document, for arguments that have a field `document`.
constexpr auto may_manage_document = [](Call& call, const auto& ask) {
  return need(call, Op::kManage, ObjectKind::kDocument, ask.document);
};

Result<DocumentId> allocate_document(Call& call, const AllocateDocument& ask) {
  const auto content = TRY(text::Template::parse(ask.content));
  return site::create_document(call.txn(), call.actor(), ask.type, content);
}

Result<DocumentId> clone_document(Call& call, const CloneDocument& ask) {
  return site::clone_document(call.txn(), call.actor(), ask.document, ask.name);
}

Result<DocumentId> delete_document(Call& call, const DeleteDocument& ask) {
  site::delete_document(call.txn(), ask.document);
  return ask.document;
}

Result<EscapedText> list_documents(Call& call, const ListDocuments& ask) {
  view::ListAsk which;
  which.filter = ask.filter;
  which.start = ask.start;
  which.end = ask.end;
  // Pages of the Ruby client carry -1, the end of its VM filter, where the type stands.
  if (ask.type >= 0) which.type = ask.type;
  return list(call, ObjectKind::kDocument, "DOCUMENT_POOL", which);
}

OwnedKind owned_documents() {
  OwnedKind kind{"document", "DOCUMENT", ObjectKind::kDocument};
  kind.rename = [](Call& call, std::int64_t id, const std::string& name) {
    return site::rename_document(call.txn(), DocumentId{id}, name);
  };
  kind.update = [](Call& call, std::int64_t id, const text::Template& change, bool is_append) {
    return site::update_document(call.txn(), DocumentId{id}, change, is_append);
  };
  kind.chmod = [](Call& call, std::int64_t id, access::Permissions permissions) {
    return site::chmod_document(call.txn(), DocumentId{id}, permissions);
  };
  kind.chown = [](Call& call, std::int64_t id, UserId user, GroupId group) {
    return site::chown_document(call.txn(), DocumentId{id}, user, group);
  };
  return kind;
}

}  // namespace

void add_document_methods(Registry<Call>& registry) {
  registry.add({
      method("one.document.allocate", &allocate_document)
          .writes()
          .args("template", "type")
          .needs("CREATE DOCUMENT", may_create<access::Resource::kDocument>)
          .doc("Keeps a document of an application; its NAME must be there. FireEdge and OneFlow"
               " use types from 100 on.")
          .answers("id of the new document"),
      method("one.document.clone", &clone_document)
          .writes()
          .args("document", "name")
          .needs("CREATE DOCUMENT", may_create<access::Resource::kDocument>)
          .needs("MANAGE DOCUMENT", may_manage_document)
          .doc("Copies a document under a new name, for the caller.")
          .answers("id of the new document"),
      method("one.document.delete", &delete_document)
          .writes()
          .args("document")
          .needs("MANAGE DOCUMENT", may_manage_document)
          .doc("Removes a document.")
          .answers("the same id"),
      method("one.documentpool.info", &list_documents)
          .reads()
          .args("filter", "start", "end", "type")
          .for_anyone()
          .doc("Lists the documents of a type that the caller may use, all types when it is"
               " negative. Filter, start and end as of one.templatepool.info.")
          .answers("DOCUMENT_POOL document"),
  });
  add_owned_methods(registry, owned_documents());
  add_lock_methods(registry, {"document", "DOCUMENT", ObjectKind::kDocument});
  add_info_method(registry, {"document", "DOCUMENT", ObjectKind::kDocument, "DOCUMENT"});
}

}  // namespace neph::api
