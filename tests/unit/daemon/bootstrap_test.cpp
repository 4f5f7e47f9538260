#include "daemon/bootstrap.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include <sys/stat.h>

#include "access/directory.h"
#include "compute/host.h"
#include "compute/vm_template.h"
#include "daemon/demo.h"
#include "daemon/drivers.h"
#include "tests/support/fresh_store.h"

namespace neph::daemon {
namespace {

namespace fs = std::filesystem;

constexpr Instant kNow{1'700'000'000'000};

class FirstStart : public testing::Test {
 protected:
  FirstStart() {
    std::string pattern = "/tmp/neph-boot-XXXXXX";
    state_ = mkdtemp(pattern.data());
    text::Template keys;
    keys.set("STATE_DIR", state_.string());
    keys.set("EMBEDDED_HOST_NAME", "this-machine");
    keys.set("SAFE_DIRS", state_.string());
    config_ = read_config("", keys, "test")->config;
    drivers_ = std::make_unique<Drivers>(config_, clock_);
    images_ = std::make_unique<datastore::ImageService>(config_.images, drivers_->catalogue());
    database_ = fresh_store();
  }
  ~FirstStart() override { fs::remove_all(state_); }

  Result<Bootstrapped> bootstrap() {
    return ensure_bootstrapped(*database_, kNow, config_, *images_);
  }
  /// The store as it was before any start.
  void forget_store() { database_ = fresh_store(); }
  void write(const fs::path& file, const std::string& text) { std::ofstream(file) << text; }
  static std::string line_of(const fs::path& file) {
    std::ifstream stream(file);
    std::string line;
    std::getline(stream, line);
    return line;
  }
  static int mode_of(const fs::path& file) {
    struct stat facts = {};
    EXPECT_EQ(::stat(file.c_str(), &facts), 0) << file;
    return facts.st_mode & 0777;
  }
  template <class Look>
  void look(Look&& regard) {
    database_->read(kNow, [&](db::Txn& txn) { regard(txn); });
  }
  Result<void> make_demo(const fs::path& file) {
    return database_->transact_one(kNow, [&](db::Txn& txn) {
      return ensure_demo(txn, *images_, config_.vms, file);
    });
  }

