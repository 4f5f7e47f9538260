#include "tests/unit/compute/world.h"

namespace neph::compute {
namespace {

class VmTemplates : public ComputeTest {
 protected:
  VmTemplates() { settings_.restricted_attributes = {"NIC/BRIDGE", "CPU_COST", "PCI"}; }

  Result<TemplateId> create(const access::Actor& actor, const std::string& content) {
    return in_txn([&](db::Txn& txn) -> Result<TemplateId> {
      return create_template(txn, actor, settings_, TRY(text::Template::parse(content)));
    });
  }
  Result<void> update(const access::Actor& actor, TemplateId id, const std::string& change,
                      bool is_append) {
    return in_txn([&](db::Txn& txn) -> Result<void> {
      return update_template(txn, actor, settings_,
                             {id, TRY(text::Template::parse(change)), is_append});
    });
  }
  VmTemplate found(TemplateId id) {
    const auto result = in_txn([&](db::Txn& txn) { return find_template(txn, id); });
    EXPECT_TRUE(result) << result.error().text();
    return result.value_or(VmTemplate{});
  }
};

TEST_F(VmTemplates, AreKeptWithTheirOwner) {
  const auto id = create(alice_, "NAME=web TEMPLATE_ID=3 CPU=1");
  ASSERT_TRUE(id) << id.error().text();
  const auto kept = found(*id);
  EXPECT_EQ(kept.name, "web");
  EXPECT_EQ(kept.owner, alice_.user);
  EXPECT_EQ(kept.group, alice_.group);
  EXPECT_EQ(kept.permissions.bits, 0600);
  EXPECT_EQ(kept.registered, now_);
  EXPECT_EQ(kept.attributes.to_text(), text::Template::parse("CPU=1")->to_text());
  must([&](db::Txn& txn) -> Result<void> {
    EXPECT_EQ(list_templates(txn).size(), 1U);
    delete_template(txn, *id);
    EXPECT_EQ(find_template(txn, *id).error().message,
              fmt::format("Error getting virtual machine template [{}].", *id));
    return {};
  });
}

TEST_F(VmTemplates, HaveNamesThatAreUniquePerOwner) {
  const auto first = *create(alice_, "NAME=web");
  EXPECT_EQ(create(alice_, "NAME=web").error().message,
            fmt::format("NAME is already taken by TEMPLATE {}.", first));
  EXPECT_EQ(create(alice_, "CPU=1").error().code, Errc::kInvalid);
  const auto second = *create(bob_, "NAME=web");
  const auto chown = [&](UserId user, GroupId group) {
    return in_txn([&](db::Txn& txn) { return chown_template(txn, second, user, group); });
  };
  EXPECT_EQ(chown(alice_.user, {}).error().code, Errc::kConflict);
  EXPECT_EQ(chown(UserId{99}, {}).error().code, Errc::kNotFound);
  ASSERT_TRUE(in_txn([&](db::Txn& txn) { return rename_template(txn, second, "other"); }));
  ASSERT_TRUE(chown(alice_.user, GroupId{0}));
  EXPECT_EQ(found(second).owner, alice_.user);
  EXPECT_EQ(found(second).group, GroupId{0});
  EXPECT_EQ(in_txn([&](db::Txn& txn) { return rename_template(txn, second, "web"); }).error().code,
            Errc::kConflict);
}

TEST_F(VmTemplates, NeedTheRightToCreate) {
  sql("DELETE FROM acls");
  const auto refused = create(alice_, "NAME=web");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kDenied);
  EXPECT_THAT(refused.error().message,
              testing::StartsWith("Not authorized to perform CREATE TEMPLATE"));
}

TEST_F(VmTemplates, TakeRestrictedAttributesFromAdministratorsAlone) {
  EXPECT_EQ(create(alice_, "NAME=a NIC=[BRIDGE=br0]").error().message,
            "VM Template includes a restricted attribute NIC/BRIDGE");
  EXPECT_EQ(create(alice_, "NAME=a PCI=[VENDOR=1]").error().message,
            "VM Template includes a restricted attribute PCI");
  EXPECT_TRUE(create(root(), "NAME=a NIC=[BRIDGE=br0] PCI=[VENDOR=1]"));
}

TEST_F(VmTemplates, KeepWhatAnAdministratorWroteWhenUsersChangeThem) {
  const auto id = *create(root(), "NAME=a NIC=[BRIDGE=br0] CPU_COST=5 NOTE=x");
  EXPECT_TRUE(update(alice_, id, "NOTE=y", true));
  EXPECT_EQ(found(id).attributes.get("NOTE"), "y");
  EXPECT_EQ(update(alice_, id, "CPU_COST=1", true).error().message,
            "User Template includes a restricted attribute CPU_COST");
  EXPECT_EQ(update(alice_, id, "NIC=[BRIDGE=br1]", true).error().code, Errc::kDenied);
  EXPECT_TRUE(update(alice_, id, "NIC=[BRIDGE=br0] NAME=ignored NOTE=z", false));
  EXPECT_EQ(found(id).attributes.get("CPU_COST"), "5") << "carried over";
  EXPECT_EQ(found(id).name, "a");
  EXPECT_FALSE(found(id).attributes.has("NAME"));
  EXPECT_TRUE(update(root(), id, "NOTE=w", false));
  EXPECT_FALSE(found(id).attributes.has("CPU_COST"));
}

TEST_F(VmTemplates, ChangePermissions) {
  const auto id = *create(alice_, "NAME=a");
  ASSERT_TRUE(in_txn([&](db::Txn& txn) {
    return chmod_template(txn, id, access::Permissions{0644});
  }));
  EXPECT_EQ(found(id).permissions.bits, 0644);
}

}  // namespace
}  // namespace neph::compute
