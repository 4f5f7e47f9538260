#include "text/template.h"

#include <algorithm>
#include <array>
#include <set>

#include "text/internal/template_parts.h"

namespace neph::text {

using internal::canonical_name;
using internal::canonical_value;
using internal::is_same_name;

namespace internal {
namespace {

/// Names are compared all the time: by a table.
constexpr auto kCanonical = [] {
  std::array<char, 256> table{};
  for (std::size_t i = 0; i < table.size(); ++i) {
    const auto c = static_cast<char>(i);
    const bool is_small = c >= 'a' && c <= 'z';
    table[i] = !is_name_character(c) ? '_' : is_small ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return table;
}();
char canonical_character(char c) { return kCanonical[static_cast<unsigned char>(c)]; }

/// No less than what to_text() takes: each byte of a value may need a backslash.
std::size_t size_bound(const std::vector<Attribute>& attributes) {
  constexpr std::size_t kAround = 16;  // quotes, equals sign, brackets, line end
  const auto needs = [](std::string_view name, std::string_view value) {
    return name.size() + 2 * value.size() + kAround;
  };
  std::size_t bytes = 0;
  for (const auto& attribute : attributes) {
    if (const auto* value = std::get_if<std::string>(&attribute.value)) {
      bytes += needs(attribute.name, *value);
      continue;
    }
    bytes += needs(attribute.name, {});
    for (const auto& [key, value] : std::get<Vector>(attribute.value).items())
      bytes += needs(key, value);
  }
  return bytes;
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string canonical_name(std::string_view name) {
  if (name.empty()) return "_";
  std::string result(name);
  std::ranges::transform(result, result.begin(), &canonical_character);
  return result;
}

bool is_same_name(std::string_view stored, std::string_view asked) {
  if (asked.empty()) return stored == canonical_name(asked);
  return stored.size() == asked.size() && std::ranges::equal(stored, asked, {}, {},
                                                             [](char c) {
                                                               return canonical_character(c);
                                                             });
}

std::string canonical_value(std::string value) {
  const std::string_view kept = trimmed(value);
  std::string result = kept.size() == value.size() ? std::move(value) : std::string(kept);
  std::ranges::replace(result, '\0', '?');
  for (auto at = result.find("]]>"); at != std::string::npos; at = result.find("]]>", at))
    result.insert(at + 2, 1, ' ');
  return result;
}

}  // namespace internal

namespace {

bool means_yes(std::string_view value) {
  constexpr std::array<std::string_view, 4> kYes{"YES", "TRUE", "1", "ON"};
  return std::ranges::any_of(kYes, [&](std::string_view yes) { return is_same_name(yes, value); });
}

}  // namespace

Vector::Vector(std::initializer_list<std::pair<std::string, std::string>> items) {
  for (const auto& [key, value] : items) inherit(key, value);
}

const std::string* Vector::find(std::string_view key) const {
  for (const auto& [name, value] : items_)
    if (is_same_name(name, key)) return &value;
  return nullptr;
}

std::string Vector::get(std::string_view key, std::string_view fallback) const {
  const auto* value = find(key);
  return value != nullptr ? *value : std::string(fallback);
}

bool Vector::is_yes(std::string_view key) const {
  const auto* value = find(key);
  return value != nullptr && means_yes(*value);
}

void Vector::set(std::string_view key, std::string value) {
  for (auto& item : items_)
    if (is_same_name(item.first, key)) {
      item.second = canonical_value(std::move(value));
      return;
    }
  items_.emplace_back(canonical_name(key), canonical_value(std::move(value)));
}

void Vector::inherit(std::string_view key, std::string value) {
  if (has(key)) return;
  items_.emplace_back(canonical_name(key), canonical_value(std::move(value)));
}

bool Vector::erase(std::string_view key) {
  return std::erase_if(items_, [&](const auto& item) { return is_same_name(item.first, key); }) > 0;
}

Result<Template> Template::parse(std::string_view source, const Limits& limits) {
  if (source.size() > limits.bytes)
    return fail(Errc::kInvalid, "Parse error: the template has {} bytes, {} are allowed",
                source.size(), limits.bytes);
  const bool is_xml = internal::trimmed(source).starts_with('<');
  auto result = TRY(is_xml ? internal::parse_xml(source, limits)
                           : internal::parse_text(source, limits));
  CHECK_OK(result.check_limits(limits));
  return result;
}

Result<void> Template::check_limits(const Limits& limits) const {
  if (attributes_.size() > limits.attributes)
    return fail(Errc::kInvalid, "Parse error: the template has {} attributes, {} are allowed",
                attributes_.size(), limits.attributes);
  for (const auto& attribute : attributes_) {
    const auto* vector = std::get_if<Vector>(&attribute.value);
    if (vector != nullptr && vector->items().size() > limits.keys)
      return fail(Errc::kInvalid, "Parse error: {} has {} keys, {} are allowed", attribute.name,
                  vector->items().size(), limits.keys);
  }
  // Nearly always far below the limit, which is cheaper to see than to measure.
  if (internal::size_bound(attributes_) <= limits.bytes) return {};
  const std::size_t bytes = to_text().size();
  if (bytes > limits.bytes)
    return fail(Errc::kInvalid, "Parse error: the template takes {} bytes as text, {} are allowed",
                bytes, limits.bytes);
  return {};
}

const std::string* Template::find(std::string_view name) const {
  for (const auto& attribute : attributes_) {
    if (!is_same_name(attribute.name, name)) continue;
    if (const auto* value = std::get_if<std::string>(&attribute.value)) return value;
  }
  return nullptr;
}

std::string Template::get(std::string_view name, std::string_view fallback) const {
  const auto* value = find(name);
  return value != nullptr ? *value : std::string(fallback);
}

bool Template::has(std::string_view name) const {
  return std::ranges::any_of(attributes_, [&](const Attribute& attribute) {
    return is_same_name(attribute.name, name);
  });
}

bool Template::is_yes(std::string_view name) const {
  const auto* value = find(name);
  return value != nullptr && means_yes(*value);
}

const Vector* Template::find_vector(std::string_view name) const {
  for (const auto& attribute : attributes_) {
    if (!is_same_name(attribute.name, name)) continue;
    if (const auto* vector = std::get_if<Vector>(&attribute.value)) return vector;
  }
  return nullptr;
}

std::vector<const Vector*> Template::vectors(std::string_view name) const {
  std::vector<const Vector*> result;
  for (const auto& attribute : attributes_) {
    const auto* vector = std::get_if<Vector>(&attribute.value);
    if (vector != nullptr && is_same_name(attribute.name, name)) result.push_back(vector);
  }
  return result;
}

void Template::set(std::string_view name, std::string value) {
  replace({canonical_name(name), canonical_value(std::move(value))});
}

void Template::set(std::string_view name, Vector value) {
  replace({canonical_name(name), std::move(value)});
}

void Template::replace(Attribute attribute) {
  const auto is_named = [&](const Attribute& other) { return other.name == attribute.name; };
  const auto first = std::ranges::find_if(attributes_, is_named);
  if (first == attributes_.end()) {
    attributes_.push_back(std::move(attribute));
    return;
  }
  attributes_.erase(std::remove_if(first + 1, attributes_.end(), is_named), attributes_.end());
  *first = std::move(attribute);
}

void Template::add(std::string_view name, std::string value) {
  attributes_.push_back({canonical_name(name), canonical_value(std::move(value))});
}

void Template::add(std::string_view name, Vector value) {
  attributes_.push_back({canonical_name(name), std::move(value)});
}

bool Template::erase(std::string_view name) {
  return std::erase_if(attributes_, [&](const Attribute& attribute) {
           return is_same_name(attribute.name, name);
         }) > 0;
}

void Template::merge(const Template& more) {
  // A copy, because `more` may be this very template.
  const std::vector<Attribute> arriving = more.attributes_;
  std::set<std::string_view> names;
  for (const auto& attribute : arriving) names.insert(attribute.name);
  std::erase_if(attributes_,
                [&](const Attribute& attribute) { return names.contains(attribute.name); });
  for (const auto& attribute : arriving) {
    const auto* vector = std::get_if<Vector>(&attribute.value);
    if (vector == nullptr || !vector->items().empty()) attributes_.push_back(attribute);
  }
}

}  // namespace neph::text
