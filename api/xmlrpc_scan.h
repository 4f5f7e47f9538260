#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "api/value.h"

namespace neph::api {

/// Size in bytes of the largest body that may be scanned and parsed on the reactor without holding
/// up other connections; larger ones belong on the readers lane.
inline constexpr std::size_t kParseOnReactorMax = 64 * 1024;

struct ScanLimits {
  std::size_t depth_max = 32;       ///< of elements
  std::size_t values_max = 10'000;  ///< <value> elements in one call
};

/// A body that is safe to hand to the parser, with what a stranger is turned away by. Only
/// scan_call() makes one, so no body reaches the parser unscanned.
class ScannedCall {
 public:
  [[nodiscard]] const std::string& body() const { return body_; }
  [[nodiscard]] const std::string& method() const { return method_; }
  /// The first parameter if it is a string; nullopt when it is missing or something else.
  [[nodiscard]] const std::optional<std::string>& session() const { return session_; }

 private:
  friend OrFault<ScannedCall> scan_call(std::string body, const ScanLimits& limits);
  ScannedCall(std::string body, std::string method, std::optional<std::string> session)
      : body_(std::move(body)), method_(std::move(method)), session_(std::move(session)) {}

  std::string body_;
  std::string method_;
  std::optional<std::string> session_;
};

/// Looks through an XML-RPC call once, without building anything, before the parser sees it.
///
/// The parser expands the entities of a DTD (520 bytes became 10 MB) and builds a tree of about a
/// hundred bytes per element. So this refuses every "<!" but comments and CDATA, bytes that are not
/// UTF-8, other encodings, control characters, long tags, an <i8> that is no number (the parser
/// dies of it), and calls that are too deep or have too many values. Well-formedness is the
/// parser's business: what this accepts may still be garbage.
/// About 2 ms per MB. A pure function, for any thread.
/// \returns faults kParse and kLimit
[[nodiscard]] OrFault<ScannedCall> scan_call(std::string body, const ScanLimits& limits = {});

}  // namespace neph::api
