#pragma once

#include "view/internal/documents.h"

/// One small cloud, as its rows would be read: what the golden documents show.
namespace neph::view::golden {

[[nodiscard]] UserFacts alice();
[[nodiscard]] UserFacts oneadmin();
[[nodiscard]] GroupFacts research();
[[nodiscard]] access::AclRule users_create();
[[nodiscard]] access::AclRule alice_uses_a_host();
[[nodiscard]] compute::Cluster lab();
/// Monitored, with a disk that it keeps for a snapshot.
[[nodiscard]] HostFacts node1();
/// Never seen.
[[nodiscard]] HostFacts node2();
[[nodiscard]] DatastoreFacts images();
[[nodiscard]] DatastoreFacts system_datastore();
/// Used by a VM.
[[nodiscard]] ImageFacts debian();
/// Being saved from a disk.
[[nodiscard]] ImageFacts saved();
/// Of a VM with two disks.
[[nodiscard]] ImageFacts backup();
[[nodiscard]] TemplateFacts web_template();
[[nodiscard]] NetworkTemplateFacts lan_template();
/// Of three VMs, in the middle of a run, with a schedule.
[[nodiscard]] BackupJobFacts nightly();
[[nodiscard]] site::Vdc physics();
[[nodiscard]] VmGroupFacts app();
/// It has run twice.
[[nodiscard]] HookFacts on_boot();
/// Of an application, locked.
[[nodiscard]] DocumentFacts service();
/// Deployed twice; one disk is armed, the other is being copied.
[[nodiscard]] VmFacts web();
/// No host was found.
[[nodiscard]] VmFacts pending();
[[nodiscard]] SnapshotFacts armed_snapshot();
[[nodiscard]] SnapshotFacts ready_snapshot();
/// What node1 and web used: seen twice, a minute apart.
[[nodiscard]] std::unique_ptr<monitoring::Board> measured();
[[nodiscard]] jobs::Job copying_job();
[[nodiscard]] std::vector<jobs::LogEntry> copying_log();

[[nodiscard]] NetworkFacts private_network();
[[nodiscard]] NetworkFacts reservation();
[[nodiscard]] SecurityGroupFacts default_group();
[[nodiscard]] SecurityGroupFacts web_group();

}  // namespace neph::view::golden
