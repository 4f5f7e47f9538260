#include "network/network_template.h"

#include "network/network_service.h"
#include "tests/unit/network/world.h"

namespace neph::network {
namespace {

/// BRIDGE is an attribute that only administrators may set.
class NetworkTemplates : public NetworkTest {
 protected:
  static text::Template parsed(const std::string& text) { return *text::Template::parse(text); }

  Result<NetworkTemplateId> make(const access::Actor& maker, const std::string& text) {
    return in_txn([&](db::Txn& txn) {
      return create_network_template(txn, maker, settings_, parsed(text));
    });
  }
  Result<void> update(const access::Actor& by, NetworkTemplateId id, const std::string& text) {
    return in_txn([&](db::Txn& txn) {
      return update_network_template(txn, by, settings_, {id, parsed(text), false});
    });
  }
  Result<NetworkId> instantiate(const access::Actor& by, NetworkTemplateId id,
                                const std::string& extra) {
    return in_txn([&](db::Txn& txn) {
      return NetworkService{settings_}.instantiate(txn, by, {id, "", parsed(extra)});
    });
  }
  std::string attribute(NetworkTemplateId id, std::string_view name) {
    std::string value;
    (void)in_txn([&](db::Txn& txn) -> Result<void> {
      value = TRY(find_network_template(txn, id)).attributes.get(name);
      return {};
    });
    return value;
  }

  Settings settings_{.restricted_attributes = {"BRIDGE", "CLUSTER_IDS"}};
};

TEST_F(NetworkTemplates, OfUsersHaveNoRestrictedAttributes) {
  const auto refused = make(actor(UserId{5}), "NAME=a VN_MAD=bridge BRIDGE=br0");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kDenied);
  EXPECT_TRUE(make(actor(UserId{5}), "NAME=a VN_MAD=bridge"));
}

TEST_F(NetworkTemplates, KeepTheRestrictedAttributesThatAnAdministratorGaveThem) {
  const auto id = make(root(), "NAME=a VN_MAD=bridge BRIDGE=br0").value();
  EXPECT_TRUE(update(actor(UserId{5}), id, "VN_MAD=bridge NOTE=x"));
  EXPECT_EQ(attribute(id, "BRIDGE"), "br0");
  EXPECT_EQ(attribute(id, "NOTE"), "x");
  EXPECT_FALSE(update(actor(UserId{5}), id, "VN_MAD=bridge BRIDGE=br1"));
  EXPECT_EQ(attribute(id, "BRIDGE"), "br0");
}

TEST_F(NetworkTemplates, GiveTheirRestrictedAttributesToWhoMakesANetworkOfThem) {
  const auto id = make(root(), "NAME=a VN_MAD=bridge BRIDGE=br0").value();
  const auto made = instantiate(actor(UserId{5}), id, "NAME=mine");
  ASSERT_TRUE(made) << made.error().text();
  const auto refused = instantiate(actor(UserId{5}), id, "NAME=other BRIDGE=br1");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kDenied);
  EXPECT_FALSE(instantiate(actor(UserId{5}), id, "NAME=other CLUSTER_IDS=0"));
  EXPECT_TRUE(instantiate(root(), id, "NAME=other BRIDGE=br1 CLUSTER_IDS=0"));
}

TEST_F(NetworkTemplates, NamesAreUniquePerOwner) {
  const auto id = make(root(), "NAME=a").value();
  EXPECT_EQ(make(root(), "NAME=a").error().code, Errc::kConflict);
  EXPECT_TRUE(make(actor(add_user("bob")), "NAME=a"));
  const auto given = in_txn([&](db::Txn& txn) {
    return chown_network_template(txn, id, UserId{2}, GroupId{});
  });
  ASSERT_FALSE(given);
  EXPECT_EQ(given.error().code, Errc::kConflict);
}

}  // namespace
}  // namespace neph::network
