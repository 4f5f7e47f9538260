#pragma once

#include <string>

#include "network/network.h"
#include "network/network_template.h"
#include "network/settings.h"

/// What one.vn.* does. Rights on existing networks are the caller's business, as are rights of
/// cluster and new owner. Store lane; each function touches what it changes.
namespace neph::network {

class NetworkService {
 public:
  explicit NetworkService(Settings settings = {}) : settings_(std::move(settings)) {}

  /// NAME, VN_MAD, BRIDGE ..., any number of AR. One whose SIZE no range can have leaves the
  /// network in ERROR, without ranges. Checks CREATE NET itself; SECURITY_GROUPS is 0
  /// unless written, the cluster the default one unless set.
  /// \returns kDenied, kInvalid, kNotFound (cluster, security group), kConflict (name)
  Result<NetworkId> allocate(db::Txn& txn, const access::Actor& actor, const text::Template& ask,
                             ClusterId cluster) const;
  struct Instance {
    NetworkTemplateId made_from;
    std::string name;       ///< empty: NAME of `extra`
    text::Template extra;   ///< replaces attributes of the template
  };
  /// A network of the caller's as a template says, in the clusters of its CLUSTER_IDS. Needs no
  /// right to create networks: who made the template decides who may use it.
  /// \returns as allocate(), also kDenied for a restricted attribute of `extra`
  Result<NetworkId> instantiate(db::Txn& txn, const access::Actor& actor,
                                const Instance& ask) const;
  /// What leads a network out of ERROR (numbers of one.vn.recover). Nothing on a host is missing,
  /// so kFailure and kRetry find what was found before, and leave it there.
  enum class Recover { kFailure = 0, kSuccess = 1, kDelete = 2, kRetry = 3 };
  /// kSuccess: READY, without the ranges that could not be made.
  /// \returns kWrongState when it is READY
  Result<void> recover(db::Txn& txn, NetworkId id, Recover how) const;
  /// A reservation gives its addresses back.
  /// \returns kWrongState naming who has leases or reservations
  Result<void> remove(db::Txn& txn, NetworkId id) const;

  struct Change {
    NetworkId id;
    text::Template change;
    bool is_append = false;  ///< merged; else it is the whole template from now on
  };
  /// What is not written of VN_MAD, BRIDGE, PHYDEV, VLAN_ID and the like stays. NICs keep what they
  /// have: when it differs from now on, their leases are outdated.
  /// \returns kDenied for a restricted attribute, kInvalid, kNotFound (security group)
  Result<void> update(db::Txn& txn, const access::Actor& actor, const Change& ask) const;
  Result<void> rename(db::Txn& txn, NetworkId id, const std::string& name) const;
  Result<void> chmod(db::Txn& txn, NetworkId id, access::Permissions permissions) const;
  /// An unset id keeps the user or the group. \returns kDenied for a quota of the new owner
  Result<void> chown(db::Txn& txn, NetworkId id, UserId user, GroupId group) const;

  /// Adds every AR of the template. \returns kInvalid, kConflict with an address there is, kDenied
  Result<void> add_ranges(db::Txn& txn, const access::Actor& actor, NetworkId id,
                          const text::Template& ask) const;
  /// The AR that AR_ID names: SIZE, prefixes and further attributes, all of them anew.
  /// \returns kWrongState when leases would be cut off, kInvalid, kDenied
  Result<void> update_range(db::Txn& txn, const access::Actor& actor, NetworkId id,
                            const text::Template& ask) const;
  /// `Held::kDropped` also removes a range with addresses on hold; leases of VMs and reservations
  /// forbid it always. The range of a reservation goes back to its parent.
  enum class Held { kForbids, kDropped };
  Result<void> remove_range(db::Txn& txn, NetworkId id, AddressRangeId range, Held held) const;
  /// As remove_range() for the range of a reservation. \returns kInvalid for other ranges
  Result<void> free_range(db::Txn& txn, NetworkId id, AddressRangeId range) const;

  /// SIZE addresses of network `parent`, of AR_ID, from IP, IP6 or MAC on where these are written,
  /// for a new network NAME of the caller or for his reservation NETWORK_ID, for which he needs
  /// MANAGE. \returns the network with the reservation; kDenied (quota, right), kInvalid, kConflict
  Result<NetworkId> reserve(db::Txn& txn, const access::Actor& actor, NetworkId parent,
                            const text::Template& ask) const;
  /// LEASES = [ IP = ..., or IP6, or MAC, and AR_ID where several ranges have it ].
  /// \returns kInvalid for an address that is not there, kConflict for one that is not free
  Result<void> hold(db::Txn& txn, NetworkId id, const text::Template& ask) const;
  /// \returns kInvalid for an address that is not on hold
  Result<void> release(db::Txn& txn, NetworkId id, const text::Template& ask) const;

  Result<void> add_to_cluster(db::Txn& txn, NetworkId id, ClusterId cluster) const;
  /// \returns kWrongState when it is not in it, or VMs on its hosts use the network
  Result<void> remove_from_cluster(db::Txn& txn, NetworkId id, ClusterId cluster) const;

  [[nodiscard]] const Settings& settings() const { return settings_; }

 private:
  Result<NetworkId> make(db::Txn& txn, const access::Actor& actor, const text::Template& ask,
                         const std::vector<ClusterId>& clusters) const;

  Settings settings_;
};

}  // namespace neph::network
