#include "text/xml_writer.h"

#include <algorithm>
#include <array>

#include "base/result.h"

namespace neph::text {
namespace {

/// Length of the well-formed UTF-8 sequence of a character that XML 1.0 allows, or 0.
std::size_t xml_character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto is_tail = [&](std::size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
  const unsigned first = byte(0);
  if (first < 0x80) {
    const bool is_space = first == '\t' || first == '\n' || first == '\r';
    return is_space || (first >= 0x20 && first != 0x7F) ? 1 : 0;
  }
  if (first >= 0xC2 && first <= 0xDF) return is_tail(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!is_tail(1) || !is_tail(2)) return 0;
    const unsigned point = (first & 0x0Fu) << 12 | (byte(1) & 0x3Fu) << 6 | (byte(2) & 0x3Fu);
    const bool is_surrogate = point >= 0xD800 && point <= 0xDFFF;
    return point >= 0x800 && !is_surrogate && point < 0xFFFE ? 3 : 0;
  }
  if (first < 0xF0 || first > 0xF4 || !is_tail(1) || !is_tail(2) || !is_tail(3)) return 0;
  const unsigned start = first << 8 | byte(1);
  return start >= 0xF090 && start <= 0xF48F ? 4 : 0;
}

/// Bytes that stand for themselves in escaped text.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (unsigned byte = 0x20; byte < 0x7F; ++byte) {
    plain[byte] = byte != '&' && byte != '<' && byte != '>' && byte != '"';
  }
  plain['\t'] = plain['\n'] = true;
  return plain;
}();

/// One character that is not plain; empty: a byte that XML cannot carry.
void append_special(std::string& out, std::string_view character) {
  if (character.empty()) {
    out += '?';
    return;
  }
  switch (character[0]) {
    case '&': out += "&amp;"; break;
    case '<': out += "&lt;"; break;
    case '>': out += "&gt;"; break;
    case '"': out += "&quot;"; break;
    // Readers turn a bare carriage return into a newline.
    case '\r': out += "&#13;"; break;
    default: out += character;
  }
}

/// Only characters that XML can carry; every other byte becomes '?'.
std::string xml_clean(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = xml_character_length(text);
    if (length == 0)
      result += '?';
    else
      result.append(text.substr(0, length));
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return result;
}

void append_cdata(std::string& out, std::string_view value) {
  const std::string clean = xml_clean(value);
  std::string_view rest = clean;
  out += "<![CDATA[";
  // A value with "]]>" goes on in a second section: readers join the two.
  for (auto at = rest.find("]]>"); at != std::string_view::npos; at = rest.find("]]>")) {
    out.append(rest.substr(0, at + 2)).append("]]><![CDATA[");
    rest.remove_prefix(at + 2);
  }
  out.append(rest).append("]]>");
}

/// Attribute names may begin with a digit or with XML, element names may not: then OpenNebula
/// writes ONE_ before them.
std::string element_name(const std::string& name) {
  const bool is_start = !name.empty() && (name[0] < '0' || name[0] > '9');
  return is_start && !name.starts_with("XML") ? name : "ONE_" + name;
}

}  // namespace

std::string xml_escaped(std::string_view text) {
  std::string result;
  result.reserve(text.size() + text.size() / 4);
  // Most bytes are plain: runs of them are copied at once.
  std::size_t from = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (kPlain[byte]) {
      ++at;
      continue;
    }
    result.append(text.substr(from, at - from));
    const std::size_t length = xml_character_length(text.substr(at, 4));
    append_special(result, text.substr(at, length));
    at += std::max<std::size_t>(length, 1);
    from = at;
  }
  result.append(text.substr(from));
  return result;
}

void XmlWriter::open(std::string_view tag) {
  text_.append("<").append(tag).append(">");
  open_.emplace_back(tag);
}

void XmlWriter::close() {
  NEPH_ASSERT(!open_.empty());
  text_.append("</").append(open_.back()).append(">");
  open_.pop_back();
}

void XmlWriter::element(std::string_view tag, std::int64_t value) {
  open(tag);
  text_ += std::to_string(value);
  close();
}

void XmlWriter::element(std::string_view tag, std::string_view value) {
  if (value.empty()) return empty(tag);
  open(tag);
  text_ += xml_escaped(value);
  close();
}

void XmlWriter::cdata(std::string_view tag, std::string_view value) {
  open(tag);
  append_cdata(text_, value);
  close();
}

void XmlWriter::empty(std::string_view tag) { text_.append("<").append(tag).append("/>"); }

void XmlWriter::raw(std::string_view xml) { text_.append(xml); }

void XmlWriter::ids(std::string_view tag, const std::vector<std::int64_t>& ids) {
  open(tag);
  for (const auto id : ids) element("ID", id);
  close();
}

void XmlWriter::attributes(std::string_view tag, const Template& content) {
  std::vector<const Attribute*> sorted;
  for (const auto& attribute : content.attributes()) sorted.push_back(&attribute);
  std::ranges::stable_sort(sorted, {}, [](const Attribute* a) -> const std::string& {
    return a->name;
  });
  open(tag);
  for (const auto* attribute : sorted) {
    const std::string name = element_name(attribute->name);
    if (const auto* value = std::get_if<Vector>(&attribute->value))
      vector(name, *value);
    else
      cdata(name, std::get<std::string>(attribute->value));
  }
  close();
}

void XmlWriter::vector(std::string_view tag, const Vector& content) {
  if (content.items().empty()) return empty(tag);
  Vector::Items sorted = content.items();
  std::ranges::sort(sorted);
  open(tag);
  for (const auto& [key, value] : sorted) cdata(element_name(key), value);
  close();
}

}  // namespace neph::text
