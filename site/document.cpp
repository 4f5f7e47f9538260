#include "site/document.h"

#include "access/directory.h"
#include "site/internal/document_rows.h"
#include "site/internal/updated.h"

namespace neph::site {
namespace {

Document fresh_document(const access::Actor& actor, const std::string& name) {
  Document document;
  document.name = name;
  document.owner = actor.user;
  document.group = actor.group;
  document.permissions = access::initial_permissions(actor);
  return document;
}

}  // namespace

access::Subject subject_of(const Document& document) {
  return {access::Resource::kDocument, document.id.value,    document.name, document.owner,
          document.group,              document.permissions, {}};
}

Result<DocumentId> create_document(db::Txn& txn, const access::Actor& actor, std::int64_t type,
                                   const text::Template& ask) {
  CHECK_OK(access::check_name("document", ask.get("NAME")));
  if (type < 0) return fail(Errc::kInvalid, "The type of a document is {}; 0 is the least", type);
  Document document = fresh_document(actor, ask.get("NAME"));
  document.type = type;
  document.attributes = ask;
  document.attributes.erase("NAME");
  return insert_document(txn, document);
}

Result<DocumentId> clone_document(db::Txn& txn, const access::Actor& actor, DocumentId source,
                                  const std::string& name) {
  const Document original = TRY(find_document(txn, source));
  CHECK_OK(access::check_name("document", name));
  Document document = fresh_document(actor, name);
  document.type = original.type;
  document.attributes = original.attributes;
  return insert_document(txn, document);
}

Result<void> rename_document(db::Txn& txn, DocumentId id, const std::string& name) {
  Document document = TRY(find_document(txn, id));
  CHECK_OK(access::check_name("document", name));
  document.name = name;
  save_document(txn, document);
  return {};
}

Result<void> update_document(db::Txn& txn, DocumentId id, const text::Template& change,
                             bool is_append) {
  Document document = TRY(find_document(txn, id));
  document.attributes = TRY(updated(document.attributes, change, is_append));
  save_document(txn, document);
  return {};
}

Result<void> chmod_document(db::Txn& txn, DocumentId id, access::Permissions permissions) {
  Document document = TRY(find_document(txn, id));
  document.permissions = permissions;
  save_document(txn, document);
  return {};
}

Result<void> chown_document(db::Txn& txn, DocumentId id, UserId user, GroupId group) {
  Document document = TRY(find_document(txn, id));
  if (user.is_set()) document.owner = TRY(access::find_user(txn, user)).id;
  if (group.is_set()) document.group = TRY(access::find_group(txn, group)).id;
  save_document(txn, document);
  return {};
}

}  // namespace neph::site
