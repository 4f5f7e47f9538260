#include "api/internal/methods.h"

#include "api/internal/object_name.h"
#include "compute/vm_template.h"
#include "network/network_template.h"
#include "network/security_group.h"
#include "site/document.h"
#include "site/hook.h"
#include "site/vdc.h"
#include "site/vm_group.h"
#include "site/zone.h"
#include "snapshots/backup_jobs.h"
#include "text/xml_writer.h"

namespace neph::api {
namespace {

access::Subject subject_of(const access::User& user) {
  return {access::Resource::kUser, user.id.value, user.name, user.id, user.group,
          access::Permissions{0600}, {}};
}

/// A group has no owner; its members may see it.
access::Subject subject_of(const access::Group& group) {
  return {access::Resource::kGroup, group.id.value, group.name, UserId{}, group.id,
          access::Permissions{0040}, {}};
}

template <class Object>
Result<access::Subject> as_subject(const Result<Object>& object) {
  if (!object) return tl::unexpected(object.error());
  return subject_of(*object);
}

Result<access::Subject> find_in_view(Call& call, ObjectKind kind, std::int64_t id) {
  return TRY(call.view().find(kind, id))->subject;
}

Result<access::Subject> find_in_rows(Call& call, ObjectKind kind, std::int64_t id) {
  db::Txn& txn = call.txn();
  switch (kind) {
    case ObjectKind::kVm: return as_subject(compute::find_vm(txn, VmId{id}));
    case ObjectKind::kHost: return as_subject(compute::find_host(txn, HostId{id}));
    case ObjectKind::kCluster: return as_subject(compute::find_cluster(txn, ClusterId{id}));
    case ObjectKind::kTemplate: return as_subject(compute::find_template(txn, TemplateId{id}));
    case ObjectKind::kImage: return as_subject(datastore::find_image(txn, ImageId{id}));
    case ObjectKind::kDatastore:
      return as_subject(datastore::find_datastore(txn, DatastoreId{id}));
    case ObjectKind::kNetwork: return as_subject(network::find_network(txn, NetworkId{id}));
    case ObjectKind::kSecurityGroup:
      return as_subject(network::find_security_group(txn, SecurityGroupId{id}));
    case ObjectKind::kUser: return as_subject(access::find_user(txn, UserId{id}));
    case ObjectKind::kGroup: return as_subject(access::find_group(txn, GroupId{id}));
    case ObjectKind::kDocument: return as_subject(site::find_document(txn, DocumentId{id}));
    case ObjectKind::kVdc: return as_subject(site::find_vdc(txn, VdcId{id}));
    case ObjectKind::kVmGroup: return as_subject(site::find_vm_group(txn, VmGroupId{id}));
    case ObjectKind::kHook: return as_subject(site::find_hook(txn, HookId{id}));
    case ObjectKind::kNetworkTemplate:
      return as_subject(network::find_network_template(txn, NetworkTemplateId{id}));
    case ObjectKind::kBackupJob:
      return as_subject(snapshots::find_backup_job(txn, BackupJobId{id}));
    case ObjectKind::kZone: return site::find_zone_subject(txn, id);
    case ObjectKind::kAcl:
    case ObjectKind::kShowback:
    case ObjectKind::kSnapshot:
    case ObjectKind::kJob:
    case ObjectKind::kQuota: return find_in_view(call, kind, id);
  }
  return find_in_view(call, kind, id);
}

Result<access::Subject> find_subject(Call& call, ObjectKind kind, std::int64_t id) {
  auto subject = call.has_txn() ? find_in_rows(call, kind, id) : find_in_view(call, kind, id);
  if (!subject && subject.error().code == Errc::kNotFound) {
    return fail(Errc::kNotFound, "Error getting {} [{}].", object_name(kind), id);
  }
  return subject;
}

Result<void> authorize(Call& call, access::Op op, const access::Subject& subject) {
  if (call.has_txn()) return access::authorize(call.txn(), call.actor(), op, subject);
  return access::authorize(call.actor(), op, subject, call.view().acls);
}

}  // namespace

Result<void> need(Call& call, access::Op op, ObjectKind kind, std::int64_t id) {
  return authorize(call, op, TRY(find_subject(call, kind, id)));
}

Result<void> need_despite_lock(Call& call, access::Op op, ObjectKind kind, std::int64_t id) {
  return access::authorize_despite_lock(call.txn(), call.actor(), op,
                                        TRY(find_subject(call, kind, id)));
}

Result<access::Subject> subject_of(Call& call, ObjectKind kind, std::int64_t id) {
  return find_subject(call, kind, id);
}

Result<void> need(Call& call, access::Op op, const access::Subject& subject) {
  return authorize(call, op, subject);
}

Result<void> need_chown(Call& call, ObjectKind kind, std::int64_t id, UserId user,
                        GroupId group) {
  const auto subject = TRY(find_subject(call, kind, id));
  CHECK_OK(authorize(call, access::Op::kManage, subject));
  if (user.is_set() && user != subject.owner) {
    CHECK_OK(need(call, access::Op::kManage, ObjectKind::kUser, user));
  }
  if (group.is_set() && group != subject.group) {
    CHECK_OK(need(call, access::Op::kUse, ObjectKind::kGroup, group));
  }
  return {};
}

Result<void> need_all(Call& call, access::Op op, access::Resource resource) {
  access::Subject all;
  all.kind = resource;
  // Nobody owns all of them, so that rules alone can allow it.
  all.permissions = access::Permissions{0};
  return authorize(call, op, all);
}

Result<void> need_create(Call& call, access::Resource resource) {
  access::Subject fresh;
  fresh.kind = resource;
  // What the caller makes belongs to his group, so a rule about that group counts.
  fresh.group = call.actor().group;
  fresh.permissions = access::Permissions{0};
  return authorize(call, access::Op::kCreate, fresh);
}

Result<void> need_admin(Call& call) {
  if (call.actor().is_admin()) return {};
  return fail(Errc::kDenied, "Only members of group 0 may do this.");
}

EscapedText as_document(std::string_view xml) { return {text::xml_escaped(xml)}; }

Result<EscapedText> show(Call& call, ObjectKind kind, std::int64_t id) {
  const auto entry = call.view().find(kind, id);
  if (!entry) return fail(Errc::kNotFound, "Error getting {} [{}].", object_name(kind), id);
  CHECK_OK(access::authorize(call.actor(), access::Op::kUse, (*entry)->subject, call.view().acls));
  return as_document(call.services().publisher.with_progress(**entry));
}

Result<EscapedText> list(Call& call, ObjectKind kind, std::string_view tag,
                         const view::ListAsk& ask) {
  const auto entries = TRY(view::select(call.view(), kind, call.actor(), ask));
  std::string_view ending;
  if (kind == ObjectKind::kUser) ending = call.view().default_user_quotas;
  if (kind == ObjectKind::kGroup) ending = call.view().default_group_quotas;
  return as_document(view::pool_document(tag, entries, ask.is_full, ending, call.view().samples));
}

Result<bool> is_append(std::int64_t update_type) {
  if (update_type == 0 || update_type == 1) return update_type == 1;
  return fail(Errc::kInvalid, "Wrong update type {}: 0 replaces, 1 merges", update_type);
}

}  // namespace neph::api
