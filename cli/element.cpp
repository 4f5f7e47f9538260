#include "cli/element.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <pugixml.hpp>

#include "base/numbers.h"

namespace neph::cli {
namespace {

// Deep enough for every document of the API, shallow enough for the stack.
constexpr int kDepthMax = 100;

Result<Element> element_of(const pugi::xml_node& node, int depth) {
  if (depth > kDepthMax) return fail(Errc::kInternal, "the server's document is nested too deeply");
  Element element{node.name(), {}, {}};
  for (const pugi::xml_node& child : node.children()) {
    const auto type = child.type();
    if (type == pugi::node_pcdata || type == pugi::node_cdata) element.text += child.value();
    if (type != pugi::node_element) continue;
    element.children.push_back(TRY(element_of(child, depth + 1)));
  }
  return element;
}

/// Always a list for whoever reads the JSON, also with a single member. Lists of ids are named in
/// the plural (VMS, GROUPS) and hold nothing else.
bool is_list_member(const Element& parent, const std::string& name) {
  static constexpr std::array<std::string_view, 4> kLists{"DISK", "NIC", "NIC_ALIAS", "HISTORY"};
  const auto is_id = [](const Element& child) { return child.name == "ID"; };
  const bool is_only_ids = std::all_of(parent.children.begin(), parent.children.end(), is_id);
  if (name == "ID") return is_only_ids && parent.name.ends_with('S');
  if (parent.name.ends_with("_POOL")) return true;
  if (std::find(kLists.begin(), kLists.end(), name) != kLists.end()) return true;
  return parent.all(name).size() > 1;
}

boost::json::value json_of(const Element& element);

boost::json::value json_members(const Element& element) {
  boost::json::object object;
  for (const Element& child : element.children) {
    if (!is_list_member(element, child.name)) {
      object[child.name] = json_of(child);
      continue;
    }
    auto& list = object[child.name];
    if (!list.is_array()) list = boost::json::array{};
    list.as_array().push_back(json_of(child));
  }
  return object;
}

boost::json::value json_of(const Element& element) {
  if (element.children.empty()) return boost::json::string(element.text);
  return json_members(element);
}

void indent_to(std::string& text, int depth) {
  text += '\n';
  text.append(static_cast<std::size_t>(depth) * 2, ' ');
}

void write_pretty(std::string& text, const boost::json::value& value, int depth);

void write_array(std::string& text, const boost::json::array& array, int depth) {
  text += '[';
  std::string_view separator;
  for (const auto& item : array) {
    text += separator;
    indent_to(text, depth + 1);
    write_pretty(text, item, depth + 1);
    separator = ",";
  }
  indent_to(text, depth);
  text += ']';
}

void write_object(std::string& text, const boost::json::object& object, int depth) {
  text += '{';
  std::string_view separator;
  for (const auto& [key, item] : object) {
    text += separator;
    indent_to(text, depth + 1);
    text += boost::json::serialize(boost::json::string(key)) + ": ";
    write_pretty(text, item, depth + 1);
    separator = ",";
  }
  indent_to(text, depth);
  text += '}';
}

void write_pretty(std::string& text, const boost::json::value& value, int depth) {
  if (const auto* object = value.if_object(); object != nullptr && !object->empty())
    return write_object(text, *object, depth);
  if (const auto* array = value.if_array(); array != nullptr && !array->empty())
    return write_array(text, *array, depth);
  text += boost::json::serialize(value);
}

}  // namespace

Result<Element> Element::parse(std::string_view xml) {
  pugi::xml_document document;
  const auto parsed =
      document.load_buffer(xml.data(), xml.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!parsed)
    return fail_because(Errc::kInternal, parsed.description(),
                        "the server sent a document that is not XML");
  return element_of(document.document_element(), 0);
}

const Element* Element::find(std::string_view path) const {
  const Element* here = this;
  while (here != nullptr && !path.empty()) {
    const auto slash = path.find('/');
    const auto step = path.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
    const auto child = std::find_if(here->children.begin(), here->children.end(),
                                    [&](const Element& one) { return one.name == step; });
    here = child == here->children.end() ? nullptr : &*child;
  }
  return here;
}

std::vector<const Element*> Element::all(std::string_view path) const {
  const auto slash = path.rfind('/');
  const bool is_own_child = slash == std::string_view::npos;
  const Element* parent = is_own_child ? this : find(path.substr(0, slash));
  const auto last = is_own_child ? path : path.substr(slash + 1);
  std::vector<const Element*> found;
  if (parent == nullptr) return found;
  for (const Element& child : parent->children)
    if (child.name == last) found.push_back(&child);
  return found;
}

std::string Element::get(std::string_view path, std::string_view fallback) const {
  const Element* element = find(path);
  return element == nullptr ? std::string(fallback) : element->text;
}

std::int64_t Element::number(std::string_view path, std::int64_t fallback) const {
  return integer_from(get(path)).value_or(fallback);
}

std::string to_json(const Element& document) {
  boost::json::object root;
  root[document.name] = json_of(document);
  std::string text;
  write_pretty(text, root, 0);
  return text + "\n";
}

}  // namespace neph::cli
