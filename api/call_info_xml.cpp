#include "api/internal/call_info_xml.h"

#include <fmt/format.h>

#include "text/xml_writer.h"

namespace neph::api {
namespace {

constexpr std::string_view kHidden = "****";

std::string text_of(const Value& value) {
  const auto& data = value.data;
  if (const auto* text = std::get_if<std::string>(&data)) return *text;
  if (const auto* flag = std::get_if<bool>(&data)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<std::int32_t>(&data)) return std::to_string(*number);
  if (const auto* number = std::get_if<std::int64_t>(&data)) return std::to_string(*number);
  if (const auto* number = std::get_if<double>(&data)) return fmt::format("{}", *number);
  std::string list;
  if (const auto* items = std::get_if<Array>(&data)) {
    for (const auto& item : *items) list += (list.empty() ? "" : ",") + text_of(item);
  }
  return list;
}

std::string text_of(const Answer& answer) {
  if (const auto* number = std::get_if<std::int64_t>(&answer)) return std::to_string(*number);
  if (const auto* text = std::get_if<std::string>(&answer)) return *text;
  return {};
}

bool is_secret(const MethodInfo& info, std::size_t position) {
  if (position == 0) return true;
  if (position > info.args.size()) return false;
  const auto& name = info.args[position - 1].name;
  return name == "password" || name == "token";
}

void write_parameter(text::XmlWriter& xml, std::size_t position, std::string_view type,
                     std::string_view value) {
  xml.open("PARAMETER");
  xml.element("POSITION", static_cast<std::int64_t>(position));
  xml.element("TYPE", type);
  xml.cdata("VALUE", value);
  xml.close();
}

}  // namespace

std::string call_info_xml(const MethodInfo& info, const std::vector<Value>& params,
                          const Answer& answer) {
  text::XmlWriter xml;
  xml.open("CALL_INFO");
  xml.element("RESULT", std::int64_t{1});
  xml.open("PARAMETERS");
  for (std::size_t i = 0; i < params.size(); ++i) {
    const std::string value = is_secret(info, i) ? std::string(kHidden) : text_of(params[i]);
    write_parameter(xml, i + 1, "IN", value);
  }
  write_parameter(xml, 1, "OUT", "true");
  const bool is_token = info.name == "one.user.login";
  write_parameter(xml, 2, "OUT", is_token ? std::string(kHidden) : text_of(answer));
  xml.close();
  xml.empty("EXTRA");
  xml.close();
  return xml.take();
}

}  // namespace neph::api
