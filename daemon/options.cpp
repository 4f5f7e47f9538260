#include "daemon/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

#include "base/words.h"
#include "daemon/config_values.h"

namespace neph::daemon {
namespace {

constexpr int kWrongLine = 2;
constexpr std::string_view kDefaultsSource = "of the command line";

struct Line {
  Options options;
  std::string state;
  std::string listen;
  std::vector<std::string> settings;
  bool is_check = false;
};

void declare(CLI::App& app, Line& line) {
  app.add_option("--config", line.options.config_file, "Configuration; without it the defaults")
      ->type_name("FILE");
  app.add_option("--state", line.state, "Where everything is kept (STATE_DIR)")
      ->type_name("DIR");
  app.add_option("--listen", line.listen, "Where the API answers (LISTEN_ADDRESS and PORT)")
      ->type_name("ADDR:PORT");
  app.add_option("--demo-image", line.options.demo_image,
                 "Makes image and template \"demo\" of this qcow2 file, once")
      ->type_name("FILE");
  app.add_option("--set", line.settings, "Overrides a key of the configuration; repeatable")
      ->type_name("KEY=VALUE")->allow_extra_args(false);
  app.add_flag("--check-config", line.is_check, "Checks the configuration and stops");
  app.add_option("--restore", line.options.backup,
                 "Puts a backup in the place of the state store and stops; nephd must not run")
      ->type_name("FILE");
  app.set_version_flag("--version", NEPH_VERSION);
}

/// "127.0.0.1:2633", "[::1]:2633", ":2633" and "2633".
Result<void> add_listen(const std::string& listen, text::Template& overrides) {
  const auto colon = listen.rfind(':');
  std::string address = colon == std::string::npos ? "" : listen.substr(0, colon);
  const std::string port = colon == std::string::npos ? listen : listen.substr(colon + 1);
  const bool is_bracketed = address.starts_with('[') && address.ends_with(']');
  if (is_bracketed) address = address.substr(1, address.size() - 2);
  const bool is_ambiguous = !is_bracketed && address.find(':') != std::string::npos;
  if (is_ambiguous || !number_from(port, 0, 65535))
    return fail(Errc::kInvalid, "--listen {} is not ADDR:PORT or [ADDR]:PORT", listen);
  if (address == "*") address = "0.0.0.0";
  if (!address.empty()) overrides.set("LISTEN_ADDRESS", address);
  overrides.set("PORT", port);
  return {};
}

Result<void> add_setting(const std::string& setting, text::Template& overrides) {
  const auto equals = setting.find('=');
  if (equals == 0 || equals == std::string::npos)
    return fail(Errc::kInvalid, "--set {} is not KEY=VALUE", setting);
  const std::string name = upper(setting.substr(0, equals));
  const auto& keys = config_keys();
  const bool is_known =
      std::any_of(keys.begin(), keys.end(), [&](const ConfigKey& key) { return key.name == name; });
  // In a file an unknown key may come from another version; here somebody has just typed it.
  if (!is_known) return fail(Errc::kInvalid, "--set {}: there is no such key", setting);
  overrides.add(name, setting.substr(equals + 1));
  return {};
}

Result<Options> options_of(Line line) {
  for (const auto& setting : line.settings) CHECK_OK(add_setting(setting, line.options.overrides));
  if (!line.state.empty()) line.options.overrides.set("STATE_DIR", line.state);
  if (!line.listen.empty()) CHECK_OK(add_listen(line.listen, line.options.overrides));
  if (line.is_check) line.options.mode = Options::Mode::kCheckConfig;
  if (!line.options.backup.empty()) line.options.mode = Options::Mode::kRestore;
  return std::move(line.options);
}

}  // namespace

tl::expected<Options, OptionsAnswer> parse_options(std::vector<std::string> arguments) {
  CLI::App app("Nephograph: runs VMs and turns their disks into images.", "nephd");
  Line line;
  declare(app, line);
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  try {
    app.parse(arguments);
  } catch (const CLI::Error& problem) {
    std::ostringstream out;
    std::ostringstream err;
    const int code = app.exit(problem, out, err);
    return tl::unexpected(OptionsAnswer{out.str() + err.str(), code == 0 ? 0 : kWrongLine});
  }
  auto options = options_of(std::move(line));
  if (options) return std::move(*options);
  return tl::unexpected(OptionsAnswer{options.error().text() + "\n", kWrongLine});
}

Result<LoadedConfig> config_of(const Options& options) {
  if (options.config_file.empty()) return read_config("", options.overrides, kDefaultsSource);
  return load_config(options.config_file, options.overrides);
}

}  // namespace neph::daemon
