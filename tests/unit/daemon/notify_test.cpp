#include "daemon/notify.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace neph::daemon {
namespace {

/// Stands for the service manager: a datagram socket that NOTIFY_SOCKET names.
class Notices : public testing::Test {
 protected:
  Notices() {
    std::string pattern = "/tmp/neph-notify-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    const std::string path = directory_ / "socket";
    socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  ~Notices() override {
    unsetenv("NOTIFY_SOCKET");
    close(socket_);
    std::filesystem::remove_all(directory_);
  }

  /// A notice has arrived when the call that sent it is back; empty when there is none.
  std::string received() const {
    std::array<char, 256> text{};
    const ssize_t length = recv(socket_, text.data(), text.size(), 0);
    return length < 0 ? std::string() : std::string(text.data(), static_cast<std::size_t>(length));
  }

 private:
  std::filesystem::path directory_;
  int socket_ = -1;
};

TEST_F(Notices, ReachTheServiceManager) {
  notify_ready();
  EXPECT_EQ(received(), "READY=1");
  notify_stopping();
  EXPECT_EQ(received(), "STOPPING=1");
}

TEST_F(Notices, AreNotSentWithoutAServiceManager) {
  unsetenv("NOTIFY_SOCKET");
  notify_ready();
  EXPECT_EQ(received(), "");
}

}  // namespace
}  // namespace neph::daemon
