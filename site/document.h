#pragma once

#include <string>
#include <vector>

#include "access/permissions.h"
#include "db/database.h"
#include "text/template.h"

/// Documents: texts that applications keep here. FireEdge and OneFlow keep their own data as
/// documents of types 100 and up. Store lane; rights are the caller's business.
namespace neph::site {

struct Document {
  DocumentId id;
  std::int64_t type = 0;   ///< the application's number
  std::string name;        ///< not unique: OneFlow runs several services of one name
  UserId owner;
  GroupId group;
  access::Permissions permissions;
  text::Template attributes;
};

[[nodiscard]] Result<Document> find_document(db::Txn& txn, DocumentId id);
[[nodiscard]] std::vector<DocumentId> list_documents(db::Txn& txn);
[[nodiscard]] access::Subject subject_of(const Document& document);

/// NAME of the template is its name. \returns kInvalid (no name, type below 0)
[[nodiscard]] Result<DocumentId> create_document(db::Txn& txn, const access::Actor& actor,
                                                 std::int64_t type, const text::Template& ask);
/// A document of the caller's own, as `source` is now.
[[nodiscard]] Result<DocumentId> clone_document(db::Txn& txn, const access::Actor& actor,
                                                DocumentId source, const std::string& name);
void delete_document(db::Txn& txn, DocumentId id);
[[nodiscard]] Result<void> rename_document(db::Txn& txn, DocumentId id, const std::string& name);
/// Replaces the template, or merges into it.
[[nodiscard]] Result<void> update_document(db::Txn& txn, DocumentId id,
                                           const text::Template& change, bool is_append);
[[nodiscard]] Result<void> chmod_document(db::Txn& txn, DocumentId id,
                                          access::Permissions permissions);
/// An unset id keeps the user or the group. \returns kNotFound for a user or group
[[nodiscard]] Result<void> chown_document(db::Txn& txn, DocumentId id, UserId user, GroupId group);

}  // namespace neph::site
