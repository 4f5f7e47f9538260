#include "api/internal/configuration_xml.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <variant>

#include "text/xml_writer.h"

namespace neph::api {
namespace {

/// Names are upper case in templates. Rather too many than one too few.
bool is_secret(std::string_view name) {
  static constexpr auto kWords =
      std::to_array<std::string_view>({"PASSW", "SECRET", "TOKEN", "CREDENTIAL", "ONE_AUTH"});
  static constexpr auto kKnownPublic = std::to_array<std::string_view>(
      {"PASSWORD_CHANGE", "PASSWORD_REQUIRED", "MAX_TOKEN_TIME"});
  if (std::ranges::find(kKnownPublic, name) != kKnownPublic.end()) return false;
  if (name == "KEY" || name.ends_with("_KEY")) return true;
  return std::any_of(kWords.begin(), kWords.end(), [&](std::string_view word) {
    return name.find(word) != std::string_view::npos;
  });
}

text::Vector without_secrets(const text::Vector& vector) {
  text::Vector shown;
  for (const auto& [key, value] : vector.items()) {
    if (!is_secret(key)) shown.set(key, value);
  }
  return shown;
}

text::Template without_secrets(const text::Template& configuration) {
  text::Template shown;
  for (const auto& [name, value] : configuration.attributes()) {
    if (is_secret(name)) continue;
    if (const auto* single = std::get_if<std::string>(&value)) {
      shown.add(name, *single);
    } else {
      shown.add(name, without_secrets(std::get<text::Vector>(value)));
    }
  }
  return shown;
}

}  // namespace

std::string configuration_document(const text::Template& configuration) {
  text::XmlWriter writer;
  writer.attributes("OPENNEBULA_CONFIGURATION", without_secrets(configuration));
  return writer.take();
}

}  // namespace neph::api
