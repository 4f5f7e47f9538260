#pragma once

#include <cstdint>

/// The bits of ACL rules. Facts: OpenNebula 7.4.
namespace neph::access::internal::acl {

// Selectors of the user, resource and zone fields; the low 32 bits hold the id.
inline constexpr std::int64_t kIndividual = 0x1'0000'0000;
inline constexpr std::int64_t kGroup = 0x2'0000'0000;
inline constexpr std::int64_t kAll = 0x4'0000'0000;
inline constexpr std::int64_t kCluster = 0x8'0000'0000;
inline constexpr std::int64_t kIdMask = 0xFFFF'FFFF;
/// The one zone there is, as the zone field of a rule.
inline constexpr std::int64_t kThisZone = kIndividual;

}  // namespace neph::access::internal::acl
