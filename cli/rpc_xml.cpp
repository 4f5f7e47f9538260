#include <charconv>
#include <pugixml.hpp>

#include "cli/rpc.h"
#include "text/xml_writer.h"

namespace neph::cli {
namespace {

using text::XmlWriter;

void write_value(XmlWriter& xml, const Value& value);

struct ValueWriter {
  XmlWriter& xml;
  void operator()(std::int64_t number) const { xml.element("int", number); }
  void operator()(bool flag) const { xml.element("boolean", std::int64_t{flag ? 1 : 0}); }
  void operator()(const std::string& text) const { xml.element("string", text); }
  void operator()(const std::vector<std::int64_t>& numbers) const {
    xml.open("array");
    xml.open("data");
    for (const auto number : numbers) write_value(xml, number);
    xml.close();
    xml.close();
  }
};

void write_value(XmlWriter& xml, const Value& value) {
  xml.open("value");
  std::visit(ValueWriter{xml}, value);
  xml.close();
}

std::int64_t integer_of(std::string_view digits) {
  std::int64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

Value value_of(const pugi::xml_node& value) {
  const pugi::xml_node typed = value.find_child(
      [](const pugi::xml_node& child) { return child.type() == pugi::node_element; });
  if (!typed) return std::string(value.text().get());
  const std::string_view type = typed.name();
  if (type == "boolean") return std::string_view(typed.text().get()) == "1";
  if (type == "int" || type == "i4" || type == "i8") return integer_of(typed.text().get());
  return std::string(typed.text().get());
}

Errc code_of(std::int64_t wire_code) {
  switch (wire_code) {
    case 0x0100: return Errc::kUnauthenticated;
    case 0x0200: return Errc::kDenied;
    case 0x0400: return Errc::kNotFound;
    case 0x0800: return Errc::kWrongState;
    case 0x4000: return Errc::kConflict;
    default: return Errc::kInternal;
  }
}

tl::unexpected<Error> not_xml_rpc(std::string_view body) {
  return fail_because(Errc::kUnavailable, std::string(body.substr(0, 80)),
                      "the answer is not XML-RPC: is that address nephd's?");
}

tl::unexpected<Error> fault_of(const pugi::xml_node& fault) {
  std::string reason;
  for (const auto& member : fault.child("value").child("struct").children("member"))
    if (std::string_view(member.child_value("name")) == "faultString")
      reason = std::get<std::string>(value_of(member.child("value")));
  return fail(Errc::kInternal, "the server could not read the call: {}", reason);
}

}  // namespace

std::string encode_call(std::string_view method, const Values& arguments) {
  XmlWriter xml;
  xml.open("methodCall");
  xml.element("methodName", method);
  xml.open("params");
  for (const Value& argument : arguments) {
    xml.open("param");
    write_value(xml, argument);
    xml.close();
  }
  xml.close();
  xml.close();
  return "<?xml version=\"1.0\"?>" + xml.take();
}

Result<Value> decode_answer(std::string_view body) {
  pugi::xml_document document;
  // White space counts: a text of blanks is a value.
  const auto options = pugi::parse_default | pugi::parse_ws_pcdata_single;
  if (!document.load_buffer(body.data(), body.size(), options, pugi::encoding_utf8))
    return not_xml_rpc(body);
  const pugi::xml_node response = document.child("methodResponse");
  if (const auto fault = response.child("fault")) return fault_of(fault);
  const auto data = response.child("params").child("param").child("value").child("array")
                        .child("data");
  Values parts;
  for (const auto& value : data.children("value")) parts.push_back(value_of(value));
  if (parts.size() < 3 || !std::holds_alternative<bool>(parts[0])) return not_xml_rpc(body);
  if (std::get<bool>(parts[0])) return parts[1];
  const auto* reason = std::get_if<std::string>(&parts[1]);
  const auto* code = std::get_if<std::int64_t>(&parts[2]);
  return fail(code_of(code == nullptr ? 0 : *code), "{}",
              reason == nullptr || reason->empty() ? "the server refused without a reason"
                                                   : *reason);
}

}  // namespace neph::cli
