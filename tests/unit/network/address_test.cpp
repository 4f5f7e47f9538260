#include "network/address.h"

#include <gtest/gtest.h>

#include "network/network.h"

namespace neph::network {
namespace {

TEST(Address, MacsAreReadInEitherCaseAndNothingElseIs) {
  EXPECT_EQ(Mac::parse("02:00:0A:00:00:01")->text(), "02:00:0a:00:00:01");
  for (const char* wrong : {"", "02:00:0a:00:00", "02:00:0a:00:00:1", "02:00:0a:00:00:0g",
                            "02-00-0a-00-00-01", "02:00:0a:00:00:01:02", "02:00:0a:00:00:-1"}) {
    EXPECT_FALSE(Mac::parse(wrong)) << wrong;
  }
}

TEST(Address, AMacIsMadeOfThePrefixAndTheAddress) {
  const auto ip = Ip4::parse("192.168.10.10");
  ASSERT_TRUE(ip);
  EXPECT_EQ(Mac::of(*parse_mac_prefix("02:00"), ip->bits).text(), "02:00:c0:a8:0a:0a");
  EXPECT_FALSE(parse_mac_prefix("02"));
  EXPECT_FALSE(parse_mac_prefix("02:00:00"));
}

TEST(Address, AnIpv6AddressIsMadeOfAPrefixAndAMac) {
  const auto mac = *Mac::parse("02:00:0a:00:00:01");
  const auto prefix = *Ip6::parse("2001:db8::");
  EXPECT_EQ(Ip6::of(prefix.high, mac).text(), "2001:db8::aff:fe00:1");
  EXPECT_EQ(Ip6::mac_in(Ip6::of(prefix.high, mac)), mac);
}

TEST(Address, EveryAddressOfARangeIsFoundAgain) {
  AddressRange range;
  range.type = RangeType::kIp4And6;
  range.size = 300;
  range.ip = Ip4::parse("10.0.0.10");
  range.mac = Mac::of(0x0200, range.ip->bits);
  range.global_prefix = Ip6::parse("2001:db8::");
  range.ula_prefix = Ip6::parse("fd00:1::");
  for (std::int64_t position = 0; position < range.size; ++position) {
    const auto address = range.at(position);
    EXPECT_EQ(range.find(address.mac), position);
    EXPECT_EQ(range.find(*address.ip), position);
    EXPECT_EQ(range.find(*address.ip6_global), position);
    EXPECT_EQ(range.find(*address.ip6_ula), position);
  }
  EXPECT_FALSE(range.find(range.ip->plus(300)));
  EXPECT_FALSE(range.find(*Ip4::parse("10.0.0.9")));
  EXPECT_FALSE(range.find(*Ip6::parse("2001:db8::1")));
}

TEST(Address, StaticIpv6CountsUp) {
  AddressRange range;
  range.type = RangeType::kIp6Static;
  range.size = 16;
  range.mac = *Mac::parse("02:00:00:00:00:00");
  range.ip6 = Ip6::parse("2001:db8::ffff:fff8");
  EXPECT_EQ(range.at(15).ip6->text(), "2001:db8::1:0:7");
  EXPECT_EQ(range.find(*Ip6::parse("2001:db8::1:0:7")), 15);
}

}  // namespace
}  // namespace neph::network
