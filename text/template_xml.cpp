#include <algorithm>
#include <pugixml.hpp>

#include "text/internal/template_parts.h"

/// The XML form of templates: <ANY><NAME>value</NAME><NAME><KEY>value</KEY></NAME></ANY>.
namespace neph::text::internal {
namespace {

tl::unexpected<Error> malformed() {
  return fail(Errc::kInvalid, "Parse error: XML Template malformed.");
}

Result<std::string> name_of_element(const pugi::xml_node& node) {
  const std::string_view name = node.name();
  if (name.empty() || !std::ranges::all_of(name, &is_name_character))
    return fail(Errc::kInvalid,
                "Parse error: the XML element {} is no name of an attribute: only letters, digits "
                "and underscores are",
                name.substr(0, 40));
  return canonical_name(name);
}

bool has_elements(const pugi::xml_node& node) {
  return std::ranges::any_of(
      node, [](const pugi::xml_node& child) { return child.type() == pugi::node_element; });
}

/// All text of an element: a value that was split into several CDATA sections is one value.
Result<std::string> value_of_element(const pugi::xml_node& node) {
  std::string value;
  for (const auto& child : node)
    if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata)
      value += child.value();
  if (value.find("]]>") != std::string::npos)
    return fail(Errc::kInvalid, "Parse error: the value of {} contains ]]>",
                std::string_view(node.name()).substr(0, 40));
  return value;
}

Result<Vector> vector_of_element(const pugi::xml_node& node, const Limits& limits) {
  Vector result;
  for (const auto& child : node) {
    if (child.type() != pugi::node_element) continue;
    if (result.items().size() == limits.keys)
      return fail(Errc::kInvalid, "Parse error: {} has more than {} keys",
                  std::string_view(node.name()).substr(0, 40), limits.keys);
    const auto key = TRY(name_of_element(child));
    result.inherit(key, TRY(value_of_element(child)));
  }
  return result;
}

/// The only element at the top, or nothing when there is anything else beside it.
pugi::xml_node root_of(const pugi::xml_document& document) {
  pugi::xml_node root;
  for (const auto& node : document) {
    if (node.type() != pugi::node_element || root) return {};
    root = node;
  }
  return root;
}

}  // namespace

Result<Template> parse_xml(std::string_view source, const Limits& limits) {
  // parse_fragment and parse_doctype show what would else be skipped in silence: text beside the
  // root element, and a DTD. The encoding is fixed, so that nobody's guess changes the bytes.
  constexpr unsigned kOptions = pugi::parse_cdata | pugi::parse_escapes | pugi::parse_doctype |
                                pugi::parse_fragment;
  if (source.find('\0') != std::string_view::npos) return malformed();
  pugi::xml_document document;
  if (!document.load_buffer(source.data(), source.size(), kOptions, pugi::encoding_utf8))
    return malformed();
  const pugi::xml_node root = root_of(document);
  if (!root) return malformed();

  Template result;
  for (const auto& node : root) {
    if (node.type() != pugi::node_element) continue;
    if (result.attributes().size() == limits.attributes)
      return fail(Errc::kInvalid, "Parse error: more than {} attributes", limits.attributes);
    const auto name = TRY(name_of_element(node));
    if (has_elements(node))
      result.add(name, TRY(vector_of_element(node, limits)));
    else
      result.add(name, TRY(value_of_element(node)));
  }
  return result;
}

}  // namespace neph::text::internal
