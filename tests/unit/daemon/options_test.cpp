#include "daemon/options.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace neph::daemon {
namespace {

Config config_from(const std::vector<std::string>& arguments) {
  const auto options = parse_options(arguments);
  EXPECT_TRUE(options) << options.error().text;
  const auto loaded = config_of(*options);
  EXPECT_TRUE(loaded) << loaded.error().text();
  return loaded->config;
}

OptionsAnswer refusal_of(const std::vector<std::string>& arguments) {
  const auto options = parse_options(arguments);
  return options ? OptionsAnswer{"accepted", -1} : options.error();
}

TEST(NephdOptions, TakeStateAndListenAsKeysOfTheConfiguration) {
  const auto config = config_from({"--state", "/srv/x", "--listen", "10.0.0.1:80"});
  EXPECT_EQ(config.state, "/srv/x");
  EXPECT_EQ(config.http.address, "10.0.0.1");
  EXPECT_EQ(config.http.port, 80);
}

TEST(NephdOptions, UnderstandEveryFormOfAnAddress) {
  EXPECT_EQ(config_from({"--listen", "[::1]:81"}).http.address, "::1");
  EXPECT_EQ(config_from({"--listen", ":82"}).http.address, "127.0.0.1");
  EXPECT_EQ(config_from({"--listen", "*:83"}).http.address, "0.0.0.0");
  EXPECT_EQ(config_from({"--listen", "84"}).http.port, 84);
}

TEST(NephdOptions, RefuseAnAddressWithoutAPort) {
  for (const std::string listen : {"localhost:", "::1", "1.2.3.4:99999", "1.2.3.4:http"}) {
    EXPECT_EQ(refusal_of({"--listen", listen}).text,
              "--listen " + listen + " is not ADDR:PORT or [ADDR]:PORT\n");
  }
}

TEST(NephdOptions, LetSeveralSettingsOfOneKeyArrive) {
  const auto config = config_from({"--set", "vm_restricted_attr=A", "--set",
                                   "VM_RESTRICTED_ATTR=B/C", "--set=LOG_LEVEL=warn"});
  EXPECT_EQ(config.vms.restricted_attributes, (std::vector<std::string>{"A", "B/C"}));
  EXPECT_EQ(config.log_level, log::Level::kWarn);
}

TEST(NephdOptions, RefuseASettingThatIsNone) {
  EXPECT_EQ(refusal_of({"--set", "PORT"}).text, "--set PORT is not KEY=VALUE\n");
  EXPECT_EQ(refusal_of({"--set", "PROT=1"}).text, "--set PROT=1: there is no such key\n");
  EXPECT_EQ(refusal_of({"--set", "PROT=1"}).exit_code, 2);
}

TEST(NephdOptions, RefuseWordsThatNobodyKnows) {
  EXPECT_EQ(refusal_of({"--stat", "x"}).exit_code, 2);
  EXPECT_EQ(refusal_of({"start"}).exit_code, 2);
}

TEST(NephdOptions, AnswerHelpAndVersionWithoutAnError) {
  const auto help = refusal_of({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  for (const auto* option : {"--config", "--state", "--listen", "--demo-image", "--set",
                             "--check-config", "--version"}) {
    EXPECT_NE(help.text.find(option), std::string::npos) << option;
  }
  EXPECT_EQ(refusal_of({"--version"}).exit_code, 0);
}

TEST(NephdOptions, PreferTheCommandLineToTheFile) {
  std::string pattern = "/tmp/neph-options-XXXXXX";
  const std::filesystem::path directory = mkdtemp(pattern.data());
  std::ofstream(directory / "nephd.conf") << "PORT = 1\nQEMU_IMG = other\n";
  const auto config =
      config_from({"--config", directory / "nephd.conf", "--set", "PORT=2"});
  EXPECT_EQ(config.http.port, 2);
  EXPECT_EQ(config.qemu_img, "other");
  std::filesystem::remove_all(directory);
}

TEST(NephdOptions, NameAConfigurationThatIsNotThere) {
  const auto loaded = config_of(*parse_options({"--config", "/none/nephd.conf"}));
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().text(), "configuration /none/nephd.conf cannot be read");
}

}  // namespace
}  // namespace neph::daemon
