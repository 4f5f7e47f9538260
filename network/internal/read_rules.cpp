#include "network/internal/read_rules.h"

#include <algorithm>
#include <array>

#include <fmt/ranges.h>

#include "base/numbers.h"
#include "base/words.h"
#include "network/internal/read_range.h"

namespace neph::network {
namespace {

constexpr auto kProtocols =
    std::to_array<std::string_view>({"ALL", "TCP", "UDP", "ICMP", "ICMPV6", "IPSEC"});
constexpr auto kDirections = std::to_array<std::string_view>({"INBOUND", "OUTBOUND"});
constexpr std::int64_t kPortMax = 65'535;
constexpr std::int64_t kIcmpTypeMax = 255;

template <std::size_t kCount>
Result<void> read_word(text::Vector& rule, std::string_view key,
                       const std::array<std::string_view, kCount>& words) {
  const std::string word = upper(rule.get(key));
  if (std::ranges::find(words, word) == words.end()) {
    return fail(Errc::kInvalid, "RULE/{} = \"{}\" is none of {}", key, rule.get(key),
                fmt::join(words, ", "));
  }
  rule.set(key, word);
  return {};
}

/// "80" or "80:90".
bool is_port_range(std::string_view text) {
  const auto colon = text.find(':');
  const auto first = natural_from(text.substr(0, colon));
  const auto last = colon == std::string_view::npos ? first : natural_from(text.substr(colon + 1));
  return first && last && *first <= *last && *last <= kPortMax;
}

Result<void> check_ports(const text::Vector& rule) {
  const auto* ports = rule.find("RANGE");
  if (ports == nullptr || ports->empty()) return {};
  const std::string protocol = rule.get("PROTOCOL");
  if (protocol != "TCP" && protocol != "UDP") {
    return fail(Errc::kInvalid, "RULE/RANGE = \"{}\" is for PROTOCOL TCP and UDP, not for {}",
                *ports, protocol);
  }
  const auto ranges = between_commas(*ports);
  if (std::ranges::all_of(ranges, is_port_range)) return {};
  return fail(Errc::kInvalid, "RULE/RANGE = \"{}\" is no list of ports, such as 22,80:90", *ports);
}

Result<void> check_icmp(const text::Vector& rule, std::string_view key,
                        std::string_view protocol) {
  const auto* type = rule.find(key);
  if (type == nullptr || type->empty()) return {};
  const auto number = natural_from(*type);
  const bool is_type = number && *number <= kIcmpTypeMax && rule.get("PROTOCOL") == protocol;
  if (is_type) return {};
  return fail(Errc::kInvalid, "RULE/{} = \"{}\" must be a number from 0 to 255, with PROTOCOL {}",
              key, *type, protocol);
}

Result<void> check_addresses(db::Txn& txn, const text::Vector& rule) {
  const std::string ip = rule.get("IP");
  if (!ip.empty() && !Ip4::parse(ip) && !Ip6::parse(ip))
    return fail(Errc::kInvalid, "RULE/IP = \"{}\" is no address", ip);
  const auto size = natural_from(rule.get("SIZE"));
  const bool has_size = rule.has("SIZE");
  if (has_size != !ip.empty() || (has_size && (!size || *size < 1))) {
    return fail(Errc::kInvalid, "RULE/SIZE = \"{}\": IP and the number of addresses from it on go "
                "together", rule.get("SIZE"));
  }
  const auto* network = rule.find("NETWORK_ID");
  if (network == nullptr || network->empty()) return {};
  const auto id = natural_from(*network);
  if (!id) return fail(Errc::kInvalid, "RULE/NETWORK_ID = \"{}\" is no id", *network);
  return find_network(txn, NetworkId{*id}).map([](const Network&) {});
}

}  // namespace

Result<text::Template> checked_rules(db::Txn& txn, const text::Template& written) {
  text::Template checked;
  for (const auto& attribute : written.attributes()) {
    if (attribute.name != "RULE") {
      std::visit([&](const auto& value) { checked.add(attribute.name, value); }, attribute.value);
      continue;
    }
    const auto* vector = std::get_if<text::Vector>(&attribute.value);
    if (vector == nullptr) return fail(Errc::kInvalid, "RULE must be a vector, RULE = [ ... ]");
    text::Vector rule = *vector;
    CHECK_OK(read_word(rule, "PROTOCOL", kProtocols));
    CHECK_OK(read_word(rule, "RULE_TYPE", kDirections));
    CHECK_OK(check_ports(rule));
    CHECK_OK(check_icmp(rule, "ICMP_TYPE", "ICMP"));
    CHECK_OK(check_icmp(rule, "ICMPV6_TYPE", "ICMPV6"));
    CHECK_OK(check_addresses(txn, rule));
    checked.add("RULE", std::move(rule));
  }
  return checked;
}

}  // namespace neph::network
