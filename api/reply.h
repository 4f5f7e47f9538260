#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "api/value.h"

/// Writes XML-RPC replies. xmlrpc-c's own generator takes 4.5 ms per MB and six times the memory
/// of the reply; these functions copy each byte once. Pure functions, for any thread. Shapes:
/// OpenNebula 7.4, three elements on success, five on failure.
namespace neph::api {

/// Text that is escaped for XML already, such as the cached fragments of a pool: it is copied into
/// the reply as it is. The maker answers for its being escaped.
struct EscapedText {
  std::string text;
};

/// Result of a method. An empty string is sent as one blank: pyone looks at the first character of
/// every string result and dies of an empty one.
using Answer = std::variant<std::int64_t, std::string, EscapedText>;

/// A refusal in OpenNebula's terms.
struct WireError {
  int code = 0;              ///< 256 not authenticated ... 65536 replication
  std::string text;          ///< with the method in brackets in front, as clients expect
  std::int64_t object = -1;  ///< id of the object that is to blame, -1 for none
};

/// [true, result, 0]. Integers that do not fit 32 bits go out as <i8>.
[[nodiscard]] std::string success_reply(const Answer& answer);
/// [false, text, code, object, -1].
[[nodiscard]] std::string failure_reply(const WireError& error);
/// A <fault> with faultCode and faultString.
[[nodiscard]] std::string fault_reply(const Fault& fault);
/// A bare value: what the system.* methods answer.
[[nodiscard]] std::string value_reply(const Value& value);

}  // namespace neph::api
