#pragma once

#include <string_view>
#include <vector>

#include "access/permissions.h"
#include "access/quota.h"
#include "text/xml_writer.h"
#include "view/internal/documents.h"

/// Blocks that several documents share, in the order of OpenNebula's schemas.
namespace neph::view {

template <class Tag>
[[nodiscard]] std::vector<std::int64_t> numbers_of(const std::vector<Id<Tag>>& ids) {
  std::vector<std::int64_t> numbers;
  numbers.reserve(ids.size());
  for (const auto id : ids) numbers.push_back(id.value);
  return numbers;
}

/// UID GID UNAME GNAME NAME.
struct Owner {
  UserId user;
  GroupId group;
  const Ownership& names;
  std::string_view name;  ///< of the object
};
void write_owner(text::XmlWriter& xml, const Owner& owner);
void write_permissions(text::XmlWriter& xml, access::Permissions permissions);
/// DATASTORE_QUOTA NETWORK_QUOTA VM_QUOTA IMAGE_QUOTA.
void write_quotas(text::XmlWriter& xml, const std::vector<access::QuotaUse>& quotas);
/// Default quotas, of which there are none.
void write_default_quotas(text::XmlWriter& xml, std::string_view tag);

}  // namespace neph::view
