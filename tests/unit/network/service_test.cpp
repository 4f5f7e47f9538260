#include "network/network_service.h"

#include "access/quota.h"
#include "tests/unit/network/world.h"

namespace neph::network {
namespace {

using text::Template;

/// Networks by way of the service, as the API makes them.
class NetworkServiceTest : public NetworkTest {
 protected:
  static Template parsed(const std::string& text) { return Template::parse(text).value(); }

  Result<NetworkId> allocate(const std::string& text) {
    return in_txn([&](db::Txn& txn) {
      return service_.allocate(txn, root(), parsed(text), ClusterId{});
    });
  }
  NetworkId made(const std::string& text) {
    const auto id = allocate(text);
    EXPECT_TRUE(id) << id.error().text();
    return id.value_or(NetworkId{});
  }
  NetworkId lan() {
    return made("NAME=lan VN_MAD=bridge BRIDGE=br0 AR=[TYPE=IP4, IP=10.0.0.10, SIZE=10]");
  }
  template <class F>
  Result<void> run(F&& work) {
    return in_txn([&](db::Txn& txn) -> Result<void> { return work(txn); });
  }
  Result<void> hold(NetworkId id, const std::string& ip) {
    return run([&](db::Txn& txn) {
      return service_.hold(txn, id, parsed("LEASES=[IP=" + ip + "]"));
    });
  }
  Result<NetworkId> reserve(const access::Actor& actor, NetworkId id, const std::string& text) {
    return in_txn([&](db::Txn& txn) { return service_.reserve(txn, actor, id, parsed(text)); });
  }
  std::string refusal(const Result<void>& done) {
    return done ? "it was done" : done.error().message;
  }
  std::vector<Lease> leases(NetworkId id) {
    return in_txn([&](db::Txn& txn) -> Result<std::vector<Lease>> {
             return list_leases(txn, id);
           }).value();
  }
  Network network(NetworkId id) {
    return in_txn([&](db::Txn& txn) { return find_network(txn, id); }).value();
  }

  NetworkService service_{Settings{.restricted_attributes = {"VN_MAD", "BRIDGE", "AR/BRIDGE"}}};
};

TEST_F(NetworkServiceTest, ANetworkNeedsANameADriverAndWholeRanges) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"VN_MAD=bridge", "NAME"},
      {"NAME=a", "VN_MAD"},
      {"NAME=a VN_MAD=nonsense", "nonsense"},
      {"NAME=a VN_MAD=bridge BRIDGE=\"a b\"", "BRIDGE"},
      {"NAME=a VN_MAD=bridge VLAN_ID=x", "VLAN_ID"},
      {"NAME=a VN_MAD=bridge SECURITY_GROUPS=\"0,z\"", "SECURITY_GROUPS"},
      {"NAME=a VN_MAD=bridge SECURITY_GROUPS=77", "security group [77]"},
      {"NAME=a VN_MAD=bridge AUTOMATIC_VLAN_ID=YES", "AUTOMATIC_VLAN_ID"},
      {"NAME=a VN_MAD=bridge AR=[SIZE=3]", "AR/TYPE"},
      {"NAME=a VN_MAD=bridge AR=[TYPE=IP4, SIZE=3]", "AR/IP"},
      {"NAME=a VN_MAD=bridge AR=[TYPE=IP4, IP=10.0.0.1]", "AR/SIZE"},
      {"NAME=a VN_MAD=bridge AR=[TYPE=IP4, IP=255.255.255.250, SIZE=10]", "AR/SIZE"},
      {"NAME=a VN_MAD=bridge AR=[TYPE=IP6, SIZE=10]", "GLOBAL_PREFIX"},
      {"NAME=a VN_MAD=bridge AR=[TYPE=IP6_STATIC, IP6=\"fd00::1\"]", "PREFIX_LENGTH"},
      {"NAME=a VN_MAD=bridge AR=[TYPE=IP4, IP=10.0.0.1, SIZE=2, SHARED=YES]", "AR/SHARED"}};
  for (const auto& [text, culprit] : cases) {
    const auto refused = allocate(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_NE(refused.error().message.find(culprit), std::string::npos) << refused.error().text();
  }
}

