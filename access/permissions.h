#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

/// Who may do what: permission bits, ACL rules, actors. Facts: OpenNebula 7.4, states.md 6 and 7.
/// Value types and pure functions, for any thread.
namespace neph::access {

/// The bits of an ACL rule's right, and of one digit of permissions read the other way round.
enum class Op { kUse = 1, kManage = 2, kAdmin = 4, kCreate = 8 };
[[nodiscard]] std::string_view name_of(Op op);

/// The resource bits of ACL rules.
enum class Resource : std::int64_t {
  kVm = 0x10'0000'0000,
  kHost = 0x20'0000'0000,
  kNet = 0x40'0000'0000,
  kImage = 0x80'0000'0000,
  kUser = 0x100'0000'0000,
  kTemplate = 0x200'0000'0000,
  kGroup = 0x400'0000'0000,
  kAcl = 0x800'0000'0000,
  kDatastore = 0x1000'0000'0000,
  kCluster = 0x2000'0000'0000,
  kDocument = 0x4000'0000'0000,
  kZone = 0x8000'0000'0000,
  kSecurityGroup = 0x1'0000'0000'0000,
  kVdc = 0x2'0000'0000'0000,
  kVirtualRouter = 0x4'0000'0000'0000,
  kMarketplace = 0x8'0000'0000'0000,
  kMarketplaceApp = 0x10'0000'0000'0000,
  kVmGroup = 0x20'0000'0000'0000,
  kNetworkTemplate = 0x40'0000'0000'0000,
  kHook = 0x80'0000'0000'0000,  ///< in no rule
  kBackupJob = 0x100'0000'0000'0000,
};
[[nodiscard]] std::string_view name_of(Resource resource);  ///< "VM", "NET" ..., as in ACL text

/// Nine bits, as `chmod` reads them: owner, group, other; in each use 4, manage 2, admin 1.
struct Permissions {
  int bits = 0600;
  [[nodiscard]] bool owner(Op op) const { return has(6, op); }
  [[nodiscard]] bool group(Op op) const { return has(3, op); }
  [[nodiscard]] bool other(Op op) const { return has(0, op); }
  friend bool operator==(Permissions, Permissions) = default;

 private:
  [[nodiscard]] bool has(int shift, Op op) const {
    const int bit = op == Op::kUse ? 4 : op == Op::kManage ? 2 : op == Op::kAdmin ? 1 : 0;
    return ((bits >> shift) & bit) != 0;
  }
};

/// Who calls.
struct Actor {
  UserId user;
  std::string name;
  GroupId group;
  std::string group_name;
  std::vector<GroupId> groups;  ///< the primary one among them
  int umask = 0177;
  /// User 0 and the members of group 0 pass every check but locks.
  [[nodiscard]] bool is_admin() const;
  [[nodiscard]] bool is_in(GroupId id) const;
};

/// What is being touched.
struct Subject {
  Resource kind = Resource::kVm;
  std::int64_t id = -1;       ///< -1: none yet (CREATE)
  std::string name;           ///< for the refusal's words, may be empty
  UserId owner;
  GroupId group;
  Permissions permissions;
  std::vector<ClusterId> clusters;
};

struct AclRule {
  AclId id;
  std::int64_t user = 0;
  std::int64_t resource = 0;
  std::int64_t rights = 0;
  std::int64_t zone = 0;
};
/// "@1 VM+IMAGE/* CREATE *".
[[nodiscard]] std::string to_text(const AclRule& rule);

/// \returns kDenied: "Not authorized to perform MANAGE VM [3]." and what would be needed
[[nodiscard]] Result<void> authorize(const Actor& actor, Op op, const Subject& subject,
                                     const std::vector<AclRule>& rules);

/// What a new object of this caller may be used for: 0777 for administrators, else 0666, without
/// the bits of the umask.
[[nodiscard]] Permissions initial_permissions(const Actor& actor);

/// The nine values of one.*.chmod: -1 keeps, 0 clears, 1 sets.
struct PermissionChange {
  std::vector<std::int64_t> bits;  ///< nine, in reading order
};
/// \returns kInvalid for other numbers
[[nodiscard]] Result<Permissions> apply(Permissions old, const PermissionChange& change);
/// kAdmin when an admin bit really changes, else kManage: octal forms of chmod send all nine.
[[nodiscard]] Op right_needed(Permissions old, const PermissionChange& change);

}  // namespace neph::access
