#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "daemon/config.h"

namespace neph::daemon {

/// What a person wants to read after a start.
struct StartReport {
  std::string endpoint;           ///< "http://127.0.0.1:2633/RPC2", what a client calls
  std::string oneadmin_password;  ///< set if it was made up at this start
};

/// The whole daemon but its process: store, drivers, services, jobs and the API, wired. One thread
/// starts and stops it; its state directory must be locked by this process.
class Application {
 public:
  /// Opens the store, fills it if it is new, and serves. Writes <state>/endpoint last.
  /// \param demo_image  empty, or the file for image and template "demo"
  /// \returns one sentence for the operator: a damaged store, a port in use ...
  [[nodiscard]] static Result<std::unique_ptr<Application>> start(
      Config config, const std::filesystem::path& demo_image);
  ~Application();
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;

  [[nodiscard]] const StartReport& report() const;

  /// Takes no more calls, tells running steps to stop and gives them a while, then ends all lanes.
  /// Guests go on running, and interrupted jobs go on at the next start. Repeatable.
  void stop();

 private:
  struct Rooms;
  explicit Application(std::unique_ptr<Rooms> rooms);

  std::unique_ptr<Rooms> rooms_;
};

}  // namespace neph::daemon
