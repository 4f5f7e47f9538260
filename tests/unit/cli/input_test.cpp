#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "cli/credentials.h"
#include "cli/selectors.h"
#include "cli/templates.h"
#include "fake_server.h"

namespace neph::cli {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

TEST(Targets, AreIdsNamesListsAndRanges) {
  EXPECT_EQ(*split_targets("5"), Words({"5"}));
  EXPECT_EQ(*split_targets("web"), Words({"web"}));
  EXPECT_EQ(*split_targets("1..3,web,9"), Words({"1", "2", "3", "web", "9"}));
  EXPECT_EQ(*split_targets("4..4"), Words({"4"}));
  EXPECT_EQ(*split_targets("v1..v3"), Words({"v1..v3"}));
}

TEST(Targets, RefuseRangesThatMakeNoSense) {
  for (const char* text : {"3..1", "1,,2", "", "1,", "0..99999", "1..99999999999999999999"}) {
    const auto targets = split_targets(text);
    ASSERT_FALSE(targets) << text;
    EXPECT_EQ(targets.error().code, Errc::kInvalid) << text;
  }
}

class Names : public testing::Test {
 protected:
  FakeServer server_;
  FakeTransport transport_{server_};
  RpcClient rpc_{transport_, "a:b"};
};

TEST_F(Names, AreLookedUpAmongEverythingVisible) {
  server_.answer("one.imagepool.info",
                 ok_text("<IMAGE_POOL><IMAGE><ID>4</ID><NAME>demo</NAME></IMAGE>"
                         "<IMAGE><ID>5</ID><NAME>other</NAME></IMAGE></IMAGE_POOL>"));
  EXPECT_EQ(*resolve(rpc_, Kind::kImage, "other"), 5);
  EXPECT_EQ(server_.calls, Words({"one.imagepool.info(-2, -1, -1)"}));
}

TEST_F(Names, OfDigitsAreIdsAndNeedNoLookUp) {
  EXPECT_EQ(*resolve(rpc_, Kind::kImage, "17"), 17);
  EXPECT_TRUE(server_.calls.empty());
}

TEST_F(Names, MustBeUnique) {
  server_.answer("one.vmpool.info", ok_text("<VM_POOL><VM><ID>4</ID><NAME>web</NAME></VM>"
                                            "<VM><ID>9</ID><NAME>web</NAME></VM></VM_POOL>"));
  const auto two = resolve(rpc_, Kind::kVm, "web");
  ASSERT_FALSE(two);
  EXPECT_EQ(two.error().message, "2 VMs are named \"web\" (ids 4, 9): name one by its id");
  const auto none = resolve(rpc_, Kind::kVm, "db");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message, "there is no VM named \"db\"");
}

class CredentialFiles : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/neph-cli-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    root_ = name;
    before_ = fs::current_path();
    fs::current_path(root_);  // ./var is looked into
  }
  void TearDown() override {
    fs::current_path(before_);
    fs::remove_all(root_);
  }
  void write(const fs::path& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  Result<Credentials> find(const CredentialOptions& options = {}) {
    return find_credentials(options,
                            [this](std::string_view name) -> std::optional<std::string> {
                              const auto found = variables_.find(std::string(name));
                              if (found == variables_.end()) return std::nullopt;
                              return found->second;
                            });
  }

  fs::path root_;
  fs::path before_;
  std::map<std::string, std::string> variables_;
};

TEST_F(CredentialFiles, AreTakenFromTheStateDirectoryOfARunningDaemon) {
  write("var/one_auth", "oneadmin:pass:word\n");
  write("var/endpoint", "http://127.0.0.1:2700/RPC2\n");
  const auto found = find();
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(found->session, "oneadmin:pass:word");
  EXPECT_EQ(found->endpoint, (Endpoint{"127.0.0.1", "2700", "/RPC2"}));
}

TEST_F(CredentialFiles, OfTheUserComeBeforeTheStateDirectory) {
  write("var/one_auth", "oneadmin:a");
  write("home/.one/one_auth", "ann:b");
  write("home/.one/one_endpoint", "http://cloud:2633/RPC2");
  variables_["HOME"] = (root_ / "home").string();
  EXPECT_EQ(find()->session, "ann:b");
  EXPECT_EQ(find()->endpoint.host, "cloud");
}

TEST_F(CredentialFiles, NamedByVariablesComeBeforeThoseOfTheUser) {
  write("home/.one/one_auth", "ann:b");
  write("auth", "bob:c\nsecond line: ignored\n");
  variables_["HOME"] = (root_ / "home").string();
  variables_["NEPH_STATE"] = (root_ / "state").string();
  write("state/one_auth", "oneadmin:d");
  EXPECT_EQ(find()->session, "oneadmin:d");
  variables_["ONE_AUTH"] = (root_ / "auth").string();
  variables_["ONE_XMLRPC"] = "http://[::1]:99/";
  EXPECT_EQ(find()->session, "bob:c");
  EXPECT_EQ(find()->endpoint, (Endpoint{"::1", "99", "/RPC2"}));
}

