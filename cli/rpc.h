#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace neph::cli {

/// What the API's methods take and answer. The alternatives are XML-RPC's int (or i8), boolean,
/// string and array of int.
using Value = std::variant<std::int64_t, bool, std::string, std::vector<std::int64_t>>;
using Values = std::vector<Value>;

/// Carries one XML-RPC request to the server and its answer back. One thread at a time.
class Transport {
 public:
  virtual ~Transport() = default;
  /// \returns kUnavailable when the server cannot be reached or does not answer in time
  [[nodiscard]] virtual Result<std::string> post(std::string_view body) = 0;
};

/// The XML-RPC document of a call; `arguments` include the session.
[[nodiscard]] std::string encode_call(std::string_view method, const Values& arguments);

/// The result in an answer of the form [true, result, 0] (states.md section 1.1).
///
/// \returns the server's own text and, by its code, kUnauthenticated (256), kDenied (512),
///   kNotFound (1024), kWrongState (2048), kConflict (16384) or kInternal (all others and
///   XML-RPC faults) when it refused; kUnavailable when the answer is no XML-RPC at all. Never
///   kInvalid, which is kept for what the caller typed.
[[nodiscard]] Result<Value> decode_answer(std::string_view body);

}  // namespace neph::cli
