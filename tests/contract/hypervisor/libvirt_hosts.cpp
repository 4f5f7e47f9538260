#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/contract/hypervisor/libvirt_kit.h"

/// Hosts that do not answer, and wrong URIs. Hosts that break and come back: tests/e2e.
namespace neph::hypervisor_driver::contract {
namespace {

/// Takes connections and never says a word: a libvirtd that was stopped.
class SilentServer {
 public:
  SilentServer() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(::listen(socket_, 8), 0);
    EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length), 0);
    port_ = ntohs(address.sin_port);
  }
  ~SilentServer() { ::close(socket_); }
  [[nodiscard]] int port() const { return port_; }

 private:
  int socket_;
  int port_ = 0;
};

TEST(LibvirtHosts, ASilentHostCostsTheTimeOutAndThenNothingForAWhile) {
  SystemClock clock;
  const SilentServer server;
  LibvirtDriver driver({.connect_timeout = Duration{200}, .retry_pause = Duration{60000}}, clock);
  const HostRef silent{HostId{1}, "silent",
                       fmt::format("qemu+tcp://127.0.0.1:{}/system", server.port())};
  const auto began = clock.monotonic();
  EXPECT_EQ(driver.ensure_connected(silent).error().code, Errc::kUnavailable);
  const auto first = clock.monotonic() - began;
  EXPECT_GE(first, Duration{150});
  EXPECT_LT(first, Duration{5000});
  EXPECT_EQ(driver.list_domains(silent).error().code, Errc::kUnavailable);
  EXPECT_LT(clock.monotonic() - began - first, Duration{150}) << "the failure is remembered";
  const HostRef other{HostId{2}, "pretended", "test:///default"};
  ASSERT_DONE(driver.list_domains(other));
}

TEST(LibvirtHosts, AWrongUriIsToldAsOne) {
  SystemClock clock;
  LibvirtDriver driver({}, clock);
  EXPECT_EQ(driver.ensure_connected({HostId{1}, "odd", "no uri"}).error().code, Errc::kInvalid);
}

}  // namespace
}  // namespace neph::hypervisor_driver::contract
