#pragma once

#include "api/value.h"
#include "api/xmlrpc_scan.h"

namespace neph::api {

/// Parses a scanned call with xmlrpc-c. Blocks for about 10 ms per MB of body: bodies above
/// kParseOnReactorMax belong on the readers lane. May be called from any thread.
/// \returns fault kParse when it is not a well-formed method call
[[nodiscard]] OrFault<MethodCall> parse_call(const ScannedCall& call);

/// Size in bytes of the largest body that may be parsed without holding up the reactor.
inline constexpr std::size_t kParseOnReactorMax = 64 * 1024;

}  // namespace neph::api
