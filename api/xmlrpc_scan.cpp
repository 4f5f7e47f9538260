#include "api/xmlrpc_scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/numbers.h"

namespace neph::api {
namespace {

/// XML-RPC has no attributes; this leaves room for a name space or two, and none for the collisions
/// of attribute hashes that old XML parsers are slow on.
constexpr std::size_t kTagBytesMax = 256;
/// Names of methods and sessions are the only text that is copied here. X.509 sessions carry a
/// chain of certificates.
constexpr std::size_t kCapturedBytesMax = 64 * 1024;
/// A value of a struct brings four elements: member, name, value and its type.
constexpr std::size_t kElementsPerValue = 4;
constexpr std::size_t kElementsOfTheFrame = 100;

constexpr bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// Characters that XML 1.0 admits; XML 1.0, section 2.2.
constexpr bool is_xml_char(std::uint32_t code) {
  if (code < 0x20) return code == '\t' || code == '\n' || code == '\r';
  if (code >= 0xD800 && code <= 0xDFFF) return false;
  return code != 0xFFFE && code != 0xFFFF && code <= 0x10FFFF;
}

struct Decoded {
  std::uint32_t code = 0;
  std::size_t length = 0;  ///< 0: not UTF-8
};

/// Decodes the multi-byte sequence at the start of `bytes`; overlong forms are refused.
Decoded decode_utf8(std::string_view bytes) {
  const auto lead = static_cast<unsigned char>(bytes[0]);
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || bytes.size() < length) return {};
  std::uint32_t code = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    const auto next = static_cast<unsigned char>(bytes[i]);
    if ((next & 0xC0U) != 0x80U) return {};
    code = (code << 6U) | (next & 0x3FU);
  }
  constexpr std::array<std::uint32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  return code < kSmallest[length] ? Decoded{} : Decoded{code, length};
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto tail = [&](unsigned shift) {
    out += static_cast<char>(0x80U | ((code >> shift) & 0x3FU));
  };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0U | (code >> 6U));
    tail(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0U | (code >> 12U));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0U | (code >> 18U));
    tail(12);
    tail(6);
    tail(0);
  }
}

/// Parsers see every line end as one line feed; XML 1.0, section 2.11.
void append_plain(std::string& out, std::string_view raw) {
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '\r') {
      out += raw[i];
    } else if (i + 1 == raw.size() || raw[i + 1] != '\n') {
      out += '\n';
    }
  }
}

OrFault<void> check_characters(std::string_view body) {
  for (std::size_t at = 0; at < body.size();) {
    const auto byte = static_cast<unsigned char>(body[at]);
    if (byte >= 0x20 && byte < 0x80) {  // nearly all of them
      ++at;
      continue;
    }
    const Decoded next = byte < 0x80 ? Decoded{byte, 1} : decode_utf8(body.substr(at));
    if (next.length == 0) {
      return fault(FaultCode::kParse, fmt::format("Byte {} of the call is not UTF-8", at));
    }
    if (!is_xml_char(next.code)) {
      return fault(FaultCode::kParse,
                   fmt::format("Byte {} of the call is a character that XML does not allow", at));
    }
    at += next.length;
  }
  return {};
}

/// "&#65;", "&#x41;" or one of the five entities that need no DTD; `name` is what stands between
/// the ampersand and the semicolon.
OrFault<std::uint32_t> character_of(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, char>, 5> kNamed = {
      {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}}};
  for (const auto& [entity, character] : kNamed) {
    if (entity == name) return static_cast<std::uint32_t>(character);
  }
  if (name.starts_with('#')) {
    const bool is_hex = name.starts_with("#x");
    const char* const first = name.data() + (is_hex ? 2 : 1);
    const char* const last = name.data() + name.size();
    std::uint32_t code = 0;
    const auto parsed = std::from_chars(first, last, code, is_hex ? 16 : 10);
    if (parsed.ec == std::errc{} && parsed.ptr == last && is_xml_char(code)) return code;
  }
  return fault(FaultCode::kParse, fmt::format("Unknown entity \"&{};\"", name.substr(0, 40)));
}

/// xmlrpc-c 1.33.14 ends in a segmentation fault when the text of an <i8> is anything else (its
/// message for that case lacks an argument), so the parser must not see such a call.
bool is_integer(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  return integer_from(text).has_value();
}

class Scanner {
 public:
  Scanner(std::string_view body, const ScanLimits& limits) : body_(body), limits_(limits) {}

