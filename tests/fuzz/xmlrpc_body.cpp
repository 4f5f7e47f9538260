#include <algorithm>
#include <pugixml.hpp>

#include "api/codec.h"
#include "api/registry.h"
#include "api/xmlrpc_scan.h"
#include "tests/fuzz/targets.h"

/// The body of a request: scanner, parser and the row of its method, as the dispatcher goes through
/// them; and what is answered.
namespace neph::fuzz {
namespace {

using namespace api;

/// The rows are of this target, so that it needs no other room; their binders are made by the same
/// templates as those of every method, and together they have every type that a field can have.
struct Nobody {};
enum class Colour : std::int8_t { kRed = 1 };
struct Ids {
  VmId vm;
  std::int32_t narrow = 0;
  std::int64_t wide = 0;
  std::int16_t tiny = 0;
};
struct Rest {
  IntOrBool operation;
  Colour colour = Colour::kRed;
  std::vector<std::int64_t> list;
  std::optional<std::string> note;
};
struct Plain {
  std::string text;
  bool flag = false;
  double number = 0;
};

template <class Ask>
Result<std::string> answer(Nobody&, const Ask&) {
  return std::string("done");
}

Registry<Nobody> make_rows() {
  Registry<Nobody> rows;
  rows.add({method("one.vm.action", &answer<Plain>).args("text", "flag", "number").for_anyone(),
            method("one.vm.info", &answer<Ids>)
                .reads()
                .args("vm", "narrow", "wide", "tiny")
                .required(1)
                .for_anyone(),
            method("one.user.login", &answer<Rest>)
                .open()
                .args("operation", "colour", "list", "note")
                .for_anyone()});
  return rows;
}

const Registry<Nobody>& registry() {
  static const Registry<Nobody> made = make_rows();
  return made;
}

/// Escaping makes at most six bytes of one; the rest is the frame.
void check_reply(const std::string& reply, std::size_t sent) {
  require(reply.size() <= 6 * sent + 4096, "a reply is bounded by what was sent");
  pugi::xml_document document;
  require(document.load_buffer(reply.data(), reply.size(), pugi::parse_full, pugi::encoding_utf8),
          "a reply is XML");
}

void check_fault(const Fault& fault, std::size_t sent) {
  require(!fault.text.empty(), "a fault says what is wrong");
  check_reply(fault_reply(fault), sent);
}

/// Types that no method takes have no value.
bool is_whole(const Value& value) {
  if (std::holds_alternative<std::monostate>(value.data)) return false;
  if (const auto* items = std::get_if<Array>(&value.data))
    return std::ranges::all_of(*items, &is_whole);
  if (const auto* members = std::get_if<Struct>(&value.data))
    return std::ranges::all_of(*members, [](const Member& one) { return is_whole(one.value); });
  return true;
}

/// A reply and a call show values alike.
void check_again(const Value& value, std::size_t sent) {
  const std::string reply = value_reply(value);
  check_reply(reply, sent);
  if (!is_whole(value)) return;
  const auto begin = reply.find("<params>");
  const auto end = reply.rfind("</methodResponse>");
  const auto body = "<methodCall><methodName>m</methodName>" +
                    reply.substr(begin, end - begin) + "</methodCall>";
  const auto scanned = scan_call(body, {.depth_max = 64, .values_max = 20'000});
  require(scanned.has_value(), "the scanner takes what the writer writes");
  const auto parsed = parse_call(*scanned);
  require(parsed && parsed->params == std::vector{value}, "a value is read as it was written");
}

void check_session(const ScannedCall& scanned, const MethodCall& parsed) {
  const auto* first = parsed.params.empty() ? nullptr
                                            : std::get_if<std::string>(&parsed.params[0].data);
  require(scanned.session().has_value() == (first != nullptr),
          "the scanner sees a session where the parser sees one");
  if (first != nullptr)
    require(*scanned.session() == *first, "the session that is sent is the one that is verified");
}

void check_bind(const MethodRow<Nobody>& row, const MethodCall& call, std::size_t sent) {
  const auto bound = row.bind(call.params);
  Nobody nobody;
  if (bound) return require((*bound)(nobody).has_value(), "a call that is bound can be run");
  require(bound.error().code == FaultCode::kType, "parameters are wrong in type or number");
  check_fault(bound.error(), sent);
}

/// The row of the method, and for methods that nobody knows some other one.
void check_rows(const MethodCall& call, std::size_t sent) {
  const auto& rows = registry().rows();
  const auto named = rows.find(call.method);
  if (named != rows.end()) return check_bind(named->second, call, sent);
  check_bind(std::next(rows.begin(), static_cast<long>(sent % rows.size()))->second, call, sent);
}

}  // namespace

void check_xmlrpc_body(std::string_view input) {
  const auto scanned = scan_call(std::string(input));
  if (!scanned) return check_fault(scanned.error(), input.size());
  require(scanned->body() == input, "the parser gets what was scanned");
  const auto parsed = parse_call(*scanned);
  if (!parsed) return check_fault(parsed.error(), input.size());
  require(parsed->method == scanned->method(), "scanner and parser see the same method");
  check_session(*scanned, *parsed);
  check_rows(*parsed, input.size());
  for (const auto& value : parsed->params) check_again(value, 4 * input.size());
  if (!registry().is_introspection(parsed->method)) return;
  const auto answer = registry().answer_introspection(parsed->method, parsed->params);
  if (!answer) check_fault(answer.error(), input.size());
}

}  // namespace neph::fuzz
