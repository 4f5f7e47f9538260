#include "access/restricted_attributes.h"

#include <algorithm>

namespace neph::access {
namespace {

/// The values of "NAME/KEY", or whole attributes of "NAME", each as text.
std::vector<std::string> values_of(const text::Template& source, std::string_view restricted) {
  const auto slash = restricted.find('/');
  const auto name = restricted.substr(0, slash);
  std::vector<std::string> values;
  for (const auto& attribute : source.attributes()) {
    if (attribute.name != name) continue;
    const auto* vector = std::get_if<text::Vector>(&attribute.value);
    if (slash == std::string_view::npos) {
      text::Template whole;
      if (vector != nullptr) whole.add(name, *vector);
      else whole.add(name, std::get<std::string>(attribute.value));
      values.push_back(whole.to_text());
    } else if (vector != nullptr && vector->has(restricted.substr(slash + 1))) {
      values.push_back(vector->get(restricted.substr(slash + 1)));
    }
  }
  std::sort(values.begin(), values.end());
  return values;
}

void carry_over(const std::vector<std::string>& restricted, const text::Template& old,
                text::Template& replaced) {
  for (const auto& name : restricted) {
    if (name.find('/') != std::string::npos || replaced.has(name)) continue;
    if (const auto* value = old.find(name)) replaced.set(name, *value);
  }
}

}  // namespace

Result<void> check_restricted_attributes(const Actor& actor,
                                         const std::vector<std::string>& restricted,
                                         const text::Template& brought, const text::Template& known,
                                         std::string_view what) {
  if (actor.is_admin()) return {};
  for (const auto& name : restricted) {
    const auto there = values_of(known, name);
    const auto asked = values_of(brought, name);
    if (std::includes(there.begin(), there.end(), asked.begin(), asked.end())) continue;
    return fail(Errc::kDenied, "{} includes a restricted attribute {}", what, name);
  }
  return {};
}

Result<text::Template> updated_template(const Actor& actor,
                                        const std::vector<std::string>& restricted,
                                        const TemplateUpdate& update, std::string_view what) {
  text::Template updated = update.is_append ? update.old : update.change;
  if (update.is_append) updated.merge(update.change);
  else if (!actor.is_admin()) carry_over(restricted, update.old, updated);
  CHECK_OK(check_restricted_attributes(actor, restricted, updated, update.old, what));
  return updated;
}

text::Template without_attributes(const text::Template& content,
                                  const std::vector<std::string>& names) {
  const auto is_named = [&](const std::string& name) {
    return std::ranges::find(names, name) != names.end();
  };
  text::Template kept;
  for (const auto& attribute : content.attributes()) {
    if (is_named(attribute.name)) continue;
    const auto* vector = std::get_if<text::Vector>(&attribute.value);
    if (vector == nullptr) {
      kept.add(attribute.name, std::get<std::string>(attribute.value));
      continue;
    }
    text::Vector rest = *vector;
    for (const auto& [key, value] : vector->items())
      if (is_named(attribute.name + "/" + key)) rest.erase(key);
    kept.add(attribute.name, std::move(rest));
  }
  return kept;
}

}  // namespace neph::access
