#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/value.h"

/// system.multicall: several calls in one request, one after the other. Pure functions, for any
/// thread. The form is the one that servers of XML-RPC agree on: the parameter is an array of
/// structs { methodName, params }; the result has for each an array with its result, or its fault.
namespace neph::api {

inline constexpr std::string_view kMulticall = "system.multicall";

/// The calls as bodies of their own. \returns fault kType for another form, kLimit for too many,
/// and for a multicall within
[[nodiscard]] OrFault<std::vector<std::string>> calls_in(const MethodCall& call);

/// The reply whose parts are the replies to the calls.
[[nodiscard]] std::string multicall_reply(const std::vector<std::string>& replies);

}  // namespace neph::api
