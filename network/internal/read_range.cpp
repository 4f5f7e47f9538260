#include "network/internal/read_range.h"

#include <algorithm>
#include <array>
#include <random>

#include "base/numbers.h"

namespace neph::network {
namespace {

/// Positions, MACs and the lower half of IPv6 addresses stay far from overflowing.
constexpr std::int64_t kSizeMax = 1LL << 31;

/// What AddressRange holds elsewhere, or the server alone writes.
constexpr auto kOwnKeys = std::to_array<std::string_view>(
    {"AR_ID",      "TYPE",          "SIZE",          "MAC",           "IP",
     "IP6",        "PREFIX_LENGTH", "GLOBAL_PREFIX", "ULA_PREFIX",    "SHARED",
     "ALLOCATED",  "NEXT_INDEX",    "USED_LEASES",   "LEASES",        "PARENT_NETWORK_AR_ID",
     "MAC_END",    "IP_END",        "IP6_END",       "IP6_GLOBAL",    "IP6_GLOBAL_END",
     "IP6_ULA",    "IP6_ULA_END",   "NETWORK_ID"});

bool has_ip4(RangeType type) {
  return type == RangeType::kIp4 || type == RangeType::kIp4And6 ||
         type == RangeType::kIp4And6Static;
}

bool has_static_ip6(RangeType type) {
  return type == RangeType::kIp6Static || type == RangeType::kIp4And6Static;
}

bool has_prefixes(RangeType type) {
  return type == RangeType::kIp6 || type == RangeType::kIp4And6;
}

/// An address under a key that must be there.
template <class Any>
Result<Any> address_under(const text::Vector& written, std::string_view key) {
  const std::string text = written.get(key);
  const auto address = Any::parse(text);
  if (address) return *address;
  return fail(Errc::kInvalid, "AR/{} = \"{}\" is no address", key, text);
}

Result<std::optional<Ip6>> prefix_under(const text::Vector& written, std::string_view key) {
  const std::string text = written.get(key);
  if (text.empty()) return std::optional<Ip6>{};
  const auto prefix = Ip6::parse(text);
  if (prefix && prefix->low == 0) return prefix;
  return fail(Errc::kInvalid, "AR/{} = \"{}\" is no prefix of 64 bits, such as 2001:db8:0:1::",
              key, text);
}

bool is_size(std::int64_t number) { return number >= 1 && number <= kSizeMax; }

Result<std::int64_t> size_of(const text::Vector& written) {
  const std::string text = written.get("SIZE");
  const auto size = natural_from(text);
  if (size && is_size(*size)) return *size;
  return fail(Errc::kInvalid, "AR/SIZE = \"{}\" is not a number from 1 to {}", text, kSizeMax);
}

text::Template further_attributes(const text::Vector& written) {
  text::Template further;
  for (const auto& [key, value] : written.items()) {
    if (std::ranges::find(kOwnKeys, key) == kOwnKeys.end()) further.set(key, value);
  }
  return further;
}

Result<void> check_provided(const text::Vector& written) {
  if (written.is_yes("SHARED")) {
    return fail(Errc::kInvalid, "AR/SHARED = \"{}\" is refused: one address for several VMs is not"
                " provided", written.get("SHARED"));
  }
  const std::string ipam = written.get("IPAM_MAD");
  if (ipam.empty() || ipam == "internal") return {};
  return fail(Errc::kInvalid, "AR/IPAM_MAD = \"{}\" is refused: addresses are managed here alone",
              ipam);
}

Result<void> read_prefixes(const text::Vector& written, AddressRange& range) {
  range.global_prefix = TRY(prefix_under(written, "GLOBAL_PREFIX"));
  range.ula_prefix = TRY(prefix_under(written, "ULA_PREFIX"));
  if (range.type != RangeType::kIp6 || range.global_prefix || range.ula_prefix) return {};
  return fail(Errc::kInvalid, "An AR of TYPE IP6 needs GLOBAL_PREFIX, ULA_PREFIX or both");
}

Result<void> read_static(const text::Vector& written, AddressRange& range) {
  constexpr std::int64_t kBits = 128;
  range.ip6 = TRY(address_under<Ip6>(written, "IP6"));
  const std::string length = written.get("PREFIX_LENGTH");
  const auto number = natural_from(length);
  if (!number || *number < 1 || *number > kBits)
    return fail(Errc::kInvalid, "AR/PREFIX_LENGTH = \"{}\" is not a number from 1 to 128", length);
  range.prefix_length = static_cast<int>(*number);
  if (written.has("SIZE") || range.type != RangeType::kIp6Static) return {};
  const std::int64_t bits = std::min<std::int64_t>(kBits - *number, 31);
  range.size = std::min(kSizeMax, std::int64_t{1} << bits);
  return {};
}

Result<Mac> mac_for(const text::Vector& written, std::optional<Ip4> ip, std::uint16_t prefix) {
  if (!written.get("MAC").empty()) return address_under<Mac>(written, "MAC");
  std::random_device random;
  return Mac::of(prefix, ip ? ip->bits : static_cast<std::uint32_t>(random()));
}

/// The last address must be one, too.
Result<void> check_end(const AddressRange& range) {
  const auto count = static_cast<std::uint64_t>(range.size - 1);
  const bool has_ips = !range.ip || count <= UINT32_MAX - range.ip->bits;
  const bool has_ip6s = !range.ip6 || count <= UINT64_MAX - range.ip6->low;
  if (has_ips && has_ip6s && count <= kMacMax - range.mac.bits) return {};
  return fail(Errc::kInvalid, "AR/SIZE = \"{}\" goes beyond the last address there is", range.size);
}

bool overlaps(std::uint64_t first, std::int64_t size, std::uint64_t other,
              std::int64_t other_size) {
  return first < other + static_cast<std::uint64_t>(other_size) &&
         other < first + static_cast<std::uint64_t>(size);
}

}  // namespace

bool has_impossible_size(const text::Vector& written) {
  const auto number = integer_from(written.get("SIZE"));
  return number && !is_size(*number);
}

Result<AddressRange> read_range(const text::Vector& written, std::uint16_t mac_prefix) {
  CHECK_OK(check_provided(written));
  AddressRange range;
  const auto type = range_type_from(written.get("TYPE"));
  if (!type) {
    return fail(Errc::kInvalid, "AR/TYPE = \"{}\" is none of ETHER, IP4, IP6, IP4_6, IP6_STATIC and"
                " IP4_6_STATIC", written.get("TYPE"));
  }
  range.type = *type;
  if (has_ip4(*type)) range.ip = TRY(address_under<Ip4>(written, "IP"));
  if (has_prefixes(*type)) CHECK_OK(read_prefixes(written, range));
  if (has_static_ip6(*type)) CHECK_OK(read_static(written, range));
  if (range.size == 0) range.size = TRY(size_of(written));
  range.mac = TRY(mac_for(written, range.ip, mac_prefix));
  CHECK_OK(check_end(range));
  range.attributes = further_attributes(written);
  return range;
}

Result<AddressRange> changed_range(const AddressRange& old, const text::Vector& written) {
  CHECK_OK(check_provided(written));
  const auto is_same = [&](std::string_view key, std::string_view value) {
    return !written.has(key) || written.get(key) == value;
  };
  const bool is_still = is_same("TYPE", name_of(old.type)) && is_same("MAC", old.mac.text()) &&
                        is_same("IP", old.ip ? old.ip->text() : "") &&
                        is_same("IP6", old.ip6 ? old.ip6->text() : "");
  if (!is_still) {
    return fail(Errc::kInvalid,
                "TYPE, MAC, IP and IP6 of address range {} stay as they are: add another one",
                old.id);
  }
  AddressRange range = old;
  if (written.has("SIZE")) range.size = TRY(size_of(written));
  if (has_prefixes(old.type)) CHECK_OK(read_prefixes(written, range));
  CHECK_OK(check_end(range));
  range.attributes = further_attributes(written);
  return range;
}

Result<void> check_overlap(const AddressRange& fresh, const std::vector<AddressRange>& others) {
  for (const auto& other : others) {
    if (other.id == fresh.id) continue;
    const bool shares_mac = overlaps(fresh.mac.bits, fresh.size, other.mac.bits, other.size);
    const bool shares_ip = fresh.ip && other.ip &&
                           overlaps(fresh.ip->bits, fresh.size, other.ip->bits, other.size);
    const bool shares_ip6 = fresh.ip6 && other.ip6 && fresh.ip6->high == other.ip6->high &&
                            overlaps(fresh.ip6->low, fresh.size, other.ip6->low, other.size);
    if (!shares_mac && !shares_ip && !shares_ip6) continue;
    return fail(Errc::kConflict, "the address range from {} on has addresses of range {} ({} from"
                " {} on)", fresh.ip ? fresh.ip->text() : fresh.mac.text(), other.id, other.size,
                other.ip ? other.ip->text() : other.mac.text());
  }
  return {};
}

}  // namespace neph::network
