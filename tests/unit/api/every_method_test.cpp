#include <gtest/gtest.h>

#include <set>

#include "api/internal/methods.h"
#include "site/vdc.h"
#include "tests/unit/api/world.h"

/// What is true of every method there is, asked of the registry itself: who adds a row is tested
/// here without writing a line.
namespace neph::api {
namespace {

using Names = std::set<std::string, std::less<>>;

const auto& all_rows() {
  static const Registry<Call> kRegistry = make_registry();
  return kRegistry.rows();
}

Value plain(std::string_view type) {
  if (type == "int") return Value{std::int32_t{0}};
  if (type == "boolean") return Value{false};
  if (type == "double") return Value{0.0};
  if (type == "array") return Value{Array{}};
  return Value{std::string{"NAME=x"}};
}

/// Parameters of the right types: number 0 for every object.
std::vector<Value> plain_params(const MethodInfo& info, const std::string& session) {
  std::vector<Value> params;
  if (info.has_session()) params.push_back(Value{session});
  for (const auto& argument : info.args) params.push_back(plain(argument.type));
  return params;
}

std::string wire(const Value& value) {
  const std::string reply = value_reply(value);
  const auto begin = reply.find("<param>");
  return reply.substr(begin, reply.find("</params>") - begin);
}

std::string wire_call(const MethodInfo& info, const std::vector<Value>& params) {
  std::string all;
  for (const auto& param : params) all += wire(param);
  return call_of(info.name, all);
}

TEST(EveryMethod, RefusesFewerParametersThanItNeeds) {
  for (const auto& [name, row] : all_rows()) {
    auto params = plain_params(row.info, "a:b");
    const std::size_t least = row.info.required + (row.info.has_session() ? 1 : 0);
    if (least == 0) continue;
    params.resize(least - 1);
    const auto bound = row.bind(params);
    ASSERT_FALSE(bound) << name;
    EXPECT_EQ(bound.error().code, FaultCode::kType) << name;
    EXPECT_TRUE(bound.error().text.starts_with("Not enough parameters")) << name;
  }
}

TEST(EveryMethod, TakesEveryNumberOfParametersFromWhatItNeedsOn) {
  for (const auto& [name, row] : all_rows()) {
    auto params = plain_params(row.info, "a:b");
    params.push_back(Value{});  // a surplus one
    const std::size_t least = row.info.required + (row.info.has_session() ? 1 : 0);
    for (std::size_t count = least; count <= params.size(); ++count) {
      const auto bound = row.bind({params.begin(), params.begin() + std::ptrdiff_t(count)});
      EXPECT_TRUE(bound) << name << " with " << count << ": " << bound.error().text;
    }
  }
}

TEST(EveryMethod, NamesTheParameterThatHasAWrongType) {
  for (const auto& [name, row] : all_rows()) {
    const std::size_t first = row.info.has_session() ? 1 : 0;
    for (std::size_t i = 0; i < row.info.args.size(); ++i) {
      auto params = plain_params(row.info, "a:b");
      params[first + i] = Value{Struct{}};
      const auto bound = row.bind(params);
      ASSERT_FALSE(bound) << name << " " << row.info.args[i].name;
      EXPECT_EQ(bound.error().code, FaultCode::kType) << name;
      EXPECT_NE(bound.error().text.find("(" + row.info.args[i].name + ")"), std::string::npos)
          << bound.error().text;
    }
  }
}

/// One object of each kind, number 0 where the kind begins with it, all of them oneadmin's and for
/// nobody else. No ACL rule is left.
class EveryMethodOf : public testing::Test {
 protected:
  void SetUp() override {
    world.serve(make_registry());
    world.in_transaction(&EveryMethodOf::fill);
    make("one.vmgroup.allocate", as_string("NAME=g ROLE=[NAME=r]"));
    make("one.document.allocate", as_string("NAME=d") + as_int(0));
    make("one.template.allocate", as_string("NAME=t MEMORY=64 CPU=1"));
    make("one.vntemplate.allocate", as_string("NAME=n VN_MAD=bridge"));
    make("one.backupjob.allocate", as_string("NAME=b BACKUP_VMS=0"));
    make("one.vn.allocate",
         as_string("NAME=lan VN_MAD=bridge BRIDGE=br0 AR=[TYPE=IP4, IP=10.0.0.10, SIZE=10]") +
             as_int(-1));
    world.in_transaction([](db::Txn& txn) {
      txn.exec("DELETE FROM acls");
      txn.touch(ObjectKind::kAcl, 0);
    });
  }

