#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "api/call.h"
#include "base/clock.h"
#include "tests/support/whole_nephd.h"

/// Every method that is provided succeeds, over HTTP, on a whole nephd with simulated hosts.
namespace neph::daemon {
namespace {

namespace fs = std::filesystem;
using cli::Value;
using cli::Values;

/// Those that need a failure first, a certain moment or what never is there; tests/sim and
/// unit_api have them.
const std::set<std::string, std::less<>> kOfFailures = {
    "neph.check.remove",   "neph.host.lost", "neph.job.cancel", "neph.job.retry",
    "neph.snapshot.capture", "neph.snapshot.retry", "one.hook.retry", "one.market.info",
    "one.vn.recover",
};

Value value(int number) { return std::int64_t{number}; }
Value value(std::int64_t number) { return number; }
Value value(bool truth) { return truth; }
Value value(const char* text) { return std::string{text}; }
Value value(std::string text) { return text; }

class EveryMethodSucceeds : public testing::Test {
 protected:
  void SetUp() override {
    const auto started = nephd_.start();
    ASSERT_TRUE(started) << started.error().text();
  }

  /// Calls, and expects success. \returns the id or number that is answered, else 0
  template <class... Args>
  std::int64_t ok(const std::string& method, Args... args) {
    const auto answer = nephd_.rpc().call(method, Values{value(args)...});
    if (!answer) {
      ADD_FAILURE() << method << ": " << answer.error().text();
      return 0;
    }
    succeeded_.insert(method);
    const auto* number = std::get_if<std::int64_t>(&*answer);
    return number == nullptr ? 0 : *number;
  }
  /// Of disk 0, into images called image1, image2, ...
  std::int64_t snapshot(std::int64_t vm, const std::string& options) {
    const std::string name = fmt::format("image{}", ++snapshots_);
    const auto made = nephd_.rpc().call_document("neph.snapshot.create", {vm, "0", name, options});
    if (!made) {
      ADD_FAILURE() << "neph.snapshot.create: " << made.error().text();
      return -1;
    }
    succeeded_.insert("neph.snapshot.create");
    return std::stoll(made->get("SNAPSHOT/ID"));
  }
  /// The nine bits of a chmod: as they are, but for one.
  void chmod(const std::string& object, std::int64_t id) {
    ok("one." + object + ".chmod", id, -1, -1, -1, -1, -1, -1, 1, -1, -1);
  }
  /// What objects of most kinds have.
  void usual(const std::string& object, std::int64_t id) {
    ok("one." + object + ".info", id);
    ok("one." + object + ".rename", id, object + "-renamed");
    ok("one." + object + ".update", id, "LABELS=\"a\"", 1);
  }
  void lock(const std::string& object, std::int64_t id) {
    ok("one." + object + ".lock", id, 1);
    ok("one." + object + ".unlock", id);
  }
  void own(const std::string& object, std::int64_t id) {
    chmod(object, id);
    ok("one." + object + ".chown", id, 0, 0);
  }
  void pool(const std::string& kind) { ok("one." + kind + "pool.info", -2, -1, -1); }

