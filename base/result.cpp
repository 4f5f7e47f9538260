#include "base/result.h"

#include <cstdio>
#include <cstdlib>

namespace neph {

std::string_view name_of(Errc code) {
  switch (code) {
    case Errc::kUnauthenticated: return "unauthenticated";
    case Errc::kDenied: return "denied";
    case Errc::kNotFound: return "not found";
    case Errc::kInvalid: return "invalid";
    case Errc::kWrongState: return "wrong state";
    case Errc::kConflict: return "conflict";
    case Errc::kExhausted: return "exhausted";
    case Errc::kUnavailable: return "unavailable";
    case Errc::kStalled: return "stalled";
    case Errc::kInternal: return "internal";
  }
  return "unknown";
}

std::string Error::text() const {
  return cause.empty() ? message : fmt::format("{} ({})", message, cause);
}

void assertion_failed(const char* what, const char* file, int line) {
  std::fprintf(stderr, "nephd: assertion failed: %s at %s:%d\n", what, file, line);
  std::abort();
}

}  // namespace neph
