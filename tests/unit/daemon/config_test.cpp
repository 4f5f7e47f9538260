#include "daemon/config.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

namespace neph::daemon {
namespace {

Result<LoadedConfig> read(std::string_view text) { return read_config(text, {}, "test.conf"); }

std::string error_of(std::string_view text) {
  const auto loaded = read(text);
  return loaded ? "no error" : loaded.error().text();
}

std::string shipped_text() {
  std::ifstream file(std::string(NEPH_SOURCE_DIR) + "/etc/nephd.conf");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The shipped file as if somebody had taken every "#" away from keys.
std::string shipped_keys() {
  std::istringstream text(shipped_text());
  std::string keys;
  static const std::regex kKey("#([A-Z_]+ = .*)");
  std::smatch found;
  for (std::string line; std::getline(text, line);)
    if (std::regex_match(line, found, kKey)) keys += found[1].str() + "\n";
  return keys;
}

TEST(Configuration, TakesValuesFromTheFileAndKeepsDefaultsForTheRest) {
  const auto loaded = read("PORT = 2700\nLOG_LEVEL=debug # loud\nSHUTDOWN_TIMEOUT = \"20\"\n");
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ(loaded->config.http.port, 2700);
  EXPECT_EQ(loaded->config.log_level, log::Level::kDebug);
  EXPECT_EQ(loaded->config.vms.shutdown_limit, Duration{20'000});
  EXPECT_EQ(loaded->config.http.address, "127.0.0.1");
  EXPECT_TRUE(loaded->warnings.empty());
}

TEST(Configuration, NamesAKeyThatNobodyKnows) {
  const auto loaded = read("PROT = 2700");
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->warnings, std::vector<std::string>{"test.conf: there is no key PROT"});
}

TEST(Configuration, AcceptsKeysOfOnedThatMeanNothingHere) {
  const auto loaded = read(
      "MANAGER_TIMER=15\nLOG=[SYSTEM=\"file\",DEBUG_LEVEL=3]\nVM_MAD=[NAME=\"kvm\"]\n"
      "DB=[BACKEND=\"sqlite\"]\nPORT=2634\nDEFAULT_UMASK=077");
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_TRUE(loaded->warnings.empty());
  EXPECT_EQ(loaded->config.http.port, 2634);
  EXPECT_EQ(loaded->config.sessions.default_umask, 077);
}

TEST(Configuration, NamesKeyAndValueThatAreWrong) {
  EXPECT_EQ(error_of("PORT = 70000"),
            "test.conf: PORT = \"70000\" is wrong: it takes a number from 0 to 65535");
  EXPECT_EQ(error_of("EMBEDDED_HOST = perhaps"),
            "test.conf: EMBEDDED_HOST = \"perhaps\" is wrong: it takes YES or NO");
  EXPECT_EQ(error_of("DEFAULT_UMASK = 99"),
            "test.conf: DEFAULT_UMASK = \"99\" is wrong: it takes an octal number such as 177");
  EXPECT_EQ(error_of("CPU_OVERCOMMIT = 0"),
            "test.conf: CPU_OVERCOMMIT = \"0\" is wrong: it takes a factor up to 100");
}

TEST(Configuration, RefusesAVectorWhereAValueBelongs) {
  EXPECT_EQ(error_of("PORT = [NUMBER = 1]"),
            "test.conf: PORT takes a number from 0 to 65535, not a vector");
}

TEST(Configuration, RefusesAKeyThatIsGivenTwice) {
  EXPECT_EQ(error_of("PORT = 1\nPORT = 2"), "test.conf: PORT is given 2 times");
}

TEST(Configuration, SaysWhereTheGrammarIsBroken) {
  EXPECT_NE(error_of("PORT = [").find("configuration test.conf cannot be read (Parse error"),
            std::string::npos);
}

TEST(Configuration, TakesARestrictedAttributeInEachValue) {
  const auto loaded = read("VM_RESTRICTED_ATTR = \"nic/mac\"\nVM_RESTRICTED_ATTR = PCI");
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->config.vms.restricted_attributes, (std::vector<std::string>{"NIC/MAC", "PCI"}));
  EXPECT_EQ(loaded->config.images.restricted_attributes, std::vector<std::string>{"SOURCE"});
  EXPECT_TRUE(read("VM_RESTRICTED_ATTR = \"\"")->config.vms.restricted_attributes.empty());
}

TEST(Configuration, RestrictsWhatOpenNebulaRestrictsUnlessToldOtherwise) {
  const auto restricted = read("")->config.vms.restricted_attributes;
  EXPECT_EQ(restricted.size(), 66u);
  EXPECT_EQ(std::count(restricted.begin(), restricted.end(), "CONTEXT/FILES"), 1);
  EXPECT_EQ(std::count(restricted.begin(), restricted.end(), "DISK/SIZE_PREV"), 1);
}

TEST(Configuration, LetsAnOverrideReplaceAllValuesOfTheFile) {
  text::Template overrides;
  overrides.add("IMAGE_RESTRICTED_ATTR", "A");
  overrides.add("IMAGE_RESTRICTED_ATTR", "B");
  const auto loaded = read_config("IMAGE_RESTRICTED_ATTR = C\nPORT = 1", overrides, "test.conf");
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->config.images.restricted_attributes, (std::vector<std::string>{"A", "B"}));
  EXPECT_EQ(loaded->config.http.port, 1);
}

TEST(Configuration, PutsDatastoresAndLogBelowTheStateDirectory) {
  const auto config = read("STATE_DIR = \"/srv/neph/\"")->config;
  EXPECT_EQ(config.state, "/srv/neph");
  EXPECT_EQ(config.images.datastores, "/srv/neph/datastores");
  EXPECT_EQ(config.vms.datastores, "/srv/neph/datastores");
  EXPECT_EQ(config.log_path(), "/srv/neph/nephd.log");
  const auto apart = read("STATE_DIR = \"/srv/neph\"\nDATASTORE_LOCATION = \"/big\"")->config;
  EXPECT_EQ(apart.images.datastores, "/big");
}

TEST(Configuration, MakesRelativeDirectoriesAbsolute) {
  EXPECT_EQ(read("STATE_DIR = \"var\"")->config.state, std::filesystem::current_path() / "var");
}

TEST(Configuration, KeepsTheEmbeddedRootShortEnoughForSockets) {
  EXPECT_EQ(embedded_root_of(read("STATE_DIR = \"/srv/neph\"")->config), "/srv/neph/embed");
  const std::string deep = "STATE_DIR = \"/srv/a/very/deep/directory/of/somebody/neph\"";
  const auto root = embedded_root_of(read(deep)->config);
  EXPECT_LE(root.string().size(), 35u);
  EXPECT_EQ(root.parent_path(), "/var/tmp");
  EXPECT_EQ(root, embedded_root_of(read(deep)->config)) << "not the same at the next start";
  EXPECT_NE(root, embedded_root_of(read(deep.substr(0, deep.size() - 1) + "2\"")->config));
  EXPECT_EQ(embedded_root_of(read("EMBEDDED_ROOT = \"/e\"")->config), "/e");
  EXPECT_EQ(embedded_root_of(read("EMBEDDED_HOST = NO")->config), "");
}

TEST(Configuration, LeavesTwoDriverThreadsThatNoJobTakes) {
  const auto config = read("DRIVER_THREADS = 8")->config;
  EXPECT_EQ(config.lanes.drivers, 8);
  EXPECT_EQ(config.jobs.acts_max, 6);
}

TEST(Configuration, TakesZeroAsNoLimitOfCopies) {
  EXPECT_EQ(read("SNAPSHOT_COPY_RATE = 0")->config.snapshots.copy_rate_max, std::nullopt);
  EXPECT_EQ(read("SNAPSHOT_COPY_RATE = 50")->config.snapshots.copy_rate_max,
            Bytes::megabytes(50));
}

TEST(Configuration, ShowsForEachKeyWhatSetsItAgain) {
  const auto config = read("PORT=99\nSAFE_DIRS=\"/a, /b\"\nACCELERATION=TCG\n"
                           "SNAPSHOT_FREEZE_TIMEOUT=7\nSNAPSHOT_PERSISTENT=no")->config;
  text::Template shown;
  for (const auto& key : config_keys()) add_shown(shown, key, config);
  const auto again = read(shown.to_text());
  ASSERT_TRUE(again) << again.error().text();
  for (const auto& key : config_keys())
    EXPECT_EQ(key.show(again->config), key.show(config)) << key.name;
  EXPECT_EQ(again->config.snapshots.freeze_limit, Duration{7'000});
}

TEST(Configuration, ShowsClientsOurKeysAndTheTablesOfDrivers) {
  const auto shown = shown_configuration(read("PORT = 2700")->config);
  EXPECT_EQ(shown.get("PORT"), "2700");
  EXPECT_EQ(shown.get("API_LIST_ORDER"), "DESC");
  EXPECT_EQ(shown.vectors("AUTH_MAD_CONF").front()->get("PASSWORD_CHANGE"), "YES");
  EXPECT_FALSE(shown.vectors("TM_MAD_CONF").empty());
  EXPECT_FALSE(shown.vectors("VM_MAD").empty());
}

TEST(Configuration, TakesCostsAsAnOnedConfSaysThem) {
  const auto config =
      read("DEFAULT_COST = [ CPU_COST=2, MEMORY_COST=0.25 ]\nSHOWBACK_ONLY_RUNNING=yes")->config;
  EXPECT_EQ(config.vms.default_costs.cpu, 2);
  EXPECT_EQ(config.vms.default_costs.memory, 0.25);
  EXPECT_EQ(config.vms.default_costs.disk, 0);
  EXPECT_TRUE(config.vms.charges_only_running);
  EXPECT_EQ(shown_configuration(config).vectors("DEFAULT_COST").front()->get("CPU_COST"), "2");
  EXPECT_FALSE(read("DEFAULT_COST = 2"));
  EXPECT_FALSE(read("DEFAULT_COST = [ CPU_COST = -1 ]"));
  EXPECT_FALSE(read("DEFAULT_COST = [ CPU = 1 ]"));
}

TEST(ShippedConfiguration, ChangesNothingAsItIs) {
  const auto loaded = read(shipped_text());
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_TRUE(loaded->warnings.empty());
  const auto defaults = read("")->config;
  for (const auto& key : config_keys())
    EXPECT_EQ(key.show(loaded->config), key.show(defaults)) << key.name;
}

TEST(ShippedConfiguration, ShowsEveryKeyWithItsDefaultAndNoOther) {
  const auto parsed = text::Template::parse(shipped_keys());
  ASSERT_TRUE(parsed) << parsed.error().text();
  std::set<std::string, std::less<>> mentioned;
  for (const auto& attribute : parsed->attributes()) mentioned.insert(attribute.name);
  for (const auto& key : config_keys())
    EXPECT_EQ(mentioned.erase(std::string(key.name)), 1u) << key.name;
  EXPECT_TRUE(mentioned.empty()) << *mentioned.begin();

  const auto loaded = read(shipped_keys());
  ASSERT_TRUE(loaded) << loaded.error().text();
  const auto defaults = read("")->config;
  for (const auto& key : config_keys()) {
    if (key.name.ends_with("_RESTRICTED_ATTR")) continue;  // the file shows a few of many
    EXPECT_EQ(key.show(loaded->config), key.show(defaults)) << key.name;
  }
}

}  // namespace
}  // namespace neph::daemon
