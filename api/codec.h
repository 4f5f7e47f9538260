#pragma once

#include "api/value.h"
#include "api/xmlrpc_scan.h"

namespace neph::api {

/// Parses a scanned call with xmlrpc-c: about 8 us for a small call, 10 ms per MB for large ones.
/// May be called from any thread.
/// \returns fault kParse when it is not a well-formed method call
[[nodiscard]] OrFault<MethodCall> parse_call(const ScannedCall& call);

}  // namespace neph::api