TEST_F(NetworkServiceTest, WhatIsNotWrittenHasTheUsualDefaults) {
  const auto id = made("NAME=a VN_MAD=bridge DNS=\"9.9.9.9\"");
  EXPECT_EQ(network(id).bridge, fmt::format("onebr{}", id));
  EXPECT_EQ(network(id).bridge_type, "linux");
  EXPECT_EQ(network(id).clusters, std::vector<ClusterId>{ClusterId{0}});
  EXPECT_EQ(network(id).attributes.get("SECURITY_GROUPS"), "0");
  EXPECT_EQ(network(id).attributes.get("DNS"), "9.9.9.9");
  EXPECT_FALSE(allocate("NAME=a VN_MAD=bridge"));
}

TEST_F(NetworkServiceTest, AutomaticVlansAreTheLowestThatNobodyHas) {
  made("NAME=a VN_MAD=\"802.1Q\" VLAN_ID=3");
  const auto b = made("NAME=b VN_MAD=\"802.1Q\" AUTOMATIC_VLAN_ID=YES");
  const auto c = made("NAME=c VN_MAD=\"802.1Q\" AUTOMATIC_VLAN_ID=YES");
  EXPECT_EQ(network(b).vlan_id, "2");
  EXPECT_EQ(network(b).bridge, "onebr.2");
  EXPECT_EQ(network(c).vlan_id, "4");
}

TEST_F(NetworkServiceTest, RangesOfANetworkHaveNoAddressInCommon) {
  const auto id = lan();
  const auto add = [&](const std::string& range) {
    return run([&](db::Txn& txn) {
      return service_.add_ranges(txn, root(), id, parsed("AR=[" + range + "]"));
    });
  };
  EXPECT_NE(refusal(add("TYPE=IP4, IP=10.0.0.19, SIZE=5")).find("range 0"), std::string::npos);
  EXPECT_FALSE(add(R"(TYPE=ETHER, MAC="02:00:0a:00:00:0a", SIZE=1)"));
  EXPECT_TRUE(add("TYPE=IP4, IP=10.0.0.20, SIZE=5"));
  EXPECT_EQ(ip_of(attach(0, 0, "NETWORK_ID=0, IP=10.0.0.24")), "10.0.0.24");
}

TEST_F(NetworkServiceTest, ANetworkWithLeasesStaysAndSaysWhoHasThem) {
  const auto id = lan();
  ASSERT_TRUE(attach(4, 0, "NETWORK=lan"));
  ASSERT_TRUE(hold(id, "10.0.0.11"));
  const auto remove = [&] { return run([&](db::Txn& txn) { return service_.remove(txn, id); }); };
  const auto words = refusal(remove());
  EXPECT_NE(words.find("10.0.0.10 taken by NIC 0 of VM 4"), std::string::npos) << words;
  EXPECT_NE(words.find("10.0.0.11 on hold"), std::string::npos) << words;
  detach(4, 0);
  ASSERT_TRUE(run([&](db::Txn& txn) {
    return service_.release(txn, id, parsed("LEASES=[IP=10.0.0.11]"));
  }));
  EXPECT_TRUE(remove());
  EXPECT_FALSE(in_txn([&](db::Txn& txn) { return find_network(txn, id); }));
}

