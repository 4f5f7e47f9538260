#include "api/method_info.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace neph::api {
namespace {

constexpr std::string_view kPreface =
    "# The API\n\n"
    "This page is printed from the method registry.\n\n"
    "Requests are XML-RPC calls. The first parameter is the session, `user:password` or\n"
    "`user:token`, where the call shows it. The answer is an array: `[true, result, 0]` or\n"
    "`[false, text, code, object, -1]`. Parameters in brackets may be left out; surplus ones are\n"
    "ignored. A call that cannot be understood is answered with a fault: -501 wrong type or too\n"
    "few parameters, -503 not well-formed, -506 no such method, -509 too large.\n";

std::string_view mode_text(Mode mode) {
  switch (mode) {
    case Mode::kRead: return "only reads";
    case Mode::kWrite: return "may change things; durable when it is answered";
    case Mode::kOpen: return "needs no session";
  }
  return "";
}

void append_arguments(std::string& out, const MethodInfo& info) {
  if (info.args.empty()) return;
  out += "\n| parameter | type | |\n|---|---|---|\n";
  for (std::size_t i = 0; i < info.args.size(); ++i) {
    fmt::format_to(std::back_inserter(out), "| {} | {} | {} |\n", info.args[i].name,
                   info.args[i].type, i < info.required ? "" : "optional");
  }
}

void append_section(std::string& out, const MethodInfo& info) {
  auto to = std::back_inserter(out);
  fmt::format_to(to, "\n## {}\n\n`{}`\n", info.name, call_line(info));
  if (!info.doc.empty()) fmt::format_to(to, "\n{}\n", info.doc);
  append_arguments(out, info);
  out += '\n';
  fmt::format_to(to, "- result: {}{}{}\n", info.result_type, info.answers.empty() ? "" : ", ",
                 info.answers);
  if (!info.right.empty()) fmt::format_to(to, "- right: {}\n", info.right);
  fmt::format_to(to, "- {}\n", mode_text(info.mode));
}

Value text(std::string_view name) { return Value{std::string{name}}; }

}  // namespace

Value signatures_of(const MethodInfo& info) {
  Array signatures;
  for (std::size_t count = info.required; count <= info.args.size(); ++count) {
    // Every answer of the one.* and neph.* methods is the array of three or five.
    Array signature{text("array")};
    if (info.has_session()) signature.push_back(text("string"));
    for (std::size_t i = 0; i < count; ++i) signature.push_back(text(info.args[i].type));
    signatures.push_back(Value{std::move(signature)});
  }
  return Value{std::move(signatures)};
}

std::string call_line(const MethodInfo& info) {
  std::string line = info.name + "(";
  std::string_view separator;
  if (info.has_session()) {
    line += "session";
    separator = ", ";
  }
  for (std::size_t i = 0; i < info.args.size(); ++i) {
    const bool is_required = i < info.required;
    line += separator;
    line += is_required ? info.args[i].name : "[" + info.args[i].name + "]";
    separator = ", ";
  }
  return line + ")";
}

std::string to_markdown(std::vector<const MethodInfo*> methods) {
  std::sort(methods.begin(), methods.end(),
            [](const MethodInfo* a, const MethodInfo* b) { return a->name < b->name; });
  std::string out{kPreface};
  for (const MethodInfo* method : methods)
    if (method->is_provided) append_section(out, *method);
  return out;
}

}  // namespace neph::api
