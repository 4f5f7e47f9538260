#pragma once

#include <array>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/result.h"

/// What reads bytes that strangers wrote. A target is given any bytes: nothing may crash, and what
/// the reader promises in its header must hold. libFuzzer calls a target through entry.cpp, ./test
/// through replay_test.cpp; docs/testing.md says how.
namespace neph::fuzz {

/// A promise was broken.
class Finding : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline void require(bool holds, const std::string& promise) {
  if (!holds) throw Finding(promise);
}

/// Messages reach logs and users: they may quote what was sent, but not all of it.
constexpr std::size_t kMessageBytesMax = 1024;

/// What parsers of ours say of text that does not parse.
inline void check_parse_error(const Error& error) {
  require(error.code == Errc::kInvalid, "what does not parse is invalid");
  require(error.message.starts_with("Parse error: "), "the message says that it did not parse");
  require(error.message.size() <= kMessageBytesMax, "the message is short");
}

void check_template(std::string_view input);
void check_xmlrpc_body(std::string_view input);
void check_xml_reader(std::string_view input);
void check_expression(std::string_view input);
void check_qcow2_header(std::string_view input);

struct Target {
  const char* name;  ///< of its corpus and of its program, fuzz_<name>
  void (*check)(std::string_view input);
};
inline constexpr std::array<Target, 5> kTargets{{{"template", &check_template},
                                                 {"xmlrpc_body", &check_xmlrpc_body},
                                                 {"xml_reader", &check_xml_reader},
                                                 {"expression", &check_expression},
                                                 {"qcow2_header", &check_qcow2_header}}};

}  // namespace neph::fuzz