TEST_F(NetworkServiceTest, AnAddressOnHoldIsForNobody) {
  const auto id = lan();
  ASSERT_TRUE(hold(id, "10.0.0.10"));
  EXPECT_EQ(ip_of(attach(0, 0, "NETWORK=lan")), "10.0.0.11");
  EXPECT_FALSE(attach(1, 0, "NETWORK=lan, IP=10.0.0.10"));
  EXPECT_FALSE(hold(id, "10.0.0.10"));
  EXPECT_FALSE(hold(id, "10.0.0.11"));
  EXPECT_FALSE(hold(id, "10.0.9.1"));
  EXPECT_FALSE(run([&](db::Txn& txn) {
    return service_.release(txn, id, parsed("LEASES=[IP=10.0.0.11]"));
  }));
}

TEST_F(NetworkServiceTest, AReservationHasItsAddressesAloneAndGivesThemBack) {
  const auto id = lan();
  ASSERT_TRUE(attach(0, 0, "NETWORK=lan, IP=10.0.0.12"));
  const auto reserved = reserve(root(), id, "NAME=part SIZE=4");
  ASSERT_TRUE(reserved) << reserved.error().text();
  EXPECT_EQ(network(*reserved).parent, id);
  EXPECT_EQ(network(*reserved).bridge, "br0");
  EXPECT_EQ(leases(id).size(), 5U);
  EXPECT_EQ(ip_of(attach(1, 0, "NETWORK=part")), "10.0.0.13");
  EXPECT_EQ(ip_of(attach(2, 0, "NETWORK=lan")), "10.0.0.10");
  EXPECT_FALSE(attach(3, 0, "NETWORK=lan, IP=10.0.0.14"));
  EXPECT_FALSE(reserve(root(), *reserved, "NAME=smaller SIZE=1"));
  EXPECT_FALSE(run([&](db::Txn& txn) { return service_.remove(txn, id); }));
  EXPECT_FALSE(run([&](db::Txn& txn) { return service_.remove(txn, *reserved); }));
  detach(1, 0);
  ASSERT_TRUE(run([&](db::Txn& txn) { return service_.remove(txn, *reserved); }));
  EXPECT_EQ(leases(id).size(), 2U);
  EXPECT_EQ(ip_of(attach(3, 0, "NETWORK=lan, IP=10.0.0.14")), "10.0.0.14");
}

TEST_F(NetworkServiceTest, AReservationGrowsAndItsRangesAreFreedOneByOne) {
  const auto id = lan();
  const auto part = *reserve(root(), id, "NAME=part SIZE=2 IP=10.0.0.15");
  ASSERT_TRUE(reserve(root(), id, fmt::format("NETWORK_ID={} SIZE=2", part)));
  EXPECT_EQ(leases(id).size(), 4U);
  EXPECT_FALSE(reserve(root(), id, fmt::format("NETWORK_ID={} SIZE=9", part)));
  ASSERT_TRUE(run([&](db::Txn& txn) {
    return service_.free_range(txn, part, AddressRangeId{0});
  }));
  EXPECT_EQ(leases(id).size(), 2U);
  EXPECT_FALSE(run([&](db::Txn& txn) { return service_.free_range(txn, id, AddressRangeId{0}); }));
}

TEST_F(NetworkServiceTest, ReservationsAndHoldsCountForTheirOwners) {
  const auto id = lan();
  sql("UPDATE networks SET permissions = 388");
  const auto alice = add_user("alice");
  ASSERT_TRUE(run([&](db::Txn& txn) {
    return access::set_quota(txn, access::QuotaOwner::kUser, alice.value,
                             parsed("NETWORK=[ID=0, LEASES=3]"));
  }));
  const auto part = reserve(actor(alice), id, "NAME=part SIZE=2");
  ASSERT_TRUE(part) << part.error().text();
  const auto too_many = reserve(actor(alice), id, "NAME=more SIZE=2");
  ASSERT_FALSE(too_many);
  EXPECT_EQ(too_many.error().code, Errc::kDenied);
  ASSERT_TRUE(run([&](db::Txn& txn) {
    return service_.chown(txn, *part, UserId{0}, GroupId{0});
  }));
  EXPECT_TRUE(reserve(actor(alice), id, "NAME=more SIZE=3"));
  EXPECT_FALSE(run([&](db::Txn& txn) { return service_.chown(txn, *part, alice, GroupId{}); }));
}

