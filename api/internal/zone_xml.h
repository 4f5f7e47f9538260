#pragma once

#include <string>
#include <string_view>

#include "site/zone.h"

/// The zone as OpenNebula's clients read it (7.4: element tree of its schema). Pure functions.
namespace neph::api {

/// The one zone there is, which has no further servers. There is no gRPC, so it names no
/// ENDPOINT_GRPC.
/// \param endpoint  this daemon's own, shown where the zone's template names none
[[nodiscard]] std::string zone_xml(const site::Zone& zone, std::string_view endpoint);
/// ZONE_POOL around documents of zones.
[[nodiscard]] std::string zone_pool_xml(std::string_view zones);
/// What a daemon answers that is no part of a group of several.
[[nodiscard]] std::string raft_xml();

}  // namespace neph::api