  /// Until the document shows that value.
  void await(const std::string& method, std::int64_t id, const std::string& tag,
             const std::string& wanted) {
    const Duration end = clock_.monotonic() + Duration{60'000};
    std::string seen;
    while (clock_.monotonic() < end) {
      if (const auto document = nephd_.rpc().call_document(method, {id})) seen = document->get(tag);
      if (seen == wanted) return;
      clock_.sleep_for(Duration{10});
    }
    FAIL() << method << " " << id << " shows " << tag << " " << seen << " and not " << wanted;
  }
  void await_image(std::int64_t id) { await("one.image.info", id, "STATE", "1"); }
  void await_running(std::int64_t vm) { await("one.vm.info", vm, "LCM_STATE", "3"); }
  void await_job(std::int64_t job) { await("neph.job.info", job, "STATE", "done"); }

  void use_people();
  void use_clusters();
  void use_images();
  void use_templates();
  void use_networks();
  void use_site();
  void use_vms();
  std::int64_t run_vm(std::int64_t image);
  void grow_image();
  void change_vm(std::int64_t vm);
  void take_vm_back(std::int64_t vm);
  void change_disk(std::int64_t vm);
  void take_snapshots(std::int64_t vm);
  void back_up();
  void plan_backups(std::int64_t vm, std::int64_t kept);
  void use_pools();
  void end_it();

  SystemClock clock_;
  WholeNephd nephd_;
  std::set<std::string, std::less<>> succeeded_;
  int snapshots_ = 0;
  std::int64_t user_ = 0;
  std::int64_t group_ = 0;
  std::int64_t hosts_[2] = {};
  std::int64_t image_ = 0;
  std::int64_t network_ = 0;
};

void EveryMethodSucceeds::use_people() {
  group_ = ok("one.group.allocate", "lab");
  user_ = ok("one.user.allocate", "bob", "builder", "core");
  ok("one.user.info", user_);
  ok("one.user.update", user_, "LABELS=\"a\"", 1);
  ok("one.user.passwd", user_, "builder2");
  ok("one.user.chauth", user_, "core", "builder3");
  ok("one.user.login", "bob", "", 3600, -1);
  ok("one.user.quota", user_, "VM=[VMS=10]");
  ok("one.user.enable", user_, false);
  ok("one.user.enable", user_, true);
  ok("one.user.addgroup", user_, group_);
  ok("one.user.chgrp", user_, group_);
  ok("one.user.delgroup", user_, 1);
  ok("one.group.info", group_);
  ok("one.group.update", group_, "LABELS=\"a\"", 1);
  ok("one.group.quota", group_, "VM=[VMS=100]");
  ok("one.group.addadmin", group_, user_);
  ok("one.group.deladmin", group_, user_);
  ok("one.userquota.update", "VM=[VMS=1000]");
  ok("one.userquota.info");
  ok("one.groupquota.update", "VM=[VMS=1000]");
  ok("one.groupquota.info");
  const auto rule = ok("one.acl.addrule", fmt::format("{:x}", 0x100000000 + user_),
                       "1400000000", "1");
  ok("one.acl.info");
  ok("one.acl.delrule", rule);
}

void EveryMethodSucceeds::use_clusters() {
  const auto cluster = ok("one.cluster.allocate", "rack");
  usual("cluster", cluster);
  for (auto& host : hosts_)
    host = ok("one.host.allocate", fmt::format("node{}", &host - hosts_), "dummy", "dummy", 0);
  const auto spare = ok("one.host.allocate", "spare", "dummy", "dummy", 0);
  usual("host", spare);
  ok("one.host.enable", spare, false);
  ok("one.host.status", spare, 0);
  ok("one.cluster.addhost", cluster, spare);
  ok("one.cluster.delhost", cluster, spare);
  ok("one.host.delete", spare);
  for (const auto host : hosts_) await("one.host.info", host, "STATE", "2");
  ok("one.host.monitoring", hosts_[0]);
  ok("one.hostpool.monitoring");
  const auto store =
      ok("one.datastore.allocate", "NAME=more\nTYPE=IMAGE_DS\nDS_MAD=fs\nTM_MAD=local", 0);
  usual("datastore", store);
  own("datastore", store);
  ok("one.datastore.enable", ok("one.datastore.allocate",
                                "NAME=sys\nTYPE=SYSTEM_DS\nTM_MAD=local", 0), false);
  ok("one.cluster.adddatastore", cluster, store);
  ok("one.cluster.deldatastore", cluster, store);
  ok("one.datastore.delete", store);
  ok("one.cluster.delete", cluster);
}

void EveryMethodSucceeds::use_images() {
  image_ = ok("one.image.allocate", "NAME=disk\nTYPE=OS\nSIZE=32\nFORMAT=qcow2", 1);
  await_image(image_);
  usual("image", image_);
  own("image", image_);
  lock("image", image_);
  const auto copy = ok("one.image.clone", image_, "copy");
  await_image(copy);
  ok("one.image.persistent", copy, true);
  ok("one.image.persistent", copy, false);
  ok("one.image.chtype", copy, "DATABLOCK");
  ok("one.image.enable", copy, false);
  ok("one.image.enable", copy, true);
  await_job(ok("neph.image.verify", copy));
  ok("one.image.delete", copy);
}

void EveryMethodSucceeds::use_templates() {
  const auto id = ok("one.template.allocate",
                     fmt::format("NAME=small\nCPU=1\nMEMORY=64\nDISK=[IMAGE_ID={}]", image_));
  usual("template", id);
  own("template", id);
  lock("template", id);
  const auto copy = ok("one.template.clone", id, "copy");
  const auto vm = ok("one.template.instantiate", copy, "held", true);
  ok("one.vm.action", "terminate-hard", vm);
  ok("one.template.delete", copy);
}

void EveryMethodSucceeds::use_networks() {
  network_ = ok("one.vn.allocate",
                "NAME=lan\nVN_MAD=bridge\nBRIDGE=br0\nAR=[TYPE=IP4,IP=10.0.0.10,SIZE=50]", 0);
  usual("vn", network_);
  own("vn", network_);
  lock("vn", network_);
  ok("one.vn.add_ar", network_, "AR=[TYPE=IP4,IP=10.0.1.10,SIZE=5]");
  ok("one.vn.update_ar", network_, "AR=[AR_ID=1,SIZE=6]");
  ok("one.vn.rm_ar", network_, 1);
  ok("one.vn.hold", network_, "LEASES=[IP=10.0.0.11]");
  ok("one.vn.release", network_, "LEASES=[IP=10.0.0.11]");
  const auto part = ok("one.vn.reserve", network_, "NAME=part\nSIZE=4");
  ok("one.vn.free_ar", part, 0);
  ok("one.vn.delete", part);
  const auto plan = ok("one.vntemplate.allocate", "NAME=plan\nVN_MAD=bridge\nBRIDGE=br0");
  usual("vntemplate", plan);
  own("vntemplate", plan);
  lock("vntemplate", plan);
  ok("one.vn.delete", ok("one.vntemplate.instantiate", plan, "made", ""));
  ok("one.vntemplate.delete", ok("one.vntemplate.clone", plan, "copy"));
  const auto cluster = ok("one.cluster.allocate", "rack");
  ok("one.cluster.addvnet", cluster, network_);
  ok("one.cluster.delvnet", cluster, network_);
  const auto rules = ok("one.secgroup.allocate", "NAME=ssh\nRULE=[PROTOCOL=TCP,RULE_TYPE=inbound]");
  usual("secgroup", rules);
  own("secgroup", rules);
  ok("one.secgroup.commit", rules, false);
  ok("one.secgroup.delete", ok("one.secgroup.clone", rules, "copy"));
}

void EveryMethodSucceeds::use_site() {
  const auto document = ok("one.document.allocate", "NAME=notes", 100);
  usual("document", document);
  own("document", document);
  lock("document", document);
  ok("one.document.clone", document, "copy");
  ok("one.documentpool.info", -2, -1, -1, 100);
  ok("one.document.delete", document);
  const auto vdc = ok("one.vdc.allocate", "NAME=tenant");
  usual("vdc", vdc);
  ok("one.vdc.addgroup", vdc, group_);
  ok("one.vdc.delgroup", vdc, group_);
  for (const auto& [kind, id] : {std::pair<std::string, std::int64_t>{"cluster", 0},
                                 {"host", hosts_[0]}, {"datastore", 1}, {"vnet", network_}}) {
    ok("one.vdc.add" + kind, vdc, 0, id);
    ok("one.vdc.del" + kind, vdc, 0, id);
  }
  ok("one.vdc.delete", vdc);
  const auto roles = ok("one.vmgroup.allocate", "NAME=app\nROLE=[NAME=web]");
  usual("vmgroup", roles);
  own("vmgroup", roles);
  lock("vmgroup", roles);
  ok("one.vmgroup.roleadd", roles, "ROLE=[NAME=db]");
  ok("one.vmgroup.roleupdate", roles, 1, "ROLE=[POLICY=AFFINED]");
  ok("one.vmgroup.roledelete", roles, 1);
  const auto vm = ok("one.vm.allocate", "NAME=held\nCPU=1\nMEMORY=64", true);
  ok("one.vm.vmgroupadd", vm, roles, "web");
  ok("one.vm.vmgroupdel", vm);
  ok("one.vm.action", "terminate-hard", vm);
  ok("one.vmgroup.delete", roles);
  const fs::path command = nephd_.folder() / "hooks" / "hear";
  fs::create_directories(command.parent_path());
  std::ofstream(command) << "#!/bin/sh\n";
  fs::permissions(command, fs::perms::owner_all);
  const auto hook =
      ok("one.hook.allocate", fmt::format("NAME=hear\nTYPE=api\nCALL=one.vm.rename\nCOMMAND={}",
                                          command.string()));
  usual("hook", hook);
  lock("hook", hook);
  ok("one.hooklog.info", -1, -1, -1, 0);
  ok("one.hook.delete", hook);
}

void EveryMethodSucceeds::change_vm(std::int64_t vm) {
  ok("one.vm.info", vm);
  ok("one.vm.rename", vm, "web");
  ok("one.vm.update", vm, "LABELS=\"a\"", 1);
  own("vm", vm);
  lock("vm", vm);
  ok("one.vm.monitoring", vm);
  const auto action = ok("one.vm.schedadd", vm, "SCHED_ACTION=[ACTION=poweroff,TIME=4000000000]");
  ok("one.vm.schedupdate", vm, action, "SCHED_ACTION=[TIME=4000000060]");
  ok("one.vm.scheddelete", vm, action);
  ok("one.vm.attachnic", vm, fmt::format("NIC=[NETWORK_ID={}]", network_));
  await_running(vm);
  ok("one.vm.updatenic", vm, 0, "NIC=[INBOUND_AVG_BW=256]", 1);
  await_running(vm);
  ok("one.vm.detachsg", vm, 0, 0);
  ok("one.vm.attachsg", vm, 0, 0);
  ok("one.vm.detachnic", vm, 0);
  await_running(vm);
  ok("one.vm.attachnic", vm, "NIC=[BRIDGE=br0,MODEL=virtio]");
  await_running(vm);
  ok("one.vm.updatenic", vm, 1, "NIC=[MODEL=e1000]");
  await_running(vm);
  ok("one.vm.migrate", vm, hosts_[1], true, false);
  await_running(vm);
}

void EveryMethodSucceeds::take_vm_back(std::int64_t vm) {
  const auto point = ok("one.vm.snapshotcreate", vm, "point");
  await_running(vm);
  ok("one.vm.snapshotrevert", vm, point);
  await_running(vm);
  ok("one.vm.snapshotdelete", vm, point);
  await_running(vm);
}

void EveryMethodSucceeds::change_disk(std::int64_t vm) {
  ok("one.vm.attach", vm, "DISK=[TYPE=fs,SIZE=16,DEV_PREFIX=vd]");
  await_running(vm);
  ok("one.vm.diskresize", vm, 1, "32");
  await_running(vm);
  ok("one.vm.detach", vm, 1);
  await_running(vm);
  for (const char* name : {"one", "two"}) {
    ok("one.vm.disksnapshotcreate", vm, 0, name);
    await_running(vm);
  }
  ok("one.vm.disksnapshotrename", vm, 0, 1, "second");
  ok("one.vm.disksnapshotdelete", vm, 0, 1);
  await_running(vm);
  ok("one.vm.action", "poweroff-hard", vm);
  await("one.vm.info", vm, "STATE", "8");
  ok("one.vm.disksnapshotrevert", vm, 0, 0);
  await("one.vm.info", vm, "STATE", "8");
  ok("one.vm.resize", vm, "MEMORY=128", false);
  ok("one.vm.updateconf", vm, "FEATURES=[ACPI=YES]", 1);
  ok("one.vm.action", "resume", vm);
  await_running(vm);
}

void EveryMethodSucceeds::take_snapshots(std::int64_t vm) {
  await_image(ok("one.vm.disksaveas", vm, 0, "saved", "", -1));
  await_image(ok("one.vm.savedisk", vm, 0, "saved2", "", true));
  const auto hot = snapshot(vm, "KIND=HOT");
  ok("neph.snapshot.info", hot);
  ok("neph.snapshot.list", -2);
  await("neph.snapshot.info", hot, "PHASE", "ready");
  const auto armed = snapshot(vm, "KIND=DEFERRED");
  ok("neph.snapshot.cancel", armed);
  await("neph.snapshot.info", armed, "PHASE", "cancelled");
  ok("neph.snapshot.discard", snapshot(vm, "KIND=DEFERRED"), "image3");
}

void EveryMethodSucceeds::back_up() {
  const auto kept = ok("one.datastore.allocate", "NAME=kept\nDS_MAD=fs\nTYPE=BACKUP_DS", -1);
  const auto vm = run_vm(image_);
  ok("one.vm.backup", vm, kept);
  await_running(vm);
  const auto backup = nephd_.rpc().call_document("one.vm.info", {vm})->get("BACKUPS/BACKUP_IDS/ID");
  ok("one.vm.action", "poweroff-hard", vm);
  await("one.vm.info", vm, "STATE", "8");
  ok("one.vm.restore", vm, std::int64_t{std::stoll(backup)}, -1, -1);
  await("one.vm.info", vm, "STATE", "8");
  ok("one.image.restore", std::int64_t{std::stoll(backup)}, 1, "NAME=again");
  const auto bare = ok("one.vm.allocate", "NAME=bare\nCPU=1\nMEMORY=64", true);
  ok("one.vm.deploy", bare, hosts_[0], false);
  await_running(bare);
  ok("one.vm.backup", bare, kept, false);
  ok("one.vm.backupcancel", bare);
  await_running(bare);
  plan_backups(bare, kept);
  for (const auto each : {vm, bare}) ok("one.vm.recover", each, 3);
}

void EveryMethodSucceeds::plan_backups(std::int64_t vm, std::int64_t kept) {
  const auto plan = ok("one.backupjob.allocate",
                       fmt::format("NAME=plan\nBACKUP_VMS=\"{}\"\nDATASTORE_ID={}", vm, kept));
  usual("backupjob", plan);
  own("backupjob", plan);
  lock("backupjob", plan);
  ok("one.backupjob.priority", plan, 60);
  const auto action = ok("one.backupjob.schedadd", plan, "SCHED_ACTION=[TIME=4000000000]");
  ok("one.backupjob.schedupdate", plan, action, "SCHED_ACTION=[TIME=4000000060]");
  ok("one.backupjob.scheddelete", plan, action);
  ok("one.backupjob.backup", plan);
  ok("one.backupjob.cancel", plan);
  await_running(vm);
  ok("one.backupjob.retry", plan);
  await_running(vm);
  ok("one.backupjob.delete", plan);
}

/// A tree of snapshots that stays with a persistent image.
void EveryMethodSucceeds::grow_image() {
  const auto image = ok("one.image.clone", image_, "tree");
  await_image(image);
  ok("one.image.persistent", image, true);
  const auto vm = run_vm(image);
  for (const char* name : {"one", "two", "three"}) {
    ok("one.vm.disksnapshotcreate", vm, 0, name);
    await_running(vm);
  }
  ok("one.vm.action", "terminate-hard", vm);
  await_image(image);
  ok("one.image.snapshotrevert", image, 0);
  await_image(image);
  ok("one.image.snapshotdelete", image, 2);
  await_image(image);
  ok("one.image.snapshotflatten", image, 0);
  await_image(image);
}

std::int64_t EveryMethodSucceeds::run_vm(std::int64_t image) {
  const auto vm = ok("one.vm.allocate",
                     fmt::format("NAME=vm\nCPU=1\nMEMORY=64\nDISK=[IMAGE_ID={}]", image), true);
  ok("one.vm.deploy", vm, hosts_[0], false);
  await_running(vm);
  return vm;
}

void EveryMethodSucceeds::use_vms() {
  const auto vm = run_vm(image_);
  change_vm(vm);
  take_vm_back(vm);
  change_disk(vm);
  take_snapshots(vm);
  ok("one.vm.recover", vm, 3);
  await("one.vm.info", vm, "STATE", "6");
  back_up();
  grow_image();
}

void EveryMethodSucceeds::use_pools() {
  for (const char* kind : {"image", "template", "vn", "secgroup", "vmgroup", "backupjob",
                           "marketapp", "vntemplate", "vrouter"})
    pool(kind);
  for (const char* kind : {"cluster", "datastore", "group", "host", "hook", "market", "user",
                           "vdc", "zone"})
    ok(fmt::format("one.{}pool.info", kind));
  for (const char* kind : {"info", "infoextended"})
    ok(fmt::format("one.vmpool.{}", kind), -2, -1, -1, -1);
  ok("one.vmpool.infoset", "0,1", true);
  ok("one.vmpool.monitoring", -2);
  ok("one.vmpool.accounting", -2, -1, -1);
  ok("one.zone.info", 0);
  ok("one.zone.rename", 0, "lab");
  ok("one.zone.update", 0, "LABELS=\"a\"", 1);
  ok("one.zone.enable", 0, false);
  ok("one.zone.enable", 0, true);
  ok("one.vmpool.calculateshowback", -1, -1, -1, -1);
  ok("one.vmpool.showback", -2, -1, -1, -1, -1);
  ok("one.zone.raftstatus");
  ok("one.system.version");
  ok("one.system.config");
  ok("neph.disk.list");
  ok("neph.job.list");
}

void EveryMethodSucceeds::end_it() {
  const auto checked = ok("neph.check");
  ok("neph.job.info", checked);
  await_job(checked);
  ok("neph.check.info", checked);
  await_job(ok("neph.backup", (nephd_.folder() / "backup.db").string()));
  ok("one.user.delete", user_);
  ok("one.group.delete", group_);
}

TEST_F(EveryMethodSucceeds, OnAWholeNephdWithSimulatedHosts) {
  use_people();
  use_clusters();
  use_images();
  use_templates();
  use_networks();
  use_site();
  use_vms();
  use_pools();
  end_it();
  const auto registry = api::make_registry();
  for (const auto& [name, row] : registry.rows()) {
    if (!row.info.is_provided || kOfFailures.contains(name)) continue;
    EXPECT_TRUE(succeeded_.contains(name)) << name << " is not called here";
  }
}

}  // namespace
}  // namespace neph::daemon
