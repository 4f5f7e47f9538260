#pragma once

#include <string>
#include <string_view>

#include "access/locks.h"
#include "api/internal/methods.h"

/// Rows that are the same for every kind of object: each kind says what is its own.
namespace neph::api {

/// one.<object>.lock and one.<object>.unlock. `type` is the kind in ACL words, such as DOCUMENT.
struct LockedKind {
  std::string object;
  std::string_view type;
  ObjectKind kind = ObjectKind::kDocument;
};
void add_lock_methods(Registry<Call>& registry, const LockedKind& what);

/// What rename, update, chmod and chown of a kind of object do, for its id as a number. Rights and
/// the values of chmod are checked before.
struct OwnedKind {
  std::string object;       ///< "document", as in one.document.rename
  std::string_view type;    ///< "DOCUMENT"
  ObjectKind kind = ObjectKind::kDocument;
  Result<void> (*rename)(Call&, std::int64_t id, const std::string& name) = nullptr;
  Result<void> (*update)(Call&, std::int64_t id, const text::Template& change,
                         bool is_append) = nullptr;
  Result<void> (*chmod)(Call&, std::int64_t id, access::Permissions) = nullptr;
  Result<void> (*chown)(Call&, std::int64_t id, UserId, GroupId) = nullptr;
  /// Which right rename and update ask for.
  access::Op right = access::Op::kManage;
};
/// The rows for which there is a function.
void add_owned_methods(Registry<Call>& registry, const OwnedKind& what);

/// one.<object>.info with its flag `decrypt`.
struct ShownKind {
  std::string object;
  std::string_view type;
  ObjectKind kind = ObjectKind::kDocument;
  std::string_view document;  ///< "DOCUMENT document"
};
void add_info_method(Registry<Call>& registry, const ShownKind& what);

/// What one.<pool>.info takes besides the session.
struct ListWindow {
  std::int64_t filter = -2;
  std::int64_t start = -1;
  std::int64_t end = -1;
};

}  // namespace neph::api
