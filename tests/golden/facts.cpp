#include "tests/golden/facts.h"

namespace neph::view::golden {
namespace {

constexpr Instant kMade{1'795'232'296'000};
constexpr Instant kLater{1'795'232'356'500};
const Ownership kAlices{"alice", "users"};
const Ownership kAdmins{"oneadmin", "oneadmin"};

text::Template parsed(std::string_view source) { return text::Template::parse(source).value(); }

text::Vector vector_of(std::string_view source) {
  return *parsed(std::string("V=[") + std::string(source) + "]").find_vector("V");
}

compute::HistoryRecord record(int seq, Instant started) {
  compute::HistoryRecord made;
  made.seq = seq;
  made.host = HostId{1};
  made.host_name = "node1";
  made.cluster = ClusterId{100};
  made.datastore = DatastoreId{101};
  made.vm_mad = "kvm";
  made.tm_mad = "qcow2";
  made.by_user = UserId{2};
  made.started = made.prolog_started = started;
  made.prolog_ended = made.running_started = started + Duration{2000};
  return made;
}

std::vector<compute::VmDisk> web_disks() {
  compute::VmDisk root;
  root.id = DiskId{0};
  root.image = ImageId{2};
  root.target = "vda";
  root.attributes = vector_of(
      "IMAGE=\"debian 12\",IMAGE_ID=2,DATASTORE=imgs,DATASTORE_ID=100,SIZE=1024,TYPE=FILE,"
      "CLONE=YES,CLONE_TARGET=SYSTEM,LN_TARGET=NONE,SAVE=NO,DISK_ID=0,TARGET=vda,DRIVER=qcow2");
  compute::VmDisk data = root;
  data.id = DiskId{1};
  data.image = ImageId{3};
  data.is_persistent = true;
  data.attributes = vector_of(
      "IMAGE=data,IMAGE_ID=3,DATASTORE=imgs,DATASTORE_ID=100,SIZE=2048,TYPE=FILE,CLONE=NO,"
      "SAVE=YES,PERSISTENT=YES,DISK_ID=1,TARGET=vdb");
  compute::VmDisk context;
  context.id = DiskId{2};
  context.kind = compute::DiskKind::kContext;
  context.target = "hda";
  return {root, data, context};
}

snapshots::Snapshot snapshot_of(SnapshotId id, DiskId disk, ImageId image) {
  snapshots::Snapshot made;
  made.id = made.set = id;
  made.owner = UserId{2};
  made.group = GroupId{1};
  made.vm = VmId{1};
  made.disk = disk;
  made.image = image;
  made.datastore = DatastoreId{100};
  made.requested = kMade;
  made.bytes_total = Bytes{1'073'741'824};
  return made;
}

}  // namespace

UserFacts alice() {
  UserFacts facts;
  auto& user = facts.user;
  user.id = UserId{2};
  user.name = "alice";
  user.password_hash = "$argon2id$secret";
  user.auth_driver = "core";
  user.group = GroupId{1};
  user.group_name = "users";
  user.groups = {GroupId{1}, GroupId{100}};
  user.tokens = {{"a-login-token", kLater, {}}};
  user.attributes = parsed("SSH_PUBLIC_KEY=\"ssh-ed25519 AAAA alice\"\nTOKEN_PASSWORD=word");
  facts.quotas = {{"DATASTORE", "100", "SIZE", 100000, 3072},
                  {"DATASTORE", "2", "IMAGES", -1, 1},
                  {"IMAGE", "2", "RVMS", -1, 1},
                  {"VM", "", "CPU", 10, 0.5},
                  {"VM", "", "MEMORY", -2, 512},
                  {"VM", "", "VMS", 5, 1}};
  return facts;
}

UserFacts oneadmin() {
  UserFacts facts;
  auto& user = facts.user;
  user.id = UserId{0};
  user.name = "oneadmin";
  user.auth_driver = "core";
  user.group = GroupId{0};
  user.group_name = "oneadmin";
  user.groups = {GroupId{0}};
  user.attributes = parsed("TOKEN_PASSWORD=word");
  return facts;
}

GroupFacts research() {
  GroupFacts facts;
  facts.group = {GroupId{100}, "research", {UserId{2}, UserId{3}}, parsed("NOTE=\"a <b> & c\"")};
  facts.quotas = {{"VM", "", "VMS", 20, 1}};
  return facts;
}

access::AclRule users_create() { return {AclId{0}, 0x200000001, 0x129400000000, 8, 0x400000000}; }

access::AclRule alice_uses_a_host() {
  return {AclId{7}, 0x100000002, 0x2100000001, 3, 0x100000000};
}

compute::Cluster lab() {
  return {ClusterId{100},
          "lab",
          {HostId{1}},
          {DatastoreId{100}, DatastoreId{101}},
          parsed("RESERVED_CPU=\"10%\""),
          {NetworkId{1}}};
}

HostFacts node1() {
  HostFacts facts;
  auto& host = facts.host;
  host.id = HostId{1};
  host.name = "node1";
  host.cluster = ClusterId{100};
  host.cluster_name = "lab";
  host.im_mad = host.vm_mad = "kvm";
  host.is_reachable = true;
  host.monitored = kLater;
  host.cpu_total = 800;
  host.memory_total_kb = 16'777'216;
  host.memory_free_kb = 12'000'000;
  host.facts = parsed("ARCH=x86_64\nHYPERVISOR=kvm\nMODELNAME=\"Some CPU\"");
  host.attributes = parsed("RESERVED_MEM=1048576\nNOTE=\"rack 3\"");
  facts.use = {50, 524'288, 0, {VmId{1}}, 1};
  facts.cluster_attributes = lab().attributes;
  facts.retained = {{VmId{9}, DiskId{0}, {SnapshotId{4}, SnapshotId{5}}}};
  return facts;
}

HostFacts node2() {
  HostFacts facts;
  auto& host = facts.host;
  host.id = HostId{2};
  host.name = "node2";
  host.cluster = ClusterId{0};
  host.cluster_name = "default";
  host.im_mad = host.vm_mad = "kvm";
  host.error = "cannot connect: no route to host";
  return facts;
}

DatastoreFacts images() {
  DatastoreFacts facts;
  auto& datastore = facts.datastore;
  datastore.id = DatastoreId{100};
  datastore.name = "imgs";
  datastore.owner = UserId{0};
  datastore.group = GroupId{0};
  datastore.permissions = access::Permissions{0640};
  datastore.ds_mad = "fs";
  datastore.tm_mad = "qcow2";
  datastore.base_path = "/var/lib/one/datastores/100";
  datastore.total_mb = 20480;
  datastore.free_mb = 10760;
  datastore.used_mb = 9720;
  datastore.clusters = {ClusterId{0}, ClusterId{100}};
  datastore.attributes = parsed("CLONE_TARGET=SYSTEM\nLN_TARGET=NONE");
  facts.names = kAdmins;
  facts.images = {ImageId{2}, ImageId{3}, ImageId{4}};
  return facts;
}

DatastoreFacts system_datastore() {
  DatastoreFacts facts = images();
  facts.datastore.id = DatastoreId{101};
  facts.datastore.name = "sys";
  facts.datastore.type = datastore::DatastoreType::kSystem;
  facts.datastore.is_enabled = false;
  facts.datastore.ds_mad.clear();
  facts.datastore.attributes = parsed("SHARED=YES");
  facts.images.clear();
  return facts;
}

ImageFacts debian() {
  ImageFacts facts;
  auto& image = facts.image;
  image.id = ImageId{2};
  image.name = "debian 12";
  image.owner = UserId{2};
  image.group = GroupId{1};
  image.permissions = access::Permissions{0604};
  image.state = datastore::ImageState::kReady;
  image.datastore = DatastoreId{100};
  image.size_mb = 1024;
  image.source = "/var/lib/one/datastores/100/0f3a";
  image.original_path = "/var/tmp/debian.qcow2";
  image.sha256 = std::string(64, 'a');
  image.registered = kMade;
  image.attributes = parsed("DESCRIPTION=\"base image\"\nDEV_PREFIX=vd");
  facts.use.vms = {VmId{1}};
  facts.names = kAlices;
  facts.datastore_name = "imgs";
  return facts;
}

ImageFacts saved() {
  ImageFacts facts = debian();
  auto& image = facts.image;
  image.id = ImageId{4};
  image.name = "web of today";
  image.state = datastore::ImageState::kLocked;
  image.is_persistent = true;
  image.original_path.clear();
  image.sha256.clear();
  image.cloning = ImageId{2};
  image.attributes = parsed("SAVED_DISK_ID=0\nSAVED_IMAGE_ID=2\nSAVED_VM_ID=1");
  facts.use = {};
  return facts;
}

ImageFacts backup() {
  ImageFacts facts = saved();
  auto& image = facts.image;
  image.id = ImageId{7};
  image.name = "1 21-Nov 17.30.05";
  image.type = datastore::ImageType::kBackup;
  image.state = datastore::ImageState::kReady;
  image.is_persistent = false;
  image.cloning = {};
  image.attributes = parsed(
      "SNAPSHOT=[VM_ID=1,KIND=HOT,SNAPSHOT_ID=3,GRADE=frozen,CAPTURED_AT=2026-11-21T17:30:05Z]");
  facts.backup_disks = {DiskId{0}, DiskId{2}};
  return facts;
}

site::Vdc physics() {
  using site::VdcKind;
  return {VdcId{100},
          "physics",
          {GroupId{1}, GroupId{100}},
          {{VdcKind::kCluster, 0, site::kAllOfZone}, {VdcKind::kHost, 0, 1},
           {VdcKind::kDatastore, 0, 100}, {VdcKind::kNetwork, 0, 2}},
          parsed("DESCRIPTION=\"who measures\"")};
}

VmGroupFacts app() {
  site::VmGroup group;
  group.id = VmGroupId{3};
  group.name = "app";
  group.owner = UserId{2};
  group.group = GroupId{1};
  group.permissions = access::Permissions{0600};
  group.attributes = parsed("AFFINED=\"web, db\"");
  group.roles = {{0, "web", site::RolePolicy::kAntiAffined,
                  vector_of("POLICY=ANTI_AFFINED,HOST_AFFINED=\"1,2\""), {VmId{1}, VmId{7}}},
                 {1, "db", site::RolePolicy::kNone, {}, {}}};
  return {group, kAlices, {}};
}

HookFacts on_boot() {
  site::Hook hook;
  hook.id = HookId{2};
  hook.name = "on boot";
  hook.subject = "VM";
  hook.attributes = parsed(
      "TYPE=state RESOURCE=VM STATE=ACTIVE LCM_STATE=RUNNING COMMAND=\"vm/up.sh\""
      " ARGUMENTS=\"$TEMPLATE\" ARGUMENTS_STDIN=YES");
  site::HookExecution execution;
  execution.hook = hook.id;
  execution.id = 1;
  execution.started = kLater;
  execution.is_retry = true;
  execution.arguments = "PFZNLz4=";
  execution.command = "vm/up.sh";
  execution.output = "up\n";
  execution.errors = "a < b\n";
  execution.code = 1;
  site::HookExecution first = execution;
  first.id = 0;
  first.is_retry = false;
  return {hook, {}, {execution, first}};
}

DocumentFacts service() {
  site::Document document;
  document.id = DocumentId{4};
  document.type = 100;
  document.name = "web service";
  document.owner = UserId{2};
  document.group = GroupId{1};
  document.permissions = access::Permissions{0640};
  document.attributes = parsed("BODY=\"{\\\"name\\\":\\\"web\\\"}\"");
  return {document, kAlices, {access::LockLevel::kManage, UserId{2}, kMade}};
}

TemplateFacts web_template() {
  return {{TemplateId{1}, "web", UserId{2}, GroupId{1}, access::Permissions{0640}, kMade,
           parsed("CPU=0.5\nMEMORY=512\nDISK=[IMAGE_ID=2]\nDISK=[SIZE=256,TYPE=swap]\n"
                  "USER_NOTE=\"free text <&> quoted\"")},
          kAlices};
}

NetworkTemplateFacts lan_template() {
  return {{NetworkTemplateId{2}, "lan", UserId{2}, GroupId{1}, access::Permissions{0640}, kMade,
           parsed("VN_MAD=bridge\nBRIDGE=br0\nCLUSTER_IDS=\"0,100\"\n"
                  "AR=[TYPE=IP4,IP=10.0.0.10,SIZE=50]")},
          kAlices,
          {access::LockLevel::kUse, UserId{2}, kMade}};
}

BackupJobFacts nightly() {
  using snapshots::MemberState;
  BackupJobFacts facts;
  auto& job = facts.backup_job;
  job.id = BackupJobId{3};
  job.name = "nightly";
  job.owner = UserId{2};
  job.group = GroupId{1};
  job.permissions = access::Permissions{0640};
  job.priority = 20;
  job.started = kMade;
  job.ended = kLater;
  job.attributes = parsed("DATASTORE_ID=103\nEXECUTION=SEQUENTIAL\nKEEP_LAST=7\nMODE=FULL");
  job.members = {{VmId{7}, 0, MemberState::kUpdated, {}, ""},
                 {VmId{1}, 1, MemberState::kError, {}, "the backup was cancelled"},
                 {VmId{4}, 2, MemberState::kBackingUp, ImageId{9}, ""},
                 {VmId{2}, 3, MemberState::kOutdated, {}, ""}};
  facts.names = kAlices;
  facts.lock = {access::LockLevel::kManage, UserId{2}, kMade};
  compute::ScheduledAction action;
  action.id = compute::ScheduledActionId{5};
  action.backup_job = job.id;
  action.action = "backup";
  action.due = kLater;
  action.repeat = compute::Repeat::kWeekly;
  action.days = "1,5";
  action.end = compute::ScheduleEnd::kNever;
  action.done = kMade;
  facts.schedule = {action};
  return facts;
}

VmFacts web() {
  VmFacts facts;
  auto& vm = facts.vm;
  vm.id = VmId{1};
  vm.name = "web-1";
  vm.owner = UserId{2};
  vm.group = GroupId{1};
  vm.state = compute::VmState::kActive;
  vm.lcm = compute::LcmState::kRunning;
  vm.uuid = "270a7257-4d06-48cf-a8bd-48c6288d5df0";
  vm.cpu = 0.5;
  vm.vcpus = 2;
  vm.memory_mb = 512;
  facts.backups = {ImageId{7}};
  facts.backup_job = BackupJobId{3};
  vm.host = HostId{1};
  vm.created = kMade;
  vm.polled = kLater;
  vm.deploy_id = "one-1";
  vm.made_from = TemplateId{1};
  vm.monitoring = parsed("CPU=12.5\nMEMORY=131072\nSTATE=RUNNING\nTIMESTAMP=1795232356");
  vm.attributes = parsed(
      "CPU=0.5\nMEMORY=512\nVCPU=2\nCONTEXT=[NETWORK=YES]\nOS=[ARCH=x86_64,BOOT=disk0]\n"
      "GRAPHICS=[TYPE=vnc,LISTEN=127.0.0.1,PORT=5901]\nSERIAL_LOG=\"/ds/101/1/serial.log\"\n"
      "BACKUP_CONFIG=[KEEP_LAST=4,MODE=FULL,LAST_BACKUP_ID=7,LAST_DATASTORE_ID=102]");
  vm.user_attributes = parsed("LABELS=web\nUSER_NOTE=\"free text <&> quoted\"");
  vm.wait_reason = "waits for a slot of host node1";
  facts.names = kAlices;
  facts.disks = web_disks();
  facts.nics = {{VmId{1}, NicId{0}, vector_of("BRIDGE=br0,MAC=\"02:00:0a:00:00:0a\",NIC_ID=0")},
                {VmId{1}, NicId{1},
                 vector_of("IP=\"10.0.0.11\",NIC_ID=1,PARENT=NIC0,PARENT_ID=0")}};
  facts.security_rules = {vector_of("PROTOCOL=ALL,RULE_TYPE=INBOUND,SECURITY_GROUP_ID=0")};
  facts.history = {record(0, kMade), record(1, kLater)};
  facts.history[0].ended = facts.history[0].running_ended = kLater;
  facts.history[0].action = compute::HistoryAction::kPoweroff;
  facts.snapshots = {armed_snapshot().snapshot, snapshot_of(SnapshotId{3}, DiskId{1}, ImageId{5})};
  facts.snapshots[1].phase = snapshots::Phase::kCopying;
  facts.system_snapshots = {{VmId{1}, 0, "before <it>", kMade, 512, {}}};
  return facts;
}

VmFacts pending() {
  VmFacts facts;
  auto& vm = facts.vm;
  vm.id = VmId{2};
  vm.name = "big";
  vm.owner = UserId{2};
  vm.group = GroupId{1};
  vm.cpu = 64;
  vm.memory_mb = 128;
  vm.created = kMade;
  vm.attributes = parsed("CPU=64\nMEMORY=128");
  vm.user_attributes = parsed("SCHED_REQUIREMENTS=\"CLUSTER_ID=100\"");
  vm.pending_reason = "no host has 64 CPUs";
  facts.names = kAlices;
  return facts;
}

SnapshotFacts armed_snapshot() {
  SnapshotFacts facts;
  facts.snapshot = snapshot_of(SnapshotId{2}, DiskId{0}, ImageId{4});
  facts.snapshot.image_name = "web of today";
  facts.snapshot.kind = snapshots::Kind::kDeferred;
  facts.snapshot.fires = datastore::Fires::kFirstStop;
  facts.snapshot.bytes_total = Bytes{0};
  facts.snapshot.description = "before <the> upgrade";
  facts.names = kAlices;
  return facts;
}

SnapshotFacts ready_snapshot() {
  SnapshotFacts facts;
  facts.snapshot = snapshot_of(SnapshotId{3}, DiskId{1}, ImageId{5});
  auto& snapshot = facts.snapshot;
  snapshot.image_name = "data of today";
  snapshot.phase = snapshots::Phase::kReady;
  snapshot.grade = datastore::Grade::kFrozen;
  snapshot.captured = kMade + Duration{120};
  snapshot.ready = kLater;
  snapshot.frozen_for = Duration{90};
  snapshot.sha256 = std::string(64, 'b');
  snapshot.host = HostId{1};
  snapshot.job = JobId{12};
  facts.names = kAlices;
  facts.host_name = "node1";
  facts.is_retained = true;
  return facts;
}

std::unique_ptr<monitoring::Board> measured() {
  static const VirtualClock clock(kLater);
  auto board = std::make_unique<monitoring::Board>(clock, monitoring::Board::Settings{});
  monitoring::Reading reading{.host = HostId{1}, .at = kLater + Duration{-60'000}};
  reading.cpu_time_ns = 0;
  reading.cpu_percent_total = 800;
  reading.used_memory_kb = 2'000'000;
  reading.free_memory_kb = 6'000'000;
  reading.vms = {{VmId{1}, 0, 262144, monitoring::Traffic{4096, 1, 0, 0, 590, 1180}}};
  board->add(reading);
  reading.at = kLater;
  reading.cpu_time_ns = 75'000'000'000;
  reading.vms = {{VmId{1}, 15'750'000'000, 262144,
                  monitoring::Traffic{1'048'576, 32, 8192, 2, 4720, 5900}}};
  board->add(reading);
  return board;
}

jobs::Job copying_job() {
  jobs::Job job;
  job.id = JobId{12};
  job.kind = "snapshot.copy";
  job.step = "copy";
  job.state = jobs::JobState::kRunning;
  job.owner = UserId{2};
  job.host = HostId{1};
  job.vm = VmId{1};
  job.image = ImageId{5};
  job.snapshot = SnapshotId{3};
  job.attempt = 1;
  job.created = kMade;
  job.changed = kLater;
  return job;
}

std::vector<jobs::LogEntry> copying_log() {
  return {{0, kMade, kMade, 1, "space", "asked for"},
          {1, kMade, kLater, 2, "copy", "tried again: nothing moved for 60 s"}};
}

}  // namespace neph::view::golden