  OrFault<void> run() {
    if (body_.starts_with("\xEF\xBB\xBF")) at_ = 3;
    while (at_ < body_.size()) {
      auto step = body_[at_] == '<' ? markup() : text_until_markup();
      if (!step) return step;
    }
    if (method_.empty()) return fault(FaultCode::kParse, "The call has no methodName");
    return {};
  }

  [[nodiscard]] std::string method() { return std::move(method_); }
  [[nodiscard]] std::optional<std::string> session() {
    if (session_kind_ != SessionKind::kBare && session_kind_ != SessionKind::kString) return {};
    return std::move(session_);
  }

 private:
  enum class SessionKind { kNotSeen, kBare, kString, kOther };

  [[nodiscard]] std::string_view rest() const { return body_.substr(at_); }

  OrFault<void> markup() {
    if (rest().starts_with("<!--")) return skip_to("-->");
    if (rest().starts_with("<![CDATA[")) return cdata();
    if (rest().starts_with("<!")) {
      return fault(FaultCode::kParse, "Document types and entities are not accepted");
    }
    if (rest().starts_with("<?")) return instruction();
    return tag();
  }

  /// Moves behind the next `mark`.
  OrFault<void> skip_to(std::string_view mark) {
    const auto end = body_.find(mark, at_);
    if (end == std::string_view::npos) {
      return fault(FaultCode::kParse, fmt::format("The call ends before \"{}\"", mark));
    }
    at_ = end + mark.size();
    return {};
  }

  OrFault<void> cdata() {
    const auto begin = at_ + std::string_view{"<![CDATA["}.size();
    auto skipped = skip_to("]]>");
    if (!skipped) return skipped;
    std::string* const target = capture();
    if (target == nullptr) return {};
    const auto raw = body_.substr(begin, at_ - 3 - begin);
    auto fits = check_room(*target, raw);
    if (fits) append_plain(*target, raw);
    return fits;
  }

  /// The parser would follow a declared encoding and read other characters than were checked here.
  OrFault<void> instruction() {
    const auto begin = at_;
    auto skipped = skip_to("?>");
    if (!skipped) return skipped;
    const auto text = body_.substr(begin, at_ - begin);
    const auto key = text.find("encoding");
    if (!text.starts_with("<?xml") || key == std::string_view::npos) return {};
    const auto open = text.find_first_of("\"'", key);
    const auto close = open == std::string_view::npos ? open : text.find(text[open], open + 1);
    if (close == std::string_view::npos) {
      return fault(FaultCode::kParse, "The XML declaration is malformed");
    }
    return check_encoding(text.substr(open + 1, close - open - 1));
  }

  [[nodiscard]] OrFault<void> check_encoding(std::string_view declared) const {
    std::string name{declared};
    for (char& c : name) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    if (name == "UTF-8") return {};
    const bool is_ascii = std::all_of(body_.begin(), body_.end(),
                                      [](char c) { return static_cast<signed char>(c) >= 0; });
    if (is_ascii && (name == "US-ASCII" || name == "ISO-8859-1")) return {};
    return fault(FaultCode::kParse, "The call is not encoded in UTF-8");
  }

  OrFault<void> tag() {
    const auto end = end_of_tag();
    if (end == std::string_view::npos) {
      return fault(FaultCode::kParse, "The call has a tag that is too long or does not end");
    }
    auto inside = body_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    if (inside.starts_with('/')) return close();
    const bool is_empty_element = inside.ends_with('/');
    if (is_empty_element) inside.remove_suffix(1);
    const auto name_end = std::find_if(inside.begin(), inside.end(), is_blank);
    auto opened = open(inside.substr(0, static_cast<std::size_t>(name_end - inside.begin())));
    if (opened && is_empty_element) return close();
    return opened;
  }

  /// Position of the '>' that ends the tag at at_; a quoted value may hold others.
  [[nodiscard]] std::size_t end_of_tag() const {
    char quote = 0;
    const auto last = std::min(body_.size(), at_ + kTagBytesMax);
    for (std::size_t i = at_ + 1; i < last; ++i) {
      const char c = body_[i];
      if (quote == 0 && c == '>') return i;
      if (quote == 0 && (c == '"' || c == '\'')) {
        quote = c;
      } else if (c == quote) {
        quote = 0;
      }
    }
    return std::string_view::npos;
  }

