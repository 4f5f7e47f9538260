#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

/// Operating errors as values. Programmer errors are NEPH_ASSERT, on in release too: every
/// acknowledged operation is a durable job, so the daemon may stop at any line.
namespace neph {

/// What a caller can act on. Reaches the job log, so numbers are append-only.
enum class Errc {
  kUnauthenticated = 1,  ///< who are you
  kDenied = 2,           ///< you may not (right, quota, restricted attribute, lock)
  kNotFound = 3,         ///< no such object
  kInvalid = 4,          ///< the request is wrong; never try it again as it is
  kWrongState = 5,       ///< right request, wrong moment
  kConflict = 6,         ///< somebody else has it (name, claim, hold)
  kExhausted = 7,        ///< no room (space, capacity, a bounded queue)
  kUnavailable = 8,      ///< try again later (host down, driver busy)
  kStalled = 9,          ///< nothing moved within the stall limit
  kInternal = 10,        ///< our fault
};

[[nodiscard]] std::string_view name_of(Errc code);

struct Error {
  Errc code = Errc::kInternal;
  std::string message;  ///< one sentence that names the object and the culprit
  std::string cause;    ///< the tool's own words, empty when there are none
  /// "message (cause)", for logs and for people.
  [[nodiscard]] std::string text() const;
};

template <class T>
using Result = tl::expected<T, Error>;

template <class... Args>
[[nodiscard]] tl::unexpected<Error> fail(Errc code, fmt::format_string<Args...> text,
                                         Args&&... args) {
  return tl::unexpected(Error{code, fmt::format(text, std::forward<Args>(args)...), {}});
}

/// As fail(), keeping the words of the tool or library that refused.
template <class... Args>
[[nodiscard]] tl::unexpected<Error> fail_because(Errc code, std::string cause,
                                                 fmt::format_string<Args...> text,
                                                 Args&&... args) {
  return tl::unexpected(
      Error{code, fmt::format(text, std::forward<Args>(args)...), std::move(cause)});
}

[[noreturn]] void assertion_failed(const char* what, const char* file, int line);

}  // namespace neph

/// Value of a Result, or return its error from the enclosing function.
#define TRY(expression)                                                     \
  ({                                                                        \
    auto neph_try_result = (expression);                                    \
    if (!neph_try_result) return tl::unexpected(std::move(neph_try_result.error())); \
    std::move(*neph_try_result);                                            \
  })

/// As TRY, for Result<void>.
#define CHECK_OK(expression)                                                \
  do {                                                                      \
    if (auto neph_check = (expression); !neph_check)                        \
      return tl::unexpected(std::move(neph_check.error()));                 \
  } while (false)

#define NEPH_ASSERT(condition) \
  ((condition) ? void() : ::neph::assertion_failed(#condition, __FILE__, __LINE__))
