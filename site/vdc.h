#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "access/permissions.h"
#include "db/database.h"
#include "site/zone.h"
#include "text/template.h"

/// Virtual data centers: which groups use which clusters, hosts, datastores and networks. What
/// that means stands in ACL rules, made and removed with it; a rule that two VDCs need stays until
/// neither needs it. Store lane; rights are the caller's business. Facts: OpenNebula 7.4
/// (auth.md 7).
namespace neph::site {

enum class VdcKind { kCluster = 1, kHost = 2, kDatastore = 3, kNetwork = 4 };

/// Every object of a kind, as the id of a resource.
inline constexpr std::int64_t kAllOfZone = -10;
/// Every new group joins it.
inline constexpr VdcId kDefaultVdc{0};

struct VdcResource {
  VdcKind kind = VdcKind::kCluster;
  std::int64_t zone = kThisZone;
  std::int64_t object = kAllOfZone;
  friend auto operator<=>(const VdcResource&, const VdcResource&) = default;
};

struct Vdc {
  VdcId id;
  std::string name;
  std::vector<GroupId> groups;
  std::vector<VdcResource> resources;  ///< by kind, then id
  text::Template attributes;
};

/// The rights that groups get, as bits of ACL rules; 0 makes no rule. Configuration DEFAULT_VDC_*.
struct VdcRights {
  std::int64_t host = static_cast<std::int64_t>(access::Op::kManage);
  std::int64_t network = static_cast<std::int64_t>(access::Op::kUse);
  std::int64_t datastore = static_cast<std::int64_t>(access::Op::kUse);
  std::int64_t cluster_host = static_cast<std::int64_t>(access::Op::kManage);
  std::int64_t cluster_network = static_cast<std::int64_t>(access::Op::kUse);
  std::int64_t cluster_datastore = static_cast<std::int64_t>(access::Op::kUse);
};

[[nodiscard]] Result<Vdc> find_vdc(db::Txn& txn, VdcId id);
[[nodiscard]] std::vector<VdcId> list_vdcs(db::Txn& txn);
[[nodiscard]] access::Subject subject_of(const Vdc& vdc);

/// NAME of the template is its name; the first one has id 100. \returns kInvalid, kConflict (name)
[[nodiscard]] Result<VdcId> create_vdc(db::Txn& txn, const text::Template& ask);
/// With its rules. \returns kWrongState for the default one
Result<void> delete_vdc(db::Txn& txn, const VdcRights& rights, VdcId id);
Result<void> rename_vdc(db::Txn& txn, VdcId id, const std::string& name);
Result<void> update_vdc(db::Txn& txn, VdcId id, const text::Template& change, bool is_append);

/// \returns kConflict when it is in the VDC already
Result<void> add_group(db::Txn& txn, const VdcRights& rights, VdcId id, GroupId group);
/// \returns kInvalid when it is not in the VDC
Result<void> remove_group(db::Txn& txn, const VdcRights& rights, VdcId id, GroupId group);
/// All of a zone stands for the single ones, which leave the VDC. Whether the object is there is
/// the caller's question.
/// \returns kNotFound for another zone, kConflict when the VDC has it already
Result<void> add_resource(db::Txn& txn, const VdcRights& rights, VdcId id,
                          const VdcResource& resource);
/// \returns kInvalid when the VDC has it not
Result<void> remove_resource(db::Txn& txn, const VdcRights& rights, VdcId id,
                             const VdcResource& resource);

/// An object is about to be deleted: it leaves all VDCs, and the rules about it go.
Result<void> forget_resource(db::Txn& txn, const VdcRights& rights, VdcKind kind,
                             std::int64_t object);
/// A group is about to be deleted: VDCs no longer show it.
void forget_group(db::Txn& txn, GroupId group);

/// Puts group 1 into the default VDC; part of the daemon's first start.
void bootstrap_vdcs(db::Txn& txn);

}  // namespace neph::site
