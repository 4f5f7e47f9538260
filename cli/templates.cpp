#include "cli/templates.h"

#include <cctype>

namespace neph::cli {
namespace {

void set_if(text::Template& content, std::string_view name, const std::string& value) {
  if (!value.empty()) content.set(name, value);
}

bool is_key(std::string_view key) {
  if (key.empty() || std::isdigit(static_cast<unsigned char>(key.front())) != 0) return false;
  for (const char letter : key)
    if (std::isalnum(static_cast<unsigned char>(letter)) == 0 && letter != '_') return false;
  return true;
}

}  // namespace

Result<Pair> parse_pair(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos || !is_key(text.substr(0, equals)))
    return fail(Errc::kInvalid, "\"{}\" is not KEY=VALUE", text);
  return Pair{text.substr(0, equals), text.substr(equals + 1)};
}

Result<std::vector<Pair>> parse_pairs(const std::vector<std::string>& texts) {
  std::vector<Pair> pairs;
  for (const auto& text : texts) pairs.push_back(TRY(parse_pair(text)));
  return pairs;
}

text::Template vm_template(const VmAsk& ask) {
  text::Template content;
  set_if(content, "NAME", ask.name);
  set_if(content, "CPU", ask.cpu);
  set_if(content, "VCPU", ask.vcpu);
  set_if(content, "MEMORY", ask.memory_mb);
  for (const auto image : ask.images)
    content.add("DISK", text::Vector{{"IMAGE_ID", fmt::format("{}", image)}});
  for (const auto& network : ask.networks)
    content.add("NIC", text::Vector{{"NETWORK", network}});
  text::Vector context;
  for (const auto& [key, value] : ask.context) context.set(key, value);
  if (!context.items().empty()) content.set("CONTEXT", std::move(context));
  return content;
}

text::Vector merged_context(const Element& vm_template, const std::vector<Pair>& more) {
  text::Vector context;
  if (const Element* present = vm_template.find("TEMPLATE/CONTEXT"))
    for (const Element& item : present->children) context.set(item.name, item.text);
  for (const auto& [key, value] : more) context.set(key, value);
  return context;
}

text::Template image_template(const ImageAsk& ask) {
  text::Template content;
  set_if(content, "NAME", ask.name);
  set_if(content, "PATH", ask.path);
  set_if(content, "SIZE", ask.size_mb);
  set_if(content, "TYPE", ask.type);
  set_if(content, "FORMAT", ask.format);
  set_if(content, "DEV_PREFIX", ask.prefix);
  set_if(content, "DESCRIPTION", ask.description);
  content.set("PERSISTENT", ask.is_persistent ? "YES" : "NO");
  return content;
}

text::Template snapshot_options(const SnapshotAsk& ask) {
  text::Template content;
  set_if(content, "KIND", ask.kind);
  set_if(content, "WHEN", ask.when);
  set_if(content, "QUIESCE", ask.quiesce);
  set_if(content, "DESCRIPTION", ask.description);
  set_if(content, "PERSISTENT", ask.persistent);
  if (ask.datastore >= 0) content.set("DATASTORE_ID", fmt::format("{}", ask.datastore));
  return content;
}

Result<std::vector<std::int64_t>> permission_bits(std::string_view octal) {
  if (octal.size() != 3 || octal.find_first_not_of("01234567") != std::string_view::npos)
    return fail(Errc::kInvalid,
                "\"{}\" is not a mode of three octal digits (4 use, 2 manage, 1 admin)", octal);
  std::vector<std::int64_t> bits;
  for (const char digit : octal)
    for (const int bit : {4, 2, 1}) bits.push_back(((digit - '0') & bit) != 0 ? 1 : 0);
  return bits;
}

}  // namespace neph::cli
