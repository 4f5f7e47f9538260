#include <algorithm>
#include <cctype>

#include "access/directory.h"
#include "base/words.h"
#include "compute/internal/factory.h"

namespace neph::compute {
namespace {

bool is_name_letter(char letter) {
  return std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '_';
}

std::string trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\n");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\n") - first + 1));
}

/// The inside of the brackets: ATTRIBUTE, or ATTRIBUTE, KEY = "value".
void read_brackets(std::string_view inside, Variable& variable) {
  const auto comma = inside.find(',');
  variable.attribute = upper(trim(inside.substr(0, comma)));
  if (comma == std::string_view::npos) return;
  const auto condition = inside.substr(comma + 1);
  const auto equals = condition.find('=');
  variable.key = upper(trim(condition.substr(0, equals)));
  if (equals == std::string_view::npos) return;
  variable.value = trim(condition.substr(equals + 1));
  const bool is_quoted = variable.value.size() >= 2 && variable.value.front() == '"' &&
                         variable.value.back() == '"';
  if (is_quoted) variable.value = variable.value.substr(1, variable.value.size() - 2);
}

/// The variable that begins behind the dollar at `text[0]`, and how long it is; 0: there is none.
std::size_t read_variable(std::string_view text, Variable& variable) {
  std::size_t size = 1;
  while (size < text.size() && is_name_letter(text[size])) ++size;
  if (size == 1) return 0;
  variable.name = upper(text.substr(1, size - 1));
  if (size == text.size() || text[size] != '[') return size;
  const auto close = text.find(']', size);
  if (close == std::string_view::npos) return size;
  read_brackets(text.substr(size + 1, close - size - 1), variable);
  return close + 1;
}

template <class Device>
std::optional<std::string> find_in(const std::vector<Device>& devices, const Variable& variable) {
  for (const auto& device : devices) {
    const bool fits = variable.key.empty() || device.attributes.get(variable.key) == variable.value;
    if (fits) return device.attributes.get(variable.attribute);
  }
  return std::string{};
}

/// What a variable with brackets stands for, apart from disks and NICs.
std::optional<std::string> find_bracketed(const Vm& vm, const text::Template& user,
                                          const Variable& variable) {
  if (variable.name == "USER") return user.get(variable.attribute);
  for (const auto* source : {&vm.attributes, &vm.user_attributes}) {
    if (const auto* vector = source->find_vector(variable.name)) {
      return vector->get(variable.attribute);
    }
  }
  return std::nullopt;
}

std::optional<std::string> find_plain(const Vm& vm, std::string_view user_name,
                                      std::string_view group_name, const Variable& variable) {
  const std::string& name = variable.name;
  if (name == "NAME") return vm.name;
  if (name == "VMID") return fmt::format("{}", vm.id);
  if (name == "UID") return fmt::format("{}", vm.owner);
  if (name == "GID") return fmt::format("{}", vm.group);
  if (name == "UNAME") return std::string(user_name);
  if (name == "GNAME") return std::string(group_name);
  for (const auto* source : {&vm.attributes, &vm.user_attributes}) {
    if (const auto* value = source->find(name)) return *value;
  }
  return std::nullopt;
}

}  // namespace

std::string substitute(std::string_view text, const VariableLookup& lookup, Unknown unknown) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    if (text.substr(at).starts_with("\\$")) {
      result += '$';
      at += 2;
      continue;
    }
    Variable variable;
    const auto size = text[at] == '$' ? read_variable(text.substr(at), variable) : 0;
    if (size == 0) {
      result += text[at++];
      continue;
    }
    const auto value = lookup(variable);
    if (value) result += *value;
    else if (unknown == Unknown::kStays) result += text.substr(at, size);
    at += size;
  }
  return result;
}

VariableLookup variables_of(db::Txn& txn, const Vm& vm, const std::vector<VmDisk>& disks,
                            const std::vector<VmNic>& nics) {
  const auto user = access::find_user(txn, vm.owner);
  return [&vm, &disks, &nics, user_name = access::user_name(txn, vm.owner),
          group_name = access::group_name(txn, vm.group),
          attributes = user ? user->attributes : text::Template{}](
             const Variable& variable) -> std::optional<std::string> {
    if (variable.attribute.empty()) return find_plain(vm, user_name, group_name, variable);
    if (variable.name == "NIC" || variable.name == "NETWORK") return find_in(nics, variable);
    if (variable.name == "DISK" || variable.name == "IMAGE") return find_in(disks, variable);
    return find_bracketed(vm, attributes, variable);
  };
}

}  // namespace neph::compute