  fs::path state_;
  VirtualClock clock_;
  Config config_;
  std::unique_ptr<Drivers> drivers_;
  std::unique_ptr<datastore::ImageService> images_;
  std::unique_ptr<db::Database> database_;
};

TEST_F(FirstStart, MakesUsersClusterDatastoresAndTheEmbeddedHost) {
  const auto made = bootstrap();
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_EQ(made->store, StoreAge::kNew);
  look([](db::Txn& txn) {
    EXPECT_EQ(access::list_users(txn).size(), 2u);
    EXPECT_EQ(access::find_user(txn, UserId{1})->auth_driver, "server_cipher");
    EXPECT_EQ(compute::find_cluster(txn, ClusterId{0})->datastores.size(), 3u);
    const auto host = compute::find_host(txn, HostId{0});
    ASSERT_TRUE(host) << host.error().text();
    EXPECT_EQ(host->name, "this-machine");
    EXPECT_EQ(host->uri, "qemu:///embed");
    EXPECT_EQ(host->vm_mad, "qemu");
  });
}

TEST_F(FirstStart, KeepsCredentialsForTheOwnerAlone) {
  const auto made = bootstrap();
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_GE(made->oneadmin_password.size(), 16u);
  EXPECT_EQ(line_of(one_auth_path(config_)), "oneadmin:" + made->oneadmin_password);
  EXPECT_EQ(mode_of(one_auth_path(config_)), 0600);
  EXPECT_TRUE(line_of(server_auth_path(config_)).starts_with("serveradmin:"));
  EXPECT_EQ(mode_of(server_auth_path(config_)), 0600);
  EXPECT_EQ(mode_of(server_auth_path(config_).parent_path()), 0700);
}

TEST_F(FirstStart, GivesServeradminTheHashThatItsCipherIsMadeOf) {
  write(one_auth_path(config_), "oneadmin:secret\n");
  fs::create_directory(state_ / ".one");
  write(server_auth_path(config_), "serveradmin:abc\n");
  ASSERT_TRUE(bootstrap());
  look([](db::Txn& txn) {
    EXPECT_EQ(access::find_user(txn, UserId{1})->password_hash,
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });
}

TEST_F(FirstStart, LeavesAKnownStoreAlone) {
  ASSERT_TRUE(bootstrap());
  const std::string credentials = line_of(one_auth_path(config_));
  const auto again = bootstrap();
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(again->store, StoreAge::kKnown);
  EXPECT_TRUE(again->oneadmin_password.empty());
  EXPECT_EQ(line_of(one_auth_path(config_)), credentials);
  look([](db::Txn& txn) { EXPECT_EQ(compute::list_hosts(txn).size(), 1u); });
}

TEST_F(FirstStart, TakesThePasswordOfAStartThatWasCutOff) {
  ASSERT_TRUE(bootstrap());
  const std::string credentials = line_of(one_auth_path(config_));
  forget_store();
  const auto again = bootstrap();
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(again->store, StoreAge::kNew);
  EXPECT_TRUE(again->oneadmin_password.empty()) << "it was not made up now";
  EXPECT_EQ(line_of(one_auth_path(config_)), credentials);
}

TEST_F(FirstStart, RefusesAFileThatHoldsNoCredentials) {
  for (const std::string text : {"", "oneadmin", "oneadmin:", "bob:secret", "oneadmin:a b"}) {
    write(one_auth_path(config_), text);
    const auto made = bootstrap();
    ASSERT_FALSE(made) << text;
    EXPECT_EQ(made.error().text(), one_auth_path(config_).string() +
                                       " does not hold oneadmin:PASSWORD; correct or remove it");
    look([](db::Txn& txn) { EXPECT_TRUE(access::list_users(txn).empty()); });
  }
}

TEST_F(FirstStart, MakesNoHostWhenNoneIsWanted) {
  config_.embedded_host = EmbeddedHost::kNo;
  ASSERT_TRUE(bootstrap());
  look([](db::Txn& txn) { EXPECT_TRUE(compute::list_hosts(txn).empty()); });
}

TEST_F(FirstStart, MakesImageAndTemplateOfTheDemoOnce) {
  ASSERT_TRUE(bootstrap());
  write(state_ / "demo.qcow2", "bytes that a job will look at");
  for (int start = 0; start < 2; ++start) {
    const auto made = make_demo(state_ / "demo.qcow2");
    ASSERT_TRUE(made) << made.error().text();
  }
  look([](db::Txn& txn) {
    ASSERT_EQ(datastore::list_images(txn).size(), 1u);
    EXPECT_EQ(datastore::find_image(txn, ImageId{0})->name, "demo");
    ASSERT_EQ(compute::list_templates(txn).size(), 1u);
    const auto made = compute::find_template(txn, TemplateId{0});
    EXPECT_EQ(made->attributes.get("MEMORY"), "256");
    EXPECT_EQ(made->attributes.find_vector("DISK")->get("IMAGE"), "demo");
  });
}

TEST_F(FirstStart, NamesADemoImageThatIsMissingOnlyWhenItIsNeeded) {
  ASSERT_TRUE(bootstrap());
  const auto refused = make_demo(state_ / "none.qcow2");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().text(),
            "there is no demo image " + (state_ / "none.qcow2").string());
  write(state_ / "demo.qcow2", "bytes");
  ASSERT_TRUE(make_demo(state_ / "demo.qcow2"));
  EXPECT_TRUE(make_demo(state_ / "none.qcow2"));
}

TEST_F(FirstStart, FindsADriverForEveryNameThatClientsKnow) {
  for (const auto* name : {"kvm", "qemu", "dummy"})
    EXPECT_TRUE(drivers_->catalogue().hypervisor(name)) << name;
  for (const auto* name : {"local", "shared", "qcow2", "ssh", "dummy"})
    EXPECT_TRUE(drivers_->catalogue().datastore(name)) << name;
  EXPECT_NE(*drivers_->catalogue().hypervisor("dummy"), *drivers_->catalogue().hypervisor("kvm"));
  const auto none = drivers_->catalogue().hypervisor("lxc");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().text(),
            "there is no hypervisor driver \"lxc\" (there are: dummy, kvm, qemu)");
}

}  // namespace
}  // namespace neph::daemon
