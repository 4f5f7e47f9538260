#pragma once

#include "base/result.h"
#include "db/database.h"
#include "text/template.h"

namespace neph::network {

/// Every RULE: PROTOCOL (ALL, TCP, UDP, ICMP, ICMPV6, IPSEC), RULE_TYPE (INBOUND, OUTBOUND), RANGE
/// ("22,80:90"), ICMP_TYPE, ICMPV6_TYPE, IP with SIZE, NETWORK_ID. Words become upper case.
/// \returns kInvalid naming attribute and value, kNotFound for a network there is not
[[nodiscard]] Result<text::Template> checked_rules(db::Txn& txn, const text::Template& written);

}  // namespace neph::network
