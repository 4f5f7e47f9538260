#include "access/internal/login_throttle.h"

#include <gtest/gtest.h>

namespace neph::access::internal {
namespace {

TEST(LoginThrottle, PortsAndTheSecondHalfOfIpv6DoNotCount) {
  EXPECT_EQ(network_of("192.0.2.7:4711"), "192.0.2.7");
  EXPECT_EQ(network_of("[2001:db8::1]:1"), network_of("[2001:db8::2:3]:2"));
  EXPECT_NE(network_of("[2001:db8::1]:1"), network_of("[2001:db8:0:1::1]:1"));
  EXPECT_EQ(network_of("[::ffff:192.0.2.7]:1"), "192.0.2.7");
  EXPECT_EQ(network_of("[fe80::1%eth0]:1"), "fe80::1%eth0");
  EXPECT_EQ(network_of("unknown"), "unknown");
  EXPECT_EQ(network_of(""), "");
}

TEST(LoginThrottle, FailuresAreForgottenOneAfterTheOther) {
  FailureCounter counter({.burst = 2, .pause = Duration{100}});
  EXPECT_EQ(counter.wait("a", Duration{0}), Duration{0});
  counter.add("a", Duration{0});
  EXPECT_EQ(counter.wait("a", Duration{0}), Duration{0});
  counter.add("a", Duration{0});
  EXPECT_EQ(counter.wait("a", Duration{0}), Duration{100});
  EXPECT_EQ(counter.wait("a", Duration{100}), Duration{0});
  counter.add("a", Duration{100});
  EXPECT_EQ(counter.wait("a", Duration{100}), Duration{100});
  EXPECT_EQ(counter.wait("b", Duration{100}), Duration{0});
  counter.forget("a");
  EXPECT_EQ(counter.wait("a", Duration{100}), Duration{0});
}

TEST(LoginThrottle, AnAddressThatTriesManyUsersWaitsToo) {
  LoginThrottle throttle;
  const std::string peer = "192.0.2.7:1";
  for (int user = 0; user < 50; ++user) {
    EXPECT_EQ(throttle.wait(std::to_string(user), peer, Duration{0}), Duration{0});
    throttle.failed(std::to_string(user), peer, Duration{0});
  }
  EXPECT_EQ(throttle.wait("anna", peer, Duration{0}), Duration{1'000});
  EXPECT_EQ(throttle.wait("anna", "192.0.2.8:1", Duration{0}), Duration{0});
  throttle.succeeded("anna", peer);
  EXPECT_EQ(throttle.wait("anna", peer, Duration{0}), Duration{1'000})
      << "who has one password is not free to guess those of others";
}

TEST(LoginThrottle, MemoryIsBoundedAndKeepsWhoWaitsLongest) {
  FailureCounter counter({.burst = 1, .pause = Duration{1'000}});
  counter.add("worst", Duration{0});
  counter.add("worst", Duration{0});
  for (int i = 0; i < 10'100; ++i) counter.add(std::to_string(i), Duration{0});
  EXPECT_EQ(counter.size(), 10'000u);
  EXPECT_EQ(counter.wait("worst", Duration{0}), Duration{2'000});
  counter.add("next", Duration{5'000});
  EXPECT_EQ(counter.size(), 1u) << "what counts no longer goes first";
}

}  // namespace
}  // namespace neph::access::internal
