#pragma once

#include <string>
#include <string_view>

/// The zone as OpenNebula's clients read it (7.4: element tree of its schema). Pure functions.
namespace neph::api {

/// The one zone there is, which is always enabled and has no further servers. There is no gRPC, so
/// it names no ENDPOINT_GRPC.
[[nodiscard]] std::string zone_xml(std::string_view endpoint);
/// ZONE_POOL around documents of zones.
[[nodiscard]] std::string zone_pool_xml(std::string_view zones);
/// What a daemon answers that is no part of a group of several.
[[nodiscard]] std::string raft_xml();

}  // namespace neph::api
