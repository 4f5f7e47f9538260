#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "access/authenticator.h"
#include "api/http_server.h"
#include "base/lanes.h"
#include "base/log.h"
#include "compute/settings.h"

#include "datastore/image_service.h"
#include "drivers/hypervisor/driver.h"
#include "jobs/runner.h"
#include "monitoring/board.h"
#include "network/settings.h"
#include "site/hook.h"
#include "site/vdc.h"
#include "snapshots/snapshot_service.h"
#include "text/template.h"

/// The configuration: nephd.conf in the template grammar, overridden by the command line. Value
/// types and pure functions; file systems are looked at only where a function says so.
namespace neph::daemon {

enum class EmbeddedHost { kNo, kYes };

/// Everything that can be set, in the form in which the rooms take it. Its defaults are the
/// defaults of the keys.
struct Config {
  std::filesystem::path state = "/var/lib/nephograph";
  api::HttpSettings http;

  log::Level log_level = log::Level::kInfo;
  std::filesystem::path log_file;   ///< empty: nephd.log in the state directory

  access::Authenticator::Settings sessions;
  datastore::Settings images;       ///< `datastores` empty: below the state directory
  compute::Settings vms;
  network::Settings networks;
  snapshots::Settings snapshots;
  monitoring::Board::Settings monitoring;
  site::VdcRights vdc_rights;
  site::HookSettings hooks;         ///< `directory` empty: below the state directory
  jobs::Runner::Limits jobs;
  ThreadLanes::Sizes lanes;

  EmbeddedHost embedded_host = EmbeddedHost::kYes;
  std::string embedded_host_name = "localhost";
  std::filesystem::path embedded_root;  ///< empty: chosen by embedded_root_of()
  hypervisor_driver::Acceleration acceleration = hypervisor_driver::Acceleration::kAuto;
  std::string qemu_img = "qemu-img";
  Duration datastore_interval{60'000};

  Config();

  [[nodiscard]] std::filesystem::path log_path() const;
};

/// One key of nephd.conf.
struct ConfigKey {
  enum class Times { kOnce, kMany };

  std::string_view name;
  std::string_view form;  ///< what a value looks like, for error messages: "a number from 1 to 9"
  std::string_view doc;   ///< one sentence
  Times times = Times::kOnce;
  /// Takes all values that were given, in order; one of them for Times::kOnce.
  /// \returns kInvalid with an empty message when a value is not of `form`
  Result<void> (*set)(Config& config, const std::vector<std::string>& values);
  /// The values in effect, as they would be written.
  std::vector<std::string> (*show)(const Config& config);
  /// Its value is written as KEY = [ NAME = VALUE, ... ]; `set` takes and `show` gives it as what
  /// stands between the brackets.
  bool is_vector = false;
};

/// All keys, in the order of etc/nephd.conf.
[[nodiscard]] const std::vector<ConfigKey>& config_keys();
/// Adds the key with the values in effect, so that read_config() reads the same again.
void add_shown(text::Template& shown, const ConfigKey& key, const Config& config);
/// A key of OpenNebula's oned.conf that means nothing here; accepted so that an oned.conf can be
/// handed over as it is.
[[nodiscard]] bool is_key_of_oned(std::string_view name);

struct LoadedConfig {
  Config config;
  std::vector<std::string> warnings;  ///< a sentence for each key that nobody knows
};

/// Reads a configuration: defaults, then `text`, then `overrides`, of which each key replaces all
/// values it has in `text`. Relative directories are taken from the working directory.
/// \param source  what errors call the text, for example its path
/// \returns kInvalid naming key and value
[[nodiscard]] Result<LoadedConfig> read_config(std::string_view text,
                                               const text::Template& overrides,
                                               std::string_view source);
/// As read_config, with the text of a file. \returns kInvalid also for a file that cannot be read
[[nodiscard]] Result<LoadedConfig> load_config(const std::filesystem::path& file,
                                               const text::Template& overrides);

/// Where the embedded host keeps its sockets and definitions; empty if there shall be none.
/// EMBEDDED_ROOT if it is set, else "embed" in the state directory if that is short enough for UNIX
/// sockets, else a directory in /var/tmp named after the state directory, the same at each start.
[[nodiscard]] std::filesystem::path embedded_root_of(const Config& config);

/// What one.system.config shows: our keys, and the tables of drivers that clients read.
/// Without secrets.
[[nodiscard]] text::Template shown_configuration(const Config& config);

}  // namespace neph::daemon