  Told call(const MethodInfo& info, const std::string& session) {
    return told_by(world.ask(wire_call(info, plain_params(info, session))));
  }

  World world;

 private:
  void make(const std::string& method, const std::string& params) {
    const auto told = world.as_admin(method, params);
    ASSERT_EQ(told.number, 0) << method << ": " << told.text;
  }
  static void fill(db::Txn& txn) {
    site::bootstrap_vdcs(txn);
    txn.exec("INSERT INTO hosts(id, name, cluster_id, im_mad, vm_mad, uri)"
             " VALUES (0, 'host', 0, 'dummy', 'dummy', '')");
    txn.exec("INSERT INTO images(id, name, user_id, group_id, permissions, type, is_persistent,"
             " state, datastore_id, size_mb, registered_at)"
             " VALUES (0, 'image', 0, 0, 0, 0, 0, 1, 1, 64, 1)");
    txn.exec("INSERT INTO vms(id, name, user_id, group_id, permissions, state, uuid, cpu, vcpus,"
             " memory_mb, created_at, template) VALUES (0, 'vm', 0, 0, 0, 8, 'u', 1, 1, 64, 1,"
             " '')");
    txn.exec("INSERT INTO vm_disks(vm_id, disk_id, kind, path, format, is_present, size_mb, target,"
             " attributes) VALUES (0, 0, 2, '/ds/disk.0', 'qcow2', 0, 64, 'vda', '')");
    txn.exec("INSERT INTO snapshots(id, set_id, user_id, group_id, vm_id, disk_id, image_id,"
             " image_name, datastore_id, kind, fires, quiesce, phase, requested_at_ms)"
             " VALUES (0, 0, 0, 0, 0, 0, 0, 'image', 1, 1, 0, 1, 6, 1)");
    txn.exec("INSERT INTO jobs(id, kind, step, state, user_id, vm_id, created_at_ms,"
             " changed_at_ms) VALUES (0, 'vm.deploy', 'boot', 4, 0, 0, 1, 1)");
    txn.exec("INSERT INTO hooks(id, name, type, subject) VALUES (0, 'h', 'api', 'one.x.y')");
    for (const auto kind : {ObjectKind::kHost, ObjectKind::kImage, ObjectKind::kVm,
                            ObjectKind::kSnapshot, ObjectKind::kJob, ObjectKind::kHook})
      txn.touch(kind, 0);
  }
};

TEST_F(EveryMethodOf, TheRegistryKnowsItsCaller) {
  for (const auto& [name, row] : all_rows()) {
    if (!row.info.has_session()) continue;
    EXPECT_EQ(call(row.info, "no session").code, 256) << name;
  }
}

TEST_F(EveryMethodOf, TheRegistryIsClosedToWhoHasNoRight) {
  // No user is called so, and no action; security group 0 is for everybody.
  const Names others = {"one.user.login", "one.vm.action", "one.secgroup.info"};
  for (const auto& [name, row] : all_rows()) {
    if (row.info.right == "none" || others.contains(name)) continue;
    const auto told = call(row.info, "alice:alice-token");
    EXPECT_EQ(told.code, 512) << name << " (" << row.info.right << "): " << told.text;
  }
}

TEST_F(EveryMethodOf, AnObjectSaysWhatIsNotThere) {
  // A host leaves whichever cluster it is in; a log is asked from a time on.
  const Names others = {"one.cluster.delhost", "one.hooklog.info"};
  for (const auto& [name, row] : all_rows()) {
    if (!row.info.is_provided || row.info.args.empty() || others.contains(name)) continue;
    const bool is_pool = name.find("pool.") != std::string::npos;
    if (row.info.args[0].type != "int" || is_pool || row.info.right == "none") continue;
    auto params = plain_params(row.info, "oneadmin:root-token");
    params[1] = Value{std::int32_t{12'345}};
    const auto told = told_by(world.ask(wire_call(row.info, params)));
    EXPECT_EQ(told.code, 1024) << name << ": " << told.text;
  }
}

bool is_filtered_pool(const MethodInfo& info) {
  return info.name.starts_with("one.") && info.name.find("pool.info") != std::string::npos &&
         !info.args.empty() && info.args[0].name == "filter";
}

TEST_F(EveryMethodOf, APoolTakesTheFlagsThereAreAndNoOther) {
  for (const auto& [name, row] : all_rows()) {
    if (!is_filtered_pool(row.info)) continue;
    auto params = plain_params(row.info, "oneadmin:root-token");
    for (const int flag : {-4, -3, -2, -1, 0, 2}) {
      params[1] = Value{std::int32_t{flag}};
      const auto told = told_by(world.ask(wire_call(row.info, params)));
      EXPECT_TRUE(told.is_success) << name << " " << flag << ": " << told.text;
    }
    params[1] = Value{std::int32_t{-5}};
    EXPECT_EQ(told_by(world.ask(wire_call(row.info, params))).code, 4096) << name;
  }
}

TEST_F(EveryMethodOf, APoolOfThingsShowsThoseOfTheFilterAndTheWindow) {
  const auto shown = [&](const MethodInfo& info, int filter, int start, int end) {
    std::vector<Value> params = {Value{"oneadmin:root-token"}, Value{std::int32_t{filter}},
                                 Value{std::int32_t{start}}, Value{std::int32_t{end}}};
    if (info.args.size() > 3) params.push_back(Value{std::int32_t{-1}});
    const auto told = told_by(world.ask(wire_call(info, params)));
    EXPECT_TRUE(told.is_success) << info.name << ": " << told.text;
    return told.text.find("<ID>0</ID>") != std::string::npos;
  };
  int pools = 0;
  for (const auto& [name, row] : all_rows()) {
    if (!is_filtered_pool(row.info) || !shown(row.info, -2, -1, -1)) continue;
    ++pools;
    EXPECT_TRUE(shown(row.info, 0, -1, -1)) << name << " of user 0";
    EXPECT_FALSE(shown(row.info, 2, -1, -1)) << name << " of user 2";
    EXPECT_TRUE(shown(row.info, -3, 0, 0)) << name << " from 0 to 0";
    EXPECT_FALSE(shown(row.info, -2, 1, -1)) << name << " from 1 on";
    EXPECT_TRUE(shown(row.info, -2, 0, -5)) << name << " the first five";
    EXPECT_FALSE(shown(row.info, -2, 5, -5)) << name << " the second five";
  }
  EXPECT_GE(pools, 8);
}

TEST_F(EveryMethodOf, ALockedObjectIsLeftAlone) {
  for (const auto& [lock, lock_row] : all_rows()) {
    if (!lock_row.info.is_provided || !lock.ends_with(".lock")) continue;
    const std::string object = lock.substr(0, lock.size() - 4);  // "one.vn."
    ASSERT_TRUE(world.as_admin(lock, as_int(0) + as_int(1)).is_success) << lock;
    for (const auto& [name, row] : all_rows()) {
      // What right an action needs is not known of one that there is not.
      const bool is_about_it = name.starts_with(object) && !name.ends_with("lock") &&
                               !name.ends_with(".allocate") && name != "one.vm.action";
      if (!is_about_it || row.info.mode != Mode::kWrite || !row.info.is_provided) continue;
      const auto told = call(row.info, "oneadmin:root-token");
      EXPECT_EQ(told.code, 512) << name << ": " << told.text;
      EXPECT_NE(told.text.find("is locked"), std::string::npos) << name << ": " << told.text;
    }
    EXPECT_TRUE(world.as_admin(object + "unlock", as_int(0)).is_success) << lock;
  }
}

}  // namespace
}  // namespace neph::api