TEST_F(NetworkServiceTest, ARangeIsRemovedOnlyWhenNobodyHasAnAddressOfIt) {
  const auto id = lan();
  ASSERT_TRUE(hold(id, "10.0.0.10"));
  const auto remove = [&](NetworkService::Held held) {
    return run([&](db::Txn& txn) {
      return service_.remove_range(txn, id, AddressRangeId{0}, held);
    });
  };
  EXPECT_NE(refusal(remove(NetworkService::Held::kForbids)).find("on hold"), std::string::npos);
  ASSERT_TRUE(attach(0, 0, "NETWORK=lan"));
  EXPECT_FALSE(remove(NetworkService::Held::kDropped));
  detach(0, 0);
  EXPECT_TRUE(remove(NetworkService::Held::kDropped));
  EXPECT_TRUE(leases(id).empty());
}

TEST_F(NetworkServiceTest, ARangeShrinksOnlyBehindItsLastLease) {
  const auto id = lan();
  ASSERT_TRUE(attach(0, 0, "NETWORK=lan, IP=10.0.0.15"));
  const auto resize = [&](int size) {
    return run([&](db::Txn& txn) {
      return service_.update_range(
          txn, root(), id, parsed(fmt::format("AR=[AR_ID=0, SIZE={}, DNS=\"9.9.9.9\"]", size)));
    });
  };
  EXPECT_NE(refusal(resize(5)).find("10.0.0.15"), std::string::npos);
  EXPECT_TRUE(resize(6));
  EXPECT_TRUE(leases(id).front().is_outdated);
  EXPECT_EQ(attach(1, 0, "NETWORK=lan")->get("DNS"), "9.9.9.9");
}

TEST_F(NetworkServiceTest, AnUpdateShowsWhichVmsHaveTheOldNetwork) {
  const auto id = lan();
  ASSERT_TRUE(attach(0, 0, "NETWORK=lan"));
  const auto update = [&](const std::string& text, bool is_append) {
    return run([&](db::Txn& txn) {
      return service_.update(txn, root(), {id, parsed(text), is_append});
    });
  };
  ASSERT_TRUE(update("NOTE=hi", true));
  EXPECT_FALSE(leases(id).front().is_outdated);
  ASSERT_TRUE(update("MTU=9000", false));
  EXPECT_TRUE(leases(id).front().is_outdated);
  EXPECT_EQ(network(id).bridge, "br0");
  EXPECT_FALSE(network(id).attributes.has("NOTE"));
}

TEST_F(NetworkServiceTest, RestrictedAttributesAreForAdministratorsAndAreNamed) {
  const auto id = lan();
  sql("UPDATE networks SET permissions = 511");
  const auto alice = add_user("alice");
  const auto update = [&](const std::string& text) {
    return run([&](db::Txn& txn) {
      return service_.update(txn, actor(alice), {id, parsed(text), true});
    });
  };
  EXPECT_NE(refusal(update("BRIDGE=br9")).find("BRIDGE"), std::string::npos);
  EXPECT_TRUE(update("BRIDGE=br0 NOTE=hi"));
  const auto part = reserve(actor(alice), id, "NAME=part SIZE=1 BRIDGE=br9");
  ASSERT_FALSE(part);
  EXPECT_NE(part.error().message.find("restricted attribute BRIDGE"), std::string::npos);
  const auto range = run([&](db::Txn& txn) {
    return service_.add_ranges(txn, actor(alice), id,
                               parsed("AR=[TYPE=IP4, IP=10.1.0.1, SIZE=1, BRIDGE=br9]"));
  });
  EXPECT_NE(refusal(range).find("AR/BRIDGE"), std::string::npos);
}

}  // namespace
}  // namespace neph::network
