#pragma once

#include <fmt/format.h>

#include <compare>
#include <cstdint>
#include <functional>

/// Ids that the compiler tells apart. -1 is "none", as on OpenNebula's wire.
namespace neph {

template <class Tag>
struct Id {
  std::int64_t value = -1;

  constexpr Id() = default;
  constexpr explicit Id(std::int64_t number) : value(number) {}
  [[nodiscard]] constexpr bool is_set() const { return value >= 0; }
  friend constexpr auto operator<=>(Id, Id) = default;
};

using UserId = Id<struct UserTag>;
using GroupId = Id<struct GroupTag>;
using AclId = Id<struct AclTag>;
using ClusterId = Id<struct ClusterTag>;
using HostId = Id<struct HostTag>;
using DatastoreId = Id<struct DatastoreTag>;
using ImageId = Id<struct ImageTag>;
using TemplateId = Id<struct TemplateTag>;
using VmId = Id<struct VmTag>;
using DiskId = Id<struct DiskTag>;  ///< number of a disk within its VM
using NicId = Id<struct NicTag>;    ///< number of a NIC within its VM
using NetworkId = Id<struct NetworkTag>;
using NetworkTemplateId = Id<struct NetworkTemplateTag>;
using AddressRangeId = Id<struct AddressRangeTag>;  ///< number of a range within its network
using SecurityGroupId = Id<struct SecurityGroupTag>;
using SnapshotId = Id<struct SnapshotTag>;
using JobId = Id<struct JobTag>;
using BackupJobId = Id<struct BackupJobTag>;
using DocumentId = Id<struct DocumentTag>;
using VdcId = Id<struct VdcTag>;
using VmGroupId = Id<struct VmGroupTag>;
using HookId = Id<struct HookTag>;

/// Every kind of object a transaction can touch. Reaches the event log: append-only.
enum class ObjectKind {
  kUser = 1,
  kGroup = 2,
  kAcl = 3,
  kCluster = 4,
  kHost = 5,
  kDatastore = 6,
  kImage = 7,
  kTemplate = 8,
  kVm = 9,
  kSnapshot = 10,
  kJob = 11,
  kQuota = 12,
  kNetwork = 13,
  kSecurityGroup = 14,
  kDocument = 20,
  kVdc = 21,
  kVmGroup = 22,
  kHook = 23,
  kNetworkTemplate = 24,
  kZone = 25,      ///< its id is 0
  kShowback = 26,  ///< what all VMs cost, as one object
  kBackupJob = 27,
};

}  // namespace neph

template <class Tag>
struct std::hash<neph::Id<Tag>> {
  std::size_t operator()(neph::Id<Tag> id) const noexcept {
    return std::hash<std::int64_t>{}(id.value);
  }
};

template <class Tag>
struct fmt::formatter<neph::Id<Tag>> : fmt::formatter<std::int64_t> {
  template <class Context>
  auto format(neph::Id<Tag> id, Context& context) const {
    return fmt::formatter<std::int64_t>::format(id.value, context);
  }
};
