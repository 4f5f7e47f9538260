#include "api/internal/multicall.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/reply.h"
#include "text/xml_writer.h"

namespace neph::api {
namespace {

constexpr std::size_t kCallsMax = 64;

/// What stands between the first `open` and the last `close`.
std::string_view between(std::string_view text, std::string_view open, std::string_view close) {
  const auto begin = text.find(open);
  const auto end = text.rfind(close);
  if (begin == std::string_view::npos || end == std::string_view::npos) return {};
  return text.substr(begin + open.size(), end - begin - open.size());
}

std::string element_of(const Value& value) {
  return std::string(between(value_reply(value), "<param>", "</param>"));
}

const Value* find_member(const Struct& members, std::string_view name) {
  const auto found = std::ranges::find(members, name, &Member::name);
  return found == members.end() ? nullptr : &found->value;
}

OrFault<std::string> body_of(const Value& value) {
  const auto wrong = [] {
    return fault(FaultCode::kType, "A call within system.multicall is a struct with methodName and"
                 " params");
  };
  const auto* members = std::get_if<Struct>(&value.data);
  if (members == nullptr) return wrong();
  const Value* method = find_member(*members, "methodName");
  const Value* params = find_member(*members, "params");
  const auto* name = method == nullptr ? nullptr : std::get_if<std::string>(&method->data);
  const auto* items = params == nullptr ? nullptr : std::get_if<Array>(&params->data);
  if (name == nullptr || items == nullptr) return wrong();
  if (*name == kMulticall) return fault(FaultCode::kLimit, "system.multicall cannot hold itself");
  std::string body = fmt::format("<methodCall><methodName>{}</methodName><params>",
                                 text::xml_escaped(*name));
  for (const auto& item : *items) body += "<param>" + element_of(item) + "</param>";
  return body + "</params></methodCall>";
}

}  // namespace

OrFault<std::vector<std::string>> calls_in(const MethodCall& call) {
  const auto* items =
      call.params.empty() ? nullptr : std::get_if<Array>(&call.params.front().data);
  if (items == nullptr)
    return fault(FaultCode::kType, "Parameter 0 (calls) of system.multicall is not an array");
  if (items->size() > kCallsMax)
    return fault(FaultCode::kLimit,
                 fmt::format("system.multicall takes {} calls at most", kCallsMax));
  std::vector<std::string> bodies;
  for (const auto& item : *items) {
    auto body = body_of(item);
    if (!body) return tl::unexpected(std::move(body.error()));
    bodies.push_back(std::move(*body));
  }
  return bodies;
}

std::string multicall_reply(const std::vector<std::string>& replies) {
  std::string list;
  for (const auto& reply : replies) {
    const auto failed = between(reply, "<fault>", "</fault>");
    if (!failed.empty()) {
      list += failed;
      continue;
    }
    list += "<value><array><data>";
    list += between(reply, "<param>", "</param>");
    list += "</data></array></value>";
  }
  return fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<methodResponse><params><param>"
                     "<value><array><data>{}</data></array></value></param></params>"
                     "</methodResponse>\r\n",
                     list);
}

}  // namespace neph::api
