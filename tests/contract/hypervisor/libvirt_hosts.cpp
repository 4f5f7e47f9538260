#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

#include "tests/contract/hypervisor/libvirt_kit.h"
#include "tests/support/command.h"

/// Hosts that do not answer, break and come back.
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

/// With a libvirtd to play with: NEPH_TEST_LIBVIRT_URI, and shell commands that kill and start it.
TEST(LibvirtHosts, ALostHostIsToldAndComesBackWithTheNextVerb) {
  const char* uri = std::getenv("NEPH_TEST_LIBVIRT_URI");
  const char* kill = std::getenv("NEPH_TEST_LIBVIRT_KILL");
  const char* start = std::getenv("NEPH_TEST_LIBVIRT_START");
  if (uri == nullptr || kill == nullptr || start == nullptr) GTEST_SKIP() << "no libvirtd here";
  SystemClock clock;
  std::atomic<int> lost = 0;
  std::atomic<int> back = 0;
  LibvirtDriver driver({.retry_pause = Duration{10}}, clock);
  driver.listen([&](const GuestEvent& event) {
    lost += event.kind == GuestEvent::Kind::kHostLost ? 1 : 0;
    back += event.kind == GuestEvent::Kind::kHostBack ? 1 : 0;
  });
  const HostRef host{HostId{1}, "node", uri};
  ASSERT_DONE(driver.list_domains(host));
  ASSERT_EQ(testing_support::run_command(kill).status, 0);
  EXPECT_TRUE(wait_for(clock, [&] { return lost == 1; }));
  EXPECT_EQ(driver.list_domains(host).error().code, Errc::kUnavailable);
  ASSERT_EQ(testing_support::run_command(start).status, 0);
  EXPECT_TRUE(wait_for(clock, [&] { return driver.list_domains(host).has_value(); }));
  EXPECT_EQ(lost, 1);
  EXPECT_EQ(back, 1);
}

}  // namespace
}  // namespace neph::hypervisor_driver::contract
