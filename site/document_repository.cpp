#include "db/counters.h"
#include "db/list_ids.h"
#include "db/stored_template.h"
#include "site/internal/document_rows.h"

namespace neph::site {

Result<Document> find_document(db::Txn& txn, DocumentId id) {
  auto rows = txn.query(
      "SELECT id, type, name, user_id, group_id, permissions, template FROM documents"
      " WHERE id = ?",
      id);
  if (!rows.next()) return fail(Errc::kNotFound, "Error getting document [{}].", id);
  return Document{rows.get<DocumentId>(0),
                  rows.integer(1),
                  rows.text(2),
                  rows.get<UserId>(3),
                  rows.get<GroupId>(4),
                  access::Permissions{rows.get<int>(5)},
                  db::stored_template(rows.text(6))};
}

std::vector<DocumentId> list_documents(db::Txn& txn) {
  return db::list_ids<DocumentId>(txn, "SELECT id FROM documents ORDER BY id");
}

DocumentId insert_document(db::Txn& txn, const Document& document) {
  const auto id = db::take_id<DocumentId>(txn, "document");
  txn.exec(
      "INSERT INTO documents (id, type, name, user_id, group_id, permissions, template)"
      " VALUES (?,?,?,?,?,?,?)",
      id, document.type, document.name, document.owner, document.group,
      document.permissions.bits, document.attributes.to_text());
  txn.touch(ObjectKind::kDocument, id);
  return id;
}

void save_document(db::Txn& txn, const Document& document) {
  txn.exec(
      "UPDATE documents SET name=?, user_id=?, group_id=?, permissions=?, template=? WHERE id=?",
      document.name, document.owner, document.group, document.permissions.bits,
      document.attributes.to_text(), document.id);
  txn.touch(ObjectKind::kDocument, document.id);
}

void delete_document(db::Txn& txn, DocumentId id) {
  txn.exec("DELETE FROM documents WHERE id = ?", id);
  txn.touch(ObjectKind::kDocument, id);
}

}  // namespace neph::site
