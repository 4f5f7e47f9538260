#include <array>

#include "access/directory.h"
#include "access/quota.h"
#include "access/restricted_attributes.h"
#include "base/numbers.h"
#include "db/counters.h"
#include "network/internal/holders.h"
#include "network/internal/lease_rows.h"
#include "network/internal/network_rows.h"
#include "network/internal/read_network.h"
#include "network/internal/read_range.h"
#include "network/network_service.h"

namespace neph::network {
namespace {

/// Every address of a reservation is a row.
constexpr std::int64_t kReservedMax = 65'536;

/// Where somebody wants addresses: any of the keys, each at most once.
struct Wanted {
  std::optional<AddressRangeId> range;
  std::optional<Ip4> ip;
  std::optional<Ip6> ip6;
  std::optional<Mac> mac;
  [[nodiscard]] bool has_address() const { return ip || ip6 || mac; }
};

template <class Any>
Result<std::optional<Any>> address_from(std::string_view key, const std::string& text) {
  if (text.empty()) return std::optional<Any>{};
  const auto address = Any::parse(text);
  if (address) return address;
  return fail(Errc::kInvalid, "{} = \"{}\" is no address", key, text);
}

/// Of a template or a vector, which both have get().
template <class Source>
Result<Wanted> wanted_from(const Source& ask) {
  Wanted wanted;
  if (const std::string id = ask.get("AR_ID"); !id.empty()) {
    const auto number = natural_from(id);
    if (!number) return fail(Errc::kInvalid, "AR_ID = \"{}\" is no id", id);
    wanted.range = AddressRangeId{*number};
  }
  wanted.ip = TRY(address_from<Ip4>("IP", ask.get("IP")));
  wanted.ip6 = TRY(address_from<Ip6>("IP6", ask.get("IP6")));
  wanted.mac = TRY(address_from<Mac>("MAC", ask.get("MAC")));
  return wanted;
}

struct Run {
  AddressRange range;
  std::int64_t position = 0;
};

/// The position of an address; it may be taken.
Result<Run> find_place(db::Txn& txn, NetworkId id, const Wanted& wanted) {
  for (const auto& range : list_ranges(txn, id)) {
    if (wanted.range && range.id != *wanted.range) continue;
    const auto position = wanted.ip    ? range.find(*wanted.ip)
                          : wanted.ip6 ? range.find(*wanted.ip6)
                                       : range.find(*wanted.mac);
    if (position) return Run{range, *position};
  }
  return fail(Errc::kInvalid, "Virtual network [{}] has no address {}{}", id,
              wanted.ip    ? wanted.ip->text()
              : wanted.ip6 ? wanted.ip6->text()
                           : wanted.mac->text(),
              wanted.range ? fmt::format(" in address range {}", *wanted.range) : "");
}

/// The address that LEASES names.
Result<Run> leased_place(db::Txn& txn, NetworkId id, const text::Template& ask) {
  CHECK_OK(find_network(txn, id));
  const auto* leases = ask.find_vector("LEASES");
  if (leases == nullptr)
    return fail(Errc::kInvalid, "There is no LEASES in the template, LEASES = [ IP = ... ]");
  const auto wanted = TRY(wanted_from(*leases));
  if (!wanted.has_address())
    return fail(Errc::kInvalid, "LEASES names no address: it needs IP, IP6 or MAC");
  return find_place(txn, id, wanted);
}

/// So many free addresses in a row.
Result<Run> free_place(db::Txn& txn, NetworkId id, const Wanted& wanted, std::int64_t count) {
  if (wanted.has_address()) {
    auto place = TRY(find_place(txn, id, wanted));
    const auto taken = find_taken(txn, place.range, place.position, count);
    if (!taken && place.position + count <= place.range.size) return place;
    return fail(Errc::kConflict, "Virtual network [{}] has no {} free addresses from there on", id,
                count);
  }
  for (const auto& range : list_ranges(txn, id)) {
    if (wanted.range && range.id != *wanted.range) continue;
    if (const auto position = find_free(txn, range, count)) return Run{range, *position};
  }
  return fail(Errc::kConflict, "Virtual network [{}] has no {} free addresses in a row", id, count);
}

Result<std::int64_t> size_from(const text::Template& ask) {
  const std::string text = ask.get("SIZE");
  const auto size = natural_from(text);
  if (size && *size >= 1 && *size <= kReservedMax) return *size;
  return fail(Errc::kInvalid, "SIZE = \"{}\" is not a number from 1 to {}", text, kReservedMax);
}

/// A network of the caller's own that is like its parent but for what he writes.
Result<Network> new_reservation(db::Txn& txn, const access::Actor& actor, const Network& parent,
                                const text::Template& ask) {
  static constexpr auto kAskKeys = std::to_array<std::string_view>(
      {"NAME", "SIZE", "NETWORK_ID", "AR_ID", "IP", "IP6", "MAC"});
  Network network = parent;
  network.name = ask.get("NAME");
  CHECK_OK(access::check_name("virtual network", network.name));
  if (const auto other = find_network_by_name(txn, actor.user, network.name))
    return fail(Errc::kConflict, "NAME is already taken by NET {}.", *other);
  text::Template change = ask;
  for (const auto key : kAskKeys) change.erase(key);
  text::Template whole = shown_template(parent);
  whole.merge(change);
  CHECK_OK(apply_written(txn, whole, network));
  network.id = db::take_id<NetworkId>(txn, "network");
  network.parent = parent.id;
  network.owner = actor.user;
  network.group = actor.group;
  network.permissions = access::initial_permissions(actor);
  insert_network(txn, network);
  for (const auto cluster : parent.clusters) join_cluster(txn, network.id, cluster);
  return network;
}

/// The reservation that more is to be added to.
Result<Network> old_reservation(db::Txn& txn, const access::Actor& actor, const Network& parent,
                                const std::string& id) {
  const auto number = natural_from(id);
  if (!number) return fail(Errc::kInvalid, "NETWORK_ID = \"{}\" is no id", id);
  const auto network = TRY(find_network(txn, NetworkId{*number}));
  CHECK_OK(access::authorize(txn, actor, access::Op::kManage, subject_of(network)));
  if (network.parent == parent.id) return network;
  return fail(Errc::kInvalid, "Virtual network [{}] is no reservation of network {}", network.id,
              parent.id);
}

void insert_reserved(db::Txn& txn, const Network& network, const Run& place,
                     std::int64_t count) {
  const Address first = place.range.at(place.position);
  AddressRange range = place.range;
  range.network = network.id;
  range.id = next_range_id(txn, network.id);
  range.size = count;
  range.mac = first.mac;
  range.ip = first.ip;
  range.ip6 = first.ip6;
  range.next_free = 0;
  range.parent_range = place.range.id;
  range.parent_position = place.position;
  insert_range(txn, range);
  Lease lease;
  lease.position = place.position;
  lease.kind = LeaseKind::kReserved;
  lease.reservation = network.id;
  insert_leases(txn, place.range, lease, count);
}

}  // namespace

Result<NetworkId> NetworkService::reserve(db::Txn& txn, const access::Actor& actor,
                                          NetworkId parent_id, const text::Template& ask) const {
  const auto parent = TRY(find_network(txn, parent_id));
  if (parent.parent.is_set()) {
    return fail(Errc::kWrongState, "Cannot reserve addresses of network {}: it is a reservation",
                parent_id);
  }
  CHECK_OK(access::check_restricted_attributes(actor, settings_.restricted_attributes, ask, {},
                                               "Template"));
  const std::int64_t size = TRY(size_from(ask));
  const auto place = TRY(free_place(txn, parent_id, TRY(wanted_from(ask)), size));
  const std::string old = ask.get("NETWORK_ID");
  const auto network = old.empty() ? TRY(new_reservation(txn, actor, parent, ask))
                                   : TRY(old_reservation(txn, actor, parent, old));
  CHECK_OK(access::check_quota(txn, network.owner, network.group,
                               {{"NETWORK", fmt::format("{}", parent_id), "LEASES",
                                 static_cast<double>(size)}}));
  insert_reserved(txn, network, place, size);
  return network.id;
}

Result<void> NetworkService::hold(db::Txn& txn, NetworkId id, const text::Template& ask) const {
  const auto place = TRY(leased_place(txn, id, ask));
  if (const auto lease = find_lease(txn, place.range, place.position)) {
    return fail(Errc::kConflict, "Address {} of virtual network [{}] is {}",
                place.range.at(place.position).mac.text(), id, holder_of(*lease));
  }
  const auto network = TRY(find_network(txn, id));
  CHECK_OK(access::check_quota(txn, network.owner, network.group,
                               {{"NETWORK", fmt::format("{}", id), "LEASES", 1}}));
  Lease lease;
  lease.network = id;
  lease.position = place.position;
  lease.kind = LeaseKind::kHeld;
  insert_leases(txn, place.range, lease);
  return {};
}

Result<void> NetworkService::release(db::Txn& txn, NetworkId id, const text::Template& ask) const {
  const auto place = TRY(leased_place(txn, id, ask));
  const auto lease = find_lease(txn, place.range, place.position);
  if (lease && lease->kind == LeaseKind::kHeld) {
    delete_leases(txn, *lease);
    return {};
  }
  return fail(Errc::kInvalid, "Address {} of virtual network [{}] is not on hold, but {}",
              place.range.at(place.position).mac.text(), id, lease ? holder_of(*lease) : "free");
}

}  // namespace neph::network
