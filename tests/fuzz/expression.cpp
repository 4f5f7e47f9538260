#include <cmath>

#include "tests/fuzz/targets.h"
#include "text/expression.h"

/// Requirement and rank expressions: what parses has one value, also in parentheses.
namespace neph::fuzz {
namespace {

using text::Rank;
using text::Requirement;

/// Leaves room for the parentheses that are put around an expression here.
constexpr std::size_t kBytesMax = 16'000;

std::vector<std::string> attribute(std::string_view name) {
  if (name == "A") return {"12", "node*", "x y"};
  if (name == "B") return {"-0.5"};
  if (name == "C") return {"abcabcab"};
  if (name == "D") return {""};
  if (name == "HUGE") return {"1e308"};
  if (name == "CLUSTERS/ID") return {"0", "100", "101"};
  return {};
}

std::vector<std::string> nothing(std::string_view) { return {}; }

/// Anything but the number of levels may be said of an expression that gained a pair.
bool is_too_deep(const Error& error) {
  return error.message.find("levels of parentheses") != std::string::npos;
}

bool is_blank(std::string_view source) {
  return source.find_first_not_of(" \t\n\v\f\r") == std::string_view::npos;
}

void check_requirement(std::string_view source) {
  const auto plain = Requirement::parse(source);
  if (!plain) return check_parse_error(plain.error());
  if (is_blank(source)) return require(plain->matches(&nothing), "nothing required is fulfilled");
  const auto denied = Requirement::parse("!(" + std::string(source) + ")");
  require(denied || is_too_deep(denied.error()), "what parses also parses in parentheses");
  if (!denied) return;
  for (const auto lookup : {&attribute, &nothing})
    require(plain->matches(lookup) != denied->matches(lookup), "! turns a requirement around");
}

void check_rank(std::string_view source) {
  const auto plain = Rank::parse(source);
  if (!plain) return check_parse_error(plain.error());
  if (is_blank(source)) return require(plain->value(&attribute) == 0, "no rank is rank 0");
  const auto negative = Rank::parse(" - ( " + std::string(source) + " ) ");
  require(negative || is_too_deep(negative.error()), "what parses also parses in parentheses");
  for (const auto lookup : {&attribute, &nothing}) {
    const double value = plain->value(lookup);
    require(std::isfinite(value), "a rank is finite");
    if (negative) require(negative->value(lookup) == -value, "- turns a rank around");
  }
}

}  // namespace

void check_expression(std::string_view input) {
  if (input.size() > kBytesMax) return;
  check_requirement(input);
  check_rank(input);
}

}  // namespace neph::fuzz
