#pragma once

#include <string_view>
#include <vector>

#include "access/locks.h"
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
/// The inside of SNAPSHOTS: restore points of a disk or an image. \param disk  unset for an image's
void write_restore_points(text::XmlWriter& xml, const RestorePoints& points, DiskId disk);
void write_permissions(text::XmlWriter& xml, access::Permissions permissions);
/// LOCK; nothing where there is none.
void write_lock(text::XmlWriter& xml, const access::Lock& lock);
/// SCHED_ACTIONS, the ids.
void write_schedule_ids(text::XmlWriter& xml, const std::vector<compute::ScheduledAction>& plan);
/// TEMPLATE. Scheduled actions come last, as in the schema; among attributes they would be sorted
/// by name.
void write_planned_template(text::XmlWriter& xml, const text::Template& shown,
                            const std::vector<compute::ScheduledAction>& plan);
/// DATASTORE_QUOTA NETWORK_QUOTA VM_QUOTA IMAGE_QUOTA.
void write_quotas(text::XmlWriter& xml, const std::vector<access::QuotaUse>& quotas);
/// The limits of who has none of his own.
void write_default_quotas(text::XmlWriter& xml, std::string_view tag,
                          const std::vector<access::QuotaUse>& quotas);

}  // namespace neph::view
