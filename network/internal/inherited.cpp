#include "network/internal/inherited.h"

#include <array>

namespace neph::network {
namespace {

constexpr auto kInherited = std::to_array<std::string_view>(
    {"VLAN_TAGGED_ID",    "FILTER",           "FILTER_IP_SPOOFING", "FILTER_MAC_SPOOFING",
     "MTU",               "METRIC",           "IP6_METRIC",         "METHOD",
     "IP6_METHOD",        "INBOUND_AVG_BW",   "INBOUND_PEAK_BW",    "INBOUND_PEAK_KB",
     "OUTBOUND_AVG_BW",   "OUTBOUND_PEAK_BW", "OUTBOUND_PEAK_KB",   "CONF",
     "BRIDGE_CONF",       "OVS_BRIDGE_CONF",  "IP_LINK_CONF",       "EXTERNAL_IP",
     "AWS_ALLOCATION_ID", "VULTR_IP_ID",      "GATEWAY",            "DNS",
     "VXLAN_MODE",        "VXLAN_TEP",        "VXLAN_MC",           "CVLANS",
     "QINQ_TYPE",         "TRUST",            "SPOOFCHK"});

}  // namespace

void inherit(text::Vector& nic, const text::Template& source) {
  for (const auto key : kInherited) {
    if (const auto* value = source.find(key)) nic.inherit(key, *value);
  }
}

}  // namespace neph::network
