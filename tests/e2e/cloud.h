#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/element.h"
#include "cli/http_transport.h"
#include "cli/rpc_client.h"
#include "tests/e2e/nephd_process.h"

/// A nephd with real guests, seen through its API.
namespace neph::e2e {

using cli::Element;
using cli::Values;
using Context = std::vector<std::pair<std::string, std::string>>;

struct GuestAsk {
  std::string name = "guest";
  Context context;
  std::vector<std::int64_t> images;  ///< its disks; empty: the demo image
  std::string more;                  ///< further attributes, as template text
};

/// A snapshot and the image that it becomes.
struct Shot {
  std::int64_t id = -1;
  std::int64_t image = -1;
};

/// Everything it starts ends with it. Its functions throw when a call fails that should not, and
/// when something awaited never comes. One thread.
class Cloud {
 public:
  explicit Cloud(std::vector<std::string> settings = {});
  ~Cloud();
  Cloud(const Cloud&) = delete;
  Cloud& operator=(const Cloud&) = delete;

  [[nodiscard]] const std::filesystem::path& state() const { return state_; }
  /// A directory for files of tests, gone with the cloud.
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] NephdProcess& nephd() { return *nephd_; }
  /// After nephd().kill() or terminate(): starts it on the same state.
  void restart();

  // Calls.
  [[nodiscard]] Result<cli::Value> call(const std::string& method, const Values& arguments);
  std::int64_t call_id(const std::string& method, const Values& arguments);
  [[nodiscard]] Element document(const std::string& method, const Values& arguments);
  /// For calls that must be refused. \returns the server's words
  [[nodiscard]] std::string refusal(const std::string& method, const Values& arguments);
  /// From now on calls are those of "name:password"; empty: oneadmin's.
  void become(const std::string& session);

  // Hosts.
  /// \returns its id, when nephd has seen it alive
  std::int64_t add_host(const std::string& name, const std::string& uri);
  void await_host(std::int64_t id, std::int64_t state);

  // VMs.
  std::int64_t create_guest(const GuestAsk& ask);
  [[nodiscard]] Element vm(std::int64_t id) { return document("one.vm.info", {id}); }
  [[nodiscard]] std::string state_of(std::int64_t vm);  ///< "RUNNING", "POWEROFF" ...
  void await_state(std::int64_t vm, const std::string& state);
  void act(std::int64_t vm, const std::string& action);
  [[nodiscard]] std::string serial_log(std::int64_t vm);
  void await_line(std::int64_t vm, const std::string& text);
  /// Waits until the guest has booted as often as `boots` says. \returns its marker
  std::string await_ready(std::int64_t vm, int boots = 1);
  [[nodiscard]] std::filesystem::path disk_path(std::int64_t vm, int disk = 0);
  [[nodiscard]] std::optional<pid_t> qemu_of(std::int64_t vm);
  void kill_qemu(std::int64_t vm);
  /// Of all its VMs. Any thread.
  [[nodiscard]] std::vector<pid_t> all_qemus() const;

  // Images and snapshots.
  [[nodiscard]] std::int64_t demo_image();
  [[nodiscard]] Element image(std::int64_t id) { return document("one.image.info", {id}); }
  [[nodiscard]] std::string image_state(std::int64_t id);
  [[nodiscard]] std::filesystem::path image_path(std::int64_t id);
  void await_image(std::int64_t id, const std::string& state);
  /// A copy of the demo image, READY.
  std::int64_t clone_demo(const std::string& name);
  Shot take(std::int64_t vm, const std::string& name, const std::string& options);
  std::vector<Shot> take_all(std::int64_t vm, const std::string& disks, const std::string& name,
                             const std::string& options);
  [[nodiscard]] Element snapshot(const Shot& shot);
  [[nodiscard]] std::string phase(const Shot& shot) { return snapshot(shot).get("PHASE"); }
  /// Throws also when it has come to another end.
  void await_phase(const Shot& shot, const std::string& phase);

  /// Files below the state directory that only an unfinished snapshot may have.
  [[nodiscard]] std::vector<std::string> leftovers() const;
  /// What nephd logged as a warning or an error, for failures.
  [[nodiscard]] std::string complaints() const;

 private:
  void connect();

  std::filesystem::path folder_;
  std::filesystem::path state_;
  std::unique_ptr<NephdProcess> nephd_;
  std::string oneadmin_;
  std::unique_ptr<cli::HttpTransport> transport_;
  std::unique_ptr<cli::RpcClient> rpc_;
};

/// Tests that share one cloud per suite; says what nephd complained of when one fails.
class SharedCloud : public testing::Test {
 protected:
  static void open(std::vector<std::string> settings) {
    cloud_ = std::make_unique<Cloud>(std::move(settings));
  }
  static void TearDownTestSuite() { cloud_.reset(); }
  void SetUp() override;
  void TearDown() override;
  [[nodiscard]] static Cloud& cloud() { return *cloud_; }

 private:
  static std::unique_ptr<Cloud> cloud_;
};

/// The number of the last "key=<number>" in a text, -1 for none.
[[nodiscard]] std::int64_t last_number(const std::string& text, const std::string& key);

/// Shown by ./test even when the test passes.
void note(const std::string& text);

}  // namespace neph::e2e
