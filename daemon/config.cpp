#include "daemon/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "daemon/config_values.h"

namespace neph::daemon {
namespace {

namespace fs = std::filesystem;

/// What OpenNebula's shipped oned.conf restricts.
std::vector<std::string> restricted_of_vms() {
  static const std::vector<std::pair<std::string, std::vector<std::string>>> kVectors = {
      {"CONTEXT", {"FILES"}},
      {"NIC",
       {"MAC", "VLAN_ID", "BRIDGE", "FILTER", "FILTER_IP_SPOOFING", "FILTER_MAC_SPOOFING",
        "INBOUND_AVG_BW", "INBOUND_PEAK_BW", "INBOUND_PEAK_KB", "OUTBOUND_AVG_BW",
        "OUTBOUND_PEAK_BW", "OUTBOUND_PEAK_KB", "OPENNEBULA_MANAGED", "EXTERNAL",
        "VLAN_TAGGED_ID"}},
      {"NIC_ALIAS",
       {"MAC", "VLAN_ID", "BRIDGE", "INBOUND_AVG_BW", "INBOUND_PEAK_BW", "INBOUND_PEAK_KB",
        "OUTBOUND_AVG_BW", "OUTBOUND_PEAK_BW", "OUTBOUND_PEAK_KB", "OPENNEBULA_MANAGED"}},
      {"NIC_DEFAULT", {"MAC", "VLAN_ID", "BRIDGE", "FILTER", "EXTERNAL"}},
      {"DISK",
       {"TOTAL_BYTES_SEC", "TOTAL_BYTES_SEC_MAX_LENGTH", "TOTAL_BYTES_SEC_MAX",
        "READ_BYTES_SEC", "READ_BYTES_SEC_MAX_LENGTH", "READ_BYTES_SEC_MAX", "WRITE_BYTES_SEC",
        "WRITE_BYTES_SEC_MAX_LENGTH", "WRITE_BYTES_SEC_MAX", "TOTAL_IOPS_SEC",
        "TOTAL_IOPS_SEC_MAX_LENGTH", "TOTAL_IOPS_SEC_MAX", "READ_IOPS_SEC",
        "READ_IOPS_SEC_MAX_LENGTH", "READ_IOPS_SEC_MAX", "WRITE_IOPS_SEC",
        "WRITE_IOPS_SEC_MAX_LENGTH", "WRITE_IOPS_SEC_MAX", "SIZE_IOPS_SEC",
        "OPENNEBULA_MANAGED", "ORIGINAL_SIZE", "SIZE_PREV"}},
      {"RAW", {"DATA"}},
      {"USER_INPUTS", {"CPU", "MEMORY", "VCPU"}},
      {"TOPOLOGY", {"PIN_POLICY", "HUGEPAGE_SIZE"}},
  };
  std::vector<std::string> all = {"DEPLOY_ID", "CPU_COST", "MEMORY_COST",  "DISK_COST",
                                  "PCI",       "EMULATOR", "USER_PRIORITY"};
  for (const auto& [vector, keys] : kVectors)
    for (const auto& key : keys) all.push_back(vector + "/" + key);
  return all;
}

/// Names in the order of their first appearance.
std::vector<std::string> names_in(const text::Template& settings) {
  std::vector<std::string> names;
  for (const auto& attribute : settings.attributes()) {
    if (std::find(names.begin(), names.end(), attribute.name) == names.end())
      names.push_back(attribute.name);
  }
  return names;
}

Result<std::vector<std::string>> values_of(const text::Template& settings, const ConfigKey& key) {
  std::vector<std::string> values;
  for (const auto& attribute : settings.attributes()) {
    if (attribute.name != key.name) continue;
    const auto* value = std::get_if<std::string>(&attribute.value);
    if ((value == nullptr) != key.is_vector)
      return fail(Errc::kInvalid, "{} takes {}{}", key.name, key.form,
                  key.is_vector ? "" : ", not a vector");
    values.push_back(key.is_vector ? text_of_vector(std::get<text::Vector>(attribute.value))
                                   : *value);
  }
  return values;
}

Result<void> apply(Config& config, const ConfigKey& key, const text::Template& settings) {
  const auto values = TRY(values_of(settings, key));
  if (values.size() > 1 && key.times == ConfigKey::Times::kOnce)
    return fail(Errc::kInvalid, "{} is given {} times", key.name, values.size());
  if (auto set = key.set(config, values); !set) {
    return fail(Errc::kInvalid, "{} = \"{}\" is wrong: it takes {}", key.name, values.front(),
                key.form);
  }
  return {};
}

fs::path whole_path(const fs::path& path) {
  std::error_code problem;
  const fs::path whole = fs::absolute(path, problem);
  const fs::path normal = (problem ? path : whole).lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

/// What follows from several keys together.
void settle(Config& config) {
  config.state = whole_path(config.state);
  if (config.images.datastores.empty()) config.images.datastores = config.state / "datastores";
  config.images.datastores = whole_path(config.images.datastores);
  config.vms.datastores = config.images.datastores;
  config.vms.default_image_prefix = config.images.default_prefix;
  if (!config.log_file.empty()) config.log_file = whole_path(config.log_file);
  if (!config.embedded_root.empty()) config.embedded_root = whole_path(config.embedded_root);
}

const ConfigKey* find_key(std::string_view name) {
  for (const auto& key : config_keys())
    if (key.name == name) return &key;
  return nullptr;
}

}  // namespace

Config::Config() {
  // virtio is the one bus that every guest of the last fifteen years boots from and that does not
  // emulate hardware; IDE is the one for CD-ROMs that needs no driver.
  images.default_prefix = "vd";
  images.safe_dirs = {"/var/tmp"};
  images.restricted_dirs = {"/"};
  images.restricted_attributes = {"SOURCE"};
  vms.restricted_attributes = restricted_of_vms();
  networks.restricted_attributes = {
      "VN_MAD", "PHYDEV", "VLAN_ID", "OUTER_VLAN_ID", "QINQ_TYPE", "BRIDGE", "CONF", "BRIDGE_CONF",
      "OVS_BRIDGE_CONF", "IP_LINK_CONF", "FILTER", "FILTER_IP_SPOOFING", "FILTER_MAC_SPOOFING",
      "CLUSTER_IDS", "EXTERNAL", "INBOUND_AVG_BW", "INBOUND_PEAK_BW", "INBOUND_PEAK_KB",
      "OUTBOUND_AVG_BW", "OUTBOUND_PEAK_BW", "OUTBOUND_PEAK_KB", "AR/VN_MAD", "AR/PHYDEV",
      "AR/BRIDGE", "AR/VLAN_ID", "AR/FILTER", "AR/FILTER_IP_SPOOFING", "AR/FILTER_MAC_SPOOFING"};
}

void add_shown(text::Template& shown, const ConfigKey& key, const Config& config) {
  for (const auto& value : key.show(config)) {
    const auto vector = key.is_vector ? vector_from(value) : std::nullopt;
    if (vector) shown.add(key.name, *vector);
    else shown.add(key.name, value);
  }
}

fs::path Config::log_path() const { return log_file.empty() ? state / "nephd.log" : log_file; }

Result<LoadedConfig> read_config(std::string_view text, const text::Template& overrides,
                                 std::string_view source) {
  auto settings = text::Template::parse(text);
  if (!settings) {
    return fail_because(Errc::kInvalid, settings.error().text(),
                        "configuration {} cannot be read", source);
  }
  settings->merge(overrides);
  LoadedConfig loaded;
  for (const auto& name : names_in(*settings)) {
    const ConfigKey* key = find_key(name);
    if (key == nullptr) {
      if (!is_key_of_oned(name))
        loaded.warnings.push_back(fmt::format("{}: there is no key {}", source, name));
      continue;
    }
    auto applied = apply(loaded.config, *key, *settings);
    if (!applied) return fail(Errc::kInvalid, "{}: {}", source, applied.error().text());
  }
  settle(loaded.config);
  return loaded;
}

Result<LoadedConfig> load_config(const fs::path& file, const text::Template& overrides) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  std::error_code problem;
  if (stream && fs::is_regular_file(file, problem)) text << stream.rdbuf();
  else return fail(Errc::kInvalid, "configuration {} cannot be read", file.string());
  return read_config(text.str(), overrides, file.string());
}

}  // namespace neph::daemon
