#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/value.h"
#include "base/result.h"

/// What a row of the method registry says about its method, without the function behind it: enough
/// for introspection and for docs/api.md. Value types; no thread rules.
namespace neph::api {

enum class Mode {
  kRead,   ///< on the readers lane, over the immutable view
  kWrite,  ///< on the store lane, in a transaction
  kOpen,   ///< needs no session and has no session parameter
};

struct Argument {
  std::string name;
  /// As system.methodSignature spells it: int, boolean, string, double or array.
  std::string_view type;
};

// OpenNebula's codes on the wire that some methods answer instead of the usual ones.
inline constexpr int kActionCode = 2048;
inline constexpr int kInternalCode = 8192;
inline constexpr int kAllocateCode = 16384;

/// Where OpenNebula's code on the wire differs, for this method, from the usual one of a kind of
/// error; reference: the column main_errors of its method table.
struct LegacyCode {
  Errc kind = Errc::kInternal;
  int code = 0;
};

struct MethodInfo {
  std::string name;
  std::string doc;
  std::string answers;  ///< what the result is, in words
  std::string right;    ///< who may call it, in words
  std::string_view result_type = "string";
  std::vector<Argument> args;  ///< without the session
  std::size_t required = 0;    ///< so many of args must be there
  Mode mode = Mode::kWrite;
  bool is_guarded = false;  ///< a right is checked before the handler, or anybody may call it
  std::vector<LegacyCode> legacy_codes;
  bool keeps_password = false;  ///< an empty password is no new one
  bool works_in_disabled_zone = false;  ///< of those that write
  bool is_provided = true;      ///< false: it is known, and answers why it is not there

  [[nodiscard]] bool has_session() const { return mode != Mode::kOpen; }
};

/// As xmlrpc-c answers system.methodSignature: an array of signatures, each an array of type names
/// that begins with the result's. One signature per number of parameters the method takes.
[[nodiscard]] Value signatures_of(const MethodInfo& info);

/// One line for people: `one.vm.info(session, vm, [decrypt])`.
[[nodiscard]] std::string call_line(const MethodInfo& info);

/// The text of docs/api.md: one section per method that is provided, sorted by name.
[[nodiscard]] std::string to_markdown(std::vector<const MethodInfo*> methods);

}  // namespace neph::api
