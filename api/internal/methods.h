#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "api/call.h"

/// The rows of methods/*.cpp, and what their handlers share.
namespace neph::api {

void add_system_methods(Registry<Call>& registry);
void add_user_methods(Registry<Call>& registry);
void add_group_methods(Registry<Call>& registry);
void add_acl_methods(Registry<Call>& registry);
void add_zone_methods(Registry<Call>& registry);
void add_host_methods(Registry<Call>& registry);
void add_cluster_methods(Registry<Call>& registry);
void add_datastore_methods(Registry<Call>& registry);
void add_image_methods(Registry<Call>& registry);
void add_network_methods(Registry<Call>& registry);
void add_network_template_methods(Registry<Call>& registry);
void add_security_group_methods(Registry<Call>& registry);
void add_template_methods(Registry<Call>& registry);
void add_vm_methods(Registry<Call>& registry);
void add_vm_change_methods(Registry<Call>& registry);
/// Monitoring, accounting, and sets of VMs.
void add_record_methods(Registry<Call>& registry);
/// What VMs cost.
void add_showback_methods(Registry<Call>& registry);
void add_schedule_methods(Registry<Call>& registry);
void add_snapshot_methods(Registry<Call>& registry);
void add_backup_methods(Registry<Call>& registry);
void add_backup_job_methods(Registry<Call>& registry);
void add_job_methods(Registry<Call>& registry);
void add_disk_methods(Registry<Call>& registry);
/// What looks after the site as a whole: checks and backups.
void add_check_methods(Registry<Call>& registry);
void add_document_methods(Registry<Call>& registry);
void add_vdc_methods(Registry<Call>& registry);
void add_vm_group_methods(Registry<Call>& registry);
void add_market_methods(Registry<Call>& registry);
/// OpenNebula's methods that nothing here stands behind, unless somebody has added them before.
void add_methods_not_provided(Registry<Call>& registry);
void add_hook_methods(Registry<Call>& registry);
/// Pools of objects that there are none of.
void add_empty_pool_methods(Registry<Call>& registry);

/// Whether the caller has the right on an object. Looks at the rows where there is a transaction,
/// else at the view. \returns kNotFound or kDenied
[[nodiscard]] Result<void> need(Call& call, access::Op op, ObjectKind kind, std::int64_t id);
template <class Tag>
[[nodiscard]] Result<void> need(Call& call, access::Op op, ObjectKind kind, Id<Tag> id) {
  return need(call, op, kind, id.value);
}
/// The right on an object, locked or not: for what no lock stops. \pre a method that writes
[[nodiscard]] Result<void> need_despite_lock(Call& call, access::Op op, ObjectKind kind,
                                             std::int64_t id);
/// What rights on an object are judged by. \returns kNotFound
[[nodiscard]] Result<access::Subject> subject_of(Call& call, ObjectKind kind, std::int64_t id);
/// What one.*.chown asks for: MANAGE of the object, MANAGE of another owner, USE of another group;
/// unset ids keep what there is. \pre a method that writes
[[nodiscard]] Result<void> need_chown(Call& call, ObjectKind kind, std::int64_t id, UserId user,
                                      GroupId group);
/// The right on something that is no row, such as the zone.
[[nodiscard]] Result<void> need(Call& call, access::Op op, const access::Subject& subject);
/// The right on all objects of a kind.
[[nodiscard]] Result<void> need_all(Call& call, access::Op op, access::Resource resource);
/// CREATE of a kind of object.
[[nodiscard]] Result<void> need_create(Call& call, access::Resource resource);
[[nodiscard]] Result<void> need_admin(Call& call);

// What .needs() of a row takes.

/// The right on the VM, for arguments with a field `vm`.
template <access::Op op>
inline constexpr auto on_vm = [](Call& call, const auto& ask) {
  return need(call, op, ObjectKind::kVm, ask.vm);
};
template <access::Resource resource>
inline constexpr auto may_create = [](Call& call, const auto&) {
  return need_create(call, resource);
};
inline constexpr auto only_admins = [](Call& call, const auto&) { return need_admin(call); };

/// The nine bits of a chmod's arguments, in reading order.
template <class Chmod>
[[nodiscard]] access::PermissionChange change_of(const Chmod& ask) {
  return {{ask.owner_use, ask.owner_manage, ask.owner_admin, ask.group_use, ask.group_manage,
           ask.group_admin, ask.other_use, ask.other_manage, ask.other_admin}};
}
/// XML, as a result: escaped once more, because it travels inside of XML.
[[nodiscard]] EscapedText as_document(std::string_view xml);
/// Document of one object the caller may USE.
[[nodiscard]] Result<EscapedText> show(Call& call, ObjectKind kind, std::int64_t id);
/// Document of a pool.
[[nodiscard]] Result<EscapedText> list(Call& call, ObjectKind kind, std::string_view tag,
                                       const view::ListAsk& ask);
/// one.*.update: 0 replaces, 1 merges. \returns kInvalid for other numbers
[[nodiscard]] Result<bool> is_append(std::int64_t update_type);

}  // namespace neph::api
