#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "cli/http_transport.h"
#include "cli/rpc_client.h"
#include "daemon/application.h"

namespace neph {

/// A nephd in this process, without QEMU: hosts are made with the drivers dummy. Its state is in a
/// folder that goes with it. One thread.
class WholeNephd {
 public:
  WholeNephd() {
    std::string pattern = "/tmp/neph-whole-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~WholeNephd() {
    stop();
    std::filesystem::remove_all(folder_);
  }
  WholeNephd(const WholeNephd&) = delete;
  WholeNephd& operator=(const WholeNephd&) = delete;

  /// On a port of its own. \returns what Application::start() says
  Result<void> start() {
    text::Template keys;
    keys.set("STATE_DIR", folder_.string());
    keys.set("PORT", "0");
    keys.set("EMBEDDED_HOST", "NO");
    application_ =
        TRY(daemon::Application::start(daemon::read_config("", keys, "test")->config, {}));
    transport_ = std::make_unique<cli::HttpTransport>(
        TRY(cli::Endpoint::parse(application_->report().endpoint)), Duration{60'000});
    std::ifstream auth(folder_ / "one_auth");
    std::string session;
    std::getline(auth, session);
    rpc_ = std::make_unique<cli::RpcClient>(*transport_, session);
    return {};
  }
  void stop() {
    rpc_.reset();
    transport_.reset();
    application_.reset();
  }

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  /// Its administrator's client; it has been started.
  [[nodiscard]] cli::RpcClient& rpc() { return *rpc_; }
  [[nodiscard]] const std::string& endpoint() const { return application_->report().endpoint; }

 private:
  std::filesystem::path folder_;
  std::unique_ptr<daemon::Application> application_;
  std::unique_ptr<cli::HttpTransport> transport_;
  std::unique_ptr<cli::RpcClient> rpc_;
};

}  // namespace neph
