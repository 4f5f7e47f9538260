#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <variant>
#include <vector>

/// What travels in an XML-RPC call, in types of our own, so that nothing above the codec knows
/// which library parses. Value types; no thread rules.
namespace neph::api {

struct Value;
using Array = std::vector<Value>;
struct Member;
using Struct = std::vector<Member>;

/// One XML-RPC value. monostate stands for the types that no method takes (nil, dateTime, base64):
/// they may come as surplus parameters, which are ignored like any other.
struct Value {
  using Data = std::variant<std::monostate, std::int32_t, std::int64_t, bool, double, std::string,
                            Array, Struct>;
  Data data;

  friend bool operator==(const Value&, const Value&) = default;
};

/// Of a Struct. No pair, because clang does not take one whose Value is not complete yet.
struct Member {
  std::string name;
  Value value;
  friend bool operator==(const Member&, const Member&) = default;
};

/// "int", "i8", "boolean", "double", "string", "array", "struct" or "value of another type".
[[nodiscard]] std::string_view type_name(const Value& value);

/// Codes of XML-RPC faults: the request itself is wrong. Numbers are those of xmlrpc-c, whose
/// server OpenNebula embeds.
enum class FaultCode {
  kInternal = -500,
  kType = -501,      ///< wrong type of a parameter, or too few of them
  kParse = -503,     ///< not a well-formed call
  kNoMethod = -506,  ///< no such method
  kLimit = -509,     ///< larger, deeper or more numerous than allowed
};

struct Fault {
  FaultCode code = FaultCode::kInternal;
  std::string text;
};

/// Faults are no Errors: they say that a request could not be understood, and clients see them as
/// another kind of answer than a refusal.
template <class T>
using OrFault = tl::expected<T, Fault>;

[[nodiscard]] inline tl::unexpected<Fault> fault(FaultCode code, std::string text) {
  return tl::unexpected(Fault{code, std::move(text)});
}

struct MethodCall {
  std::string method;
  std::vector<Value> params;  ///< the first one is the session, but for system.* methods
};

}  // namespace neph::api
