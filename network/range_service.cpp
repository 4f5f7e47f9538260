#include "access/restricted_attributes.h"
#include "base/numbers.h"
#include "network/internal/holders.h"
#include "network/internal/lease_rows.h"
#include "network/internal/network_rows.h"
#include "network/internal/read_range.h"
#include "network/network_service.h"

namespace neph::network {
namespace {

/// The first AR of a template; clients send exactly one.
Result<const text::Vector*> written_range(const text::Template& ask) {
  if (const auto* written = ask.find_vector("AR")) return written;
  return fail(Errc::kInvalid, "There is no AR in the template, AR = [ ... ]");
}

Result<AddressRangeId> id_of(const text::Vector& written) {
  const auto number = natural_from(written.get("AR_ID"));
  if (number) return AddressRangeId{*number};
  return fail(Errc::kInvalid, "AR/AR_ID = \"{}\" is no id", written.get("AR_ID"));
}

text::Template as_template(const AddressRange& range) {
  text::Vector vector;
  for (const auto& attribute : range.attributes.attributes()) {
    if (const auto* value = std::get_if<std::string>(&attribute.value))
      vector.set(attribute.name, *value);
  }
  text::Template known;
  known.add("AR", std::move(vector));
  return known;
}

std::vector<Lease> leases_from(db::Txn& txn, const AddressRange& range, std::int64_t position) {
  auto leases = list_leases(txn, range.network);
  std::erase_if(leases, [&](const Lease& lease) {
    return lease.range != range.id || lease.position < position;
  });
  return leases;
}

}  // namespace

Result<void> NetworkService::add_ranges(db::Txn& txn, const access::Actor& actor, NetworkId id,
                                        const text::Template& ask) const {
  const auto network = TRY(find_network(txn, id));
  if (network.parent.is_set()) {
    return fail(Errc::kInvalid, "Virtual network [{}] is a reservation: reserve more of network {}",
                id, network.parent);
  }
  CHECK_OK(written_range(ask));
  CHECK_OK(access::check_restricted_attributes(actor, settings_.restricted_attributes, ask, {},
                                               "AR"));
  return insert_written_ranges(txn, id, ask, settings_);
}

Result<void> NetworkService::update_range(db::Txn& txn, const access::Actor& actor, NetworkId id,
                                          const text::Template& ask) const {
  const auto network = TRY(find_network(txn, id));
  const auto* written = TRY(written_range(ask));
  const auto old = TRY(find_range(txn, id, TRY(id_of(*written))));
  CHECK_OK(access::check_restricted_attributes(actor, settings_.restricted_attributes, ask,
                                               as_template(old), "AR"));
  auto range = TRY(changed_range(old, *written));
  if (range.size != old.size && network.parent.is_set()) {
    return fail(Errc::kInvalid, "The SIZE of address range {} stays: it is reserved of network {}",
                range.id, network.parent);
  }
  const auto cut_off = leases_from(txn, old, range.size);
  if (!cut_off.empty()) {
    return fail(Errc::kWrongState, "SIZE = \"{}\" would cut off leases in use: {}", range.size,
                holders_text(txn, cut_off));
  }
  CHECK_OK(check_overlap(range, list_ranges(txn, id)));
  save_range(txn, range);
  if (range.attributes != old.attributes) mark_outdated(txn, id);
  return {};
}

Result<void> NetworkService::remove_range(db::Txn& txn, NetworkId id, AddressRangeId range_id,
                                          Held held) const {
  const auto network = TRY(find_network(txn, id));
  const auto range = TRY(find_range(txn, id, range_id));
  std::vector<Lease> in_the_way;
  for (const auto& lease : leases_from(txn, range, 0)) {
    if (lease.kind != LeaseKind::kHeld || held == Held::kForbids) in_the_way.push_back(lease);
  }
  if (!in_the_way.empty()) {
    return fail(Errc::kInvalid, "Address range {} of virtual network [{}] has leases in use: {}",
                range_id, id, holders_text(txn, in_the_way));
  }
  for (const auto& lease : leases_from(txn, range, 0)) delete_leases(txn, lease);
  return_to_parent(txn, network, range);
  delete_range_row(txn, id, range_id);
  return {};
}

Result<void> NetworkService::free_range(db::Txn& txn, NetworkId id, AddressRangeId range) const {
  const auto network = TRY(find_network(txn, id));
  if (!network.parent.is_set()) {
    return fail(Errc::kInvalid, "Address range {} of virtual network [{}] is no reservation",
                range, id);
  }
  return remove_range(txn, id, range, Held::kForbids);
}

}  // namespace neph::network
