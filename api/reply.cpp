#include "api/reply.h"

#include <fmt/format.h>

#include <iterator>
#include <limits>
#include <type_traits>

#include "text/xml_writer.h"

namespace neph::api {
namespace {

constexpr std::string_view kOpen =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<methodResponse><params><param>";
constexpr std::string_view kClose = "</param></params></methodResponse>\r\n";
constexpr std::string_view kOpenFault =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<methodResponse><fault>";
constexpr std::string_view kCloseFault = "</fault></methodResponse>\r\n";
constexpr std::string_view kOpenArray = "<value><array><data>";
constexpr std::string_view kCloseArray = "</data></array></value>";

void append_boolean(std::string& out, bool value) {
  out += value ? "<value><boolean>1</boolean></value>" : "<value><boolean>0</boolean></value>";
}

void append_i8(std::string& out, std::int64_t value) {
  fmt::format_to(std::back_inserter(out), "<value><i8>{}</i8></value>", value);
}

void append_int(std::string& out, std::int64_t value) {
  using Narrow = std::numeric_limits<std::int32_t>;
  if (value < Narrow::min() || value > Narrow::max()) return append_i8(out, value);
  fmt::format_to(std::back_inserter(out), "<value><i4>{}</i4></value>", value);
}

void append_escaped_string(std::string& out, std::string_view escaped) {
  out += "<value><string>";
  out += escaped;
  out += "</string></value>";
}

void append_string(std::string& out, std::string_view text) {
  append_escaped_string(out, text::xml_escaped(text));
}

void append_value(std::string& out, const Value& value);

void append_struct(std::string& out, const Struct& members) {
  out += "<value><struct>";
  for (const auto& [name, member] : members) {
    out += "<member><name>";
    out += text::xml_escaped(name);
    out += "</name>";
    append_value(out, member);
    out += "</member>";
  }
  out += "</struct></value>";
}

struct ValueAppender {
  std::string& out;

  void operator()(std::monostate) const { out += "<value><nil/></value>"; }
  void operator()(std::int32_t number) const { append_int(out, number); }
  void operator()(std::int64_t number) const { append_i8(out, number); }
  void operator()(bool flag) const { append_boolean(out, flag); }
  void operator()(double number) const {
    fmt::format_to(std::back_inserter(out), "<value><double>{}</double></value>", number);
  }
  void operator()(const std::string& text) const { append_string(out, text); }
  void operator()(const Array& items) const {
    out += kOpenArray;
    for (const auto& item : items) append_value(out, item);
    out += kCloseArray;
  }
  void operator()(const Struct& members) const { append_struct(out, members); }
};

void append_value(std::string& out, const Value& value) {
  std::visit(ValueAppender{out}, value.data);
}

struct AnswerAppender {
  std::string& out;

  void operator()(std::int64_t number) const { append_int(out, number); }
  void operator()(const std::string& text) const {
    append_string(out, text.empty() ? std::string_view{" "} : std::string_view{text});
  }
  void operator()(const EscapedText& escaped) const {
    append_escaped_string(out, escaped.text.empty() ? " " : std::string_view{escaped.text});
  }
};

std::size_t size_hint(const Answer& answer) {
  constexpr std::size_t kFrame = 320;
  if (const auto* escaped = std::get_if<EscapedText>(&answer)) return kFrame + escaped->text.size();
  return kFrame;
}

}  // namespace

std::string success_reply(const Answer& answer) {
  std::string out;
  out.reserve(size_hint(answer));
  out += kOpen;
  out += kOpenArray;
  append_boolean(out, true);
  std::visit(AnswerAppender{out}, answer);
  append_int(out, 0);
  out += kCloseArray;
  out += kClose;
  return out;
}

std::string failure_reply(const WireError& error) {
  std::string out{kOpen};
  out += kOpenArray;
  append_boolean(out, false);
  append_string(out, error.text);
  append_int(out, error.code);
  append_int(out, error.object);
  append_i8(out, -1);
  out += kCloseArray;
  out += kClose;
  return out;
}

std::string fault_reply(const Fault& fault) {
  std::string out{kOpenFault};
  append_struct(out, {{"faultCode", Value{static_cast<std::int32_t>(fault.code)}},
                      {"faultString", Value{fault.text}}});
  out += kCloseFault;
  return out;
}

std::string value_reply(const Value& value) {
  std::string out{kOpen};
  append_value(out, value);
  out += kClose;
  return out;
}

}  // namespace neph::api
