#include "tests/fuzz/targets.h"
#include "text/template.h"
#include "text/xml_writer.h"

/// The template grammar: what parses can be written and read again unchanged, as text and as XML.
namespace neph::fuzz {
namespace {

using text::Template;

std::string xml_of(const Template& content) {
  text::XmlWriter xml;
  xml.attributes("TEMPLATE", content);
  return xml.take();
}

void check_text_again(const Template& content) {
  const auto again = Template::parse(content.to_text(), text::kStoredLimits);
  require(again && *again == content, "a template is read again as it was written");
}

/// XML cannot carry every byte nor every name, so the first writing may change some of them; later
/// ones change nothing.
void check_xml_again(const Template& content) {
  const auto again = Template::parse(xml_of(content), text::kStoredLimits);
  require(again.has_value(), "the XML of a template is a template");
  require(again->attributes().size() == content.attributes().size(), "XML keeps all attributes");
  const auto xml = xml_of(*again);
  const auto at_last = Template::parse(xml, text::kStoredLimits);
  require(at_last && xml_of(*at_last) == xml, "the XML of a template is read as it was written");
}

void check_lookup(const Template& content) {
  for (const auto& [name, value] : content.attributes()) {
    require(content.has(name), "an attribute is found by its name");
    if (std::holds_alternative<text::Vector>(value))
      require(content.find_vector(name) != nullptr, "a vector is found by its name");
    else
      require(content.find(name) != nullptr, "a value is found by its name");
  }
}

/// What the server stores under a name, wherever it came from.
void check_stored(std::string_view value) {
  Template content;
  content.set(value.substr(0, 20), std::string(value));
  content.add("VECTOR", text::Vector{{std::string(value.substr(0, 10)), std::string(value)}});
  check_text_again(content);
  check_xml_again(content);
}

Result<Template> parse(std::string_view source) {
  auto content = Template::parse(source);
  if (!content) check_parse_error(content.error());
  return content;
}

/// A template and the update for it stand before and behind a NUL byte.
void check_merge(std::string_view input) {
  const auto middle = input.find('\0');
  if (middle == std::string_view::npos) return;
  auto content = parse(input.substr(0, middle));
  const auto more = parse(input.substr(middle + 1));
  if (!content || !more) return;
  content->merge(*more);
  check_text_again(*content);
  check_xml_again(*content);
  for (const auto& [name, value] : more->attributes()) content->erase(name);
  for (const auto& [name, value] : more->attributes())
    require(!content->has(name), "what was erased is gone");
}

}  // namespace

void check_template(std::string_view input) {
  check_stored(input);
  check_merge(input);
  const auto content = parse(input);
  if (!content) return;
  require(content->check_limits().has_value(), "what parses also fits as text");
  check_text_again(*content);
  check_xml_again(*content);
  check_lookup(*content);
}

}  // namespace neph::fuzz