  OrFault<void> open(std::string_view name) {
    if (path_.size() >= limits_.depth_max) {
      return fault(FaultCode::kLimit, fmt::format("The call is nested deeper than {} elements",
                                                  limits_.depth_max));
    }
    path_.push_back(name);
    if (name == "value") ++values_;
    ++elements_;
    if (values_ > limits_.values_max ||
        elements_ > limits_.values_max * kElementsPerValue + kElementsOfTheFrame) {
      return fault(FaultCode::kLimit,
                   fmt::format("The call has more than {} values", limits_.values_max));
    }
    if (is_in_i8()) i8_.clear();
    watch_for_session();
    return {};
  }

  /// Also with a name space in front.
  [[nodiscard]] bool is_in_i8() const { return !path_.empty() && path_.back().ends_with("i8"); }

  OrFault<void> close() {
    if (path_.empty()) return fault(FaultCode::kParse, "The call closes an element too many");
    if (is_in_i8() && !is_integer(i8_)) {
      return fault(FaultCode::kParse, fmt::format("\"{}\" is no 64-bit integer", i8_));
    }
    path_.pop_back();
    if (is_in_session_param_ && path_.size() < kValueDepth) is_in_session_param_ = false;
    return {};
  }

  /// The session is the first value of the first parameter: text in <string>, or bare text.
  void watch_for_session() {
    if (path_.size() == kValueDepth && session_kind_ == SessionKind::kNotSeen && is_param_value()) {
      session_kind_ = SessionKind::kBare;
      is_in_session_param_ = true;
    } else if (path_.size() == kValueDepth + 1 && is_in_session_param_) {
      session_.clear();
      session_kind_ = path_.back() == "string" ? SessionKind::kString : SessionKind::kOther;
    }
  }

  [[nodiscard]] bool is_param_value() const {
    return path_[0] == "methodCall" && path_[1] == "params" && path_[2] == "param" &&
           path_[3] == "value";
  }

  /// Where text at this place goes; nullptr for nowhere.
  [[nodiscard]] std::string* capture() {
    if (is_in_i8()) return &i8_;
    if (path_.size() == 2 && path_[0] == "methodCall" && path_[1] == "methodName") return &method_;
    if (!is_in_session_param_) return nullptr;
    const bool is_bare = session_kind_ == SessionKind::kBare && path_.size() == kValueDepth;
    const bool is_typed = session_kind_ == SessionKind::kString && path_.size() == kValueDepth + 1;
    return is_bare || is_typed ? &session_ : nullptr;
  }

  OrFault<void> text_until_markup() {
    const auto end = std::min(body_.find('<', at_), body_.size());
    const auto raw = body_.substr(at_, end - at_);
    at_ = end;
    std::string* const target = capture();
    if (target == nullptr) return {};
    auto fits = check_room(*target, raw);
    return fits ? append_text(*target, raw) : fits;
  }

  static OrFault<void> check_room(const std::string& target, std::string_view more) {
    if (target.size() + more.size() <= kCapturedBytesMax) return {};
    return fault(FaultCode::kLimit, "A name, number or session in the call is too long");
  }

  static OrFault<void> append_text(std::string& out, std::string_view raw) {
    while (!raw.empty()) {
      const auto reference = std::min(raw.find('&'), raw.size());
      append_plain(out, raw.substr(0, reference));
      raw.remove_prefix(reference);
      if (raw.empty()) break;
      const auto end = std::min(raw.find(';'), raw.size());
      const auto code = character_of(raw.substr(1, end - 1));
      if (!code) return tl::unexpected(code.error());
      append_utf8(out, *code);
      raw.remove_prefix(std::min(end + 1, raw.size()));
    }
    return {};
  }

  static constexpr std::size_t kValueDepth = 4;  ///< methodCall, params, param, value

  std::string_view body_;
  const ScanLimits& limits_;
  std::size_t at_ = 0;
  std::vector<std::string_view> path_;
  std::size_t values_ = 0;
  std::size_t elements_ = 0;
  std::string method_;
  std::string session_;
  std::string i8_;
  SessionKind session_kind_ = SessionKind::kNotSeen;
  bool is_in_session_param_ = false;
};

}  // namespace

OrFault<ScannedCall> scan_call(std::string body, const ScanLimits& limits) {
  if (auto checked = check_characters(body); !checked) return tl::unexpected(checked.error());
  Scanner scanner(body, limits);
  if (auto done = scanner.run(); !done) return tl::unexpected(done.error());
  auto method = scanner.method();
  auto session = scanner.session();
  return ScannedCall(std::move(body), std::move(method), std::move(session));
}

}  // namespace neph::api