TEST_F(CredentialFiles, GiveWayToWhatIsTyped) {
  write("auth", "bob:c");
  write("state/one_auth", "oneadmin:d");
  write("state/endpoint", "http://state:1/RPC2");
  variables_["ONE_AUTH"] = (root_ / "auth").string();
  variables_["ONE_XMLRPC"] = "http://variable:1/RPC2";
  const std::string state = (root_ / "state").string();
  EXPECT_EQ(find({.state = state})->session, "oneadmin:d");
  EXPECT_EQ(find({.state = state})->endpoint.host, "state");
  EXPECT_EQ(find({.endpoint = "http://typed:5/x", .auth = "eve:e"})->session, "eve:e");
  EXPECT_EQ(find({.endpoint = "http://typed:5/x", .auth = "eve:e"})->endpoint.text(),
            "http://typed:5/x");
  EXPECT_EQ(find({.auth = (root_ / "auth").string()})->session, "bob:c");
}

TEST_F(CredentialFiles, ThatAreMissingSayWhereTheyWereLookedFor) {
  const auto none = find();
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::kUnavailable);
  EXPECT_NE(none.error().message.find("./run"), std::string::npos);
  variables_["ONE_AUTH"] = "/nowhere/auth";
  EXPECT_EQ(find().error().message, "cannot read /nowhere/auth, which ONE_AUTH names");
}

TEST_F(CredentialFiles, WithoutAColonAreRefused) {
  EXPECT_EQ(find({.auth = "justaname"}).error().code, Errc::kInvalid);
}

TEST(Endpoints, AreHttpAddresses) {
  EXPECT_EQ(Endpoint::parse("http://host")->text(), "http://host:80/RPC2");
  EXPECT_EQ(Endpoint::parse("http://[::1]:2633/RPC2")->text(), "http://[::1]:2633/RPC2");
  for (const char* url : {"https://host:1/", "host:2633", "http://", "http://:1/", "http://h:x/",
                          "http://[::1/RPC2", "http://h:/"})
    EXPECT_FALSE(Endpoint::parse(url)) << url;
}

TEST(Templates, OfVmsQuoteWhatWasTyped) {
  VmAsk ask;
  ask.name = "web 1";
  ask.cpu = "0.5";
  ask.memory_mb = "256";
  ask.images = {4, 5};
  ask.networks = {"private"};
  ask.context = {*parse_pair("MARKER=a \"b\", c]"), *parse_pair("start_script=x=1")};
  const auto again = text::Template::parse(vm_template(ask).to_text());
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(again->get("NAME"), "web 1");
  EXPECT_EQ(again->vectors("DISK").size(), 2U);
  EXPECT_EQ(again->vectors("DISK")[1]->get("IMAGE_ID"), "5");
  EXPECT_EQ(again->find_vector("NIC")->get("NETWORK"), "private");
  EXPECT_EQ(again->find_vector("CONTEXT")->get("MARKER"), "a \"b\", c]");
  EXPECT_EQ(again->find_vector("CONTEXT")->get("START_SCRIPT"), "x=1");
  EXPECT_FALSE(again->has("VCPU"));
}

TEST(Templates, OfSnapshotsLeaveOutWhatWasNotAsked) {
  EXPECT_EQ(snapshot_options({.kind = "HOT"}).to_text(), "KIND=\"HOT\"\n");
  EXPECT_EQ(snapshot_options({.kind = "DEFERRED",
                              .when = "END",
                              .quiesce = "NEVER",
                              .description = "x",
                              .persistent = "NO",
                              .datastore = 100})
                .to_text(),
            "KIND=\"DEFERRED\"\nWHEN=\"END\"\nQUIESCE=\"NEVER\"\nDESCRIPTION=\"x\"\n"
            "PERSISTENT=\"NO\"\nDATASTORE_ID=\"100\"\n");
}

TEST(Templates, KeepTheContextTheyHad) {
  const auto document = Element::parse(
      "<VMTEMPLATE><TEMPLATE><CONTEXT><NETWORK>YES</NETWORK><MARKER>old</MARKER></CONTEXT>"
      "</TEMPLATE></VMTEMPLATE>");
  const auto context = merged_context(*document, {{"MARKER", "new"}});
  EXPECT_EQ(context.get("NETWORK"), "YES");
  EXPECT_EQ(context.get("MARKER"), "new");
}

TEST(Templates, RefusePairsWithoutAKey) {
  for (const char* text : {"novalue", "=x", "a b=c", "1x=y", "a-b=c"})
    EXPECT_FALSE(parse_pair(text)) << text;
  EXPECT_EQ(parse_pair("A=")->second, "");
}

TEST(Permissions, AreReadFromOctal) {
  EXPECT_EQ(*permission_bits("640"), (std::vector<std::int64_t>{1, 1, 0, 1, 0, 0, 0, 0, 0}));
  EXPECT_EQ(*permission_bits("701"), (std::vector<std::int64_t>{1, 1, 1, 0, 0, 0, 0, 0, 1}));
  for (const char* mode : {"64", "0640", "648", "rwx", ""}) EXPECT_FALSE(permission_bits(mode));
}

}  // namespace
}  // namespace neph::cli
