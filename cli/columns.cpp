#include "cli/columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/units.h"
#include "cli/states.h"

namespace neph::cli::columns {
namespace {

constexpr auto kLeft = Align::kLeft;
constexpr auto kRight = Align::kRight;
constexpr auto kFixed = Shrink::kNever;
constexpr auto kGivesWay = Shrink::kMayShrink;
constexpr std::int64_t kKilobytesPerMegabyte = 1024;

/// Text of the element on a path that is known when compiling, so that a table row can name it.
template <std::size_t N>
struct Path {
  char text[N];
  constexpr Path(const char (&source)[N]) { std::copy_n(source, N, text); }  // NOLINT
};

template <Path kPath>
std::string text_at(const Element& object, Instant) {
  return object.get(kPath.text);
}
template <Path kPath>
std::string time_at(const Element& object, Instant) {
  return time_text(Instant{object.number(kPath.text) * 1000});
}
template <Path kPath>
std::string time_ms_at(const Element& object, Instant) {
  return time_text(Instant{object.number(kPath.text)});
}
template <Path kPath>
std::string megabytes_at(const Element& object, Instant) {
  return to_text(Bytes::megabytes(object.number(kPath.text)));
}
template <Path kPath>
std::string count_at(const Element& object, Instant) {
  return fmt::format("{}", object.all(kPath.text).size());
}
template <Path kPath>
std::string ids_at(const Element& object, Instant) {
  std::string ids;
  for (const Element* id : object.all(kPath.text)) ids += (ids.empty() ? "" : ",") + id->text;
  return ids.empty() ? "-" : ids;
}
template <Path kPath>
std::string yes_no_at(const Element& object, Instant) {
  return object.number(kPath.text) != 0 ? "Yes" : "No";
}

std::string vm_state(const Element& vm, Instant) {
  return vm_state_short(vm.number("STATE", -1), vm.number("LCM_STATE", -1));
}
std::string vm_state_full(const Element& vm, Instant) { return vm_state_name(vm); }
const Element* last_record(const Element& vm) {
  const auto records = vm.all("HISTORY_RECORDS/HISTORY");
  return records.empty() ? nullptr : records.back();
}
std::string vm_host(const Element& vm, Instant) {
  const Element* record = last_record(vm);
  return record == nullptr ? "" : record->get("HOSTNAME");
}
std::string vm_age(const Element& vm, Instant now) {
  const auto end = vm.number("ETIME");
  const auto until = end > 0 ? Instant{end * 1000} : now;
  return age_text(until - Instant{vm.number("STIME") * 1000});
}
std::string vm_message(const Element& vm, Instant) {
  for (const char* name : {"ERROR", "SCHED_MESSAGE", "WAIT_REASON", "SNAPSHOT_NOTICE"}) {
    std::string message = vm.get(fmt::format("USER_TEMPLATE/{}", name));
    if (!message.empty()) return message;
  }
  return "";
}
std::string image_state(const Element& image, Instant) {
  return image_state_short(image.number("STATE", -1));
}
std::string image_state_full(const Element& image, Instant) {
  return image_state_name(image.number("STATE", -1));
}
std::string image_type(const Element& image, Instant) {
  return image_type_short(image.number("TYPE", -1));
}
std::string image_type_full(const Element& image, Instant) {
  return image_type_name(image.number("TYPE", -1));
}
std::string image_grade(const Element& image, Instant) {
  return image.get("TEMPLATE/SNAPSHOT/GRADE", "-");
}
std::string host_state(const Element& host, Instant) {
  return host_state_short(host.number("STATE", -1));
}
std::string host_state_full(const Element& host, Instant) {
  return host_state_name(host.number("STATE", -1));
}
std::string share_text(std::int64_t used, std::int64_t most) {
  return fmt::format("{} ({}%)", used, most > 0 ? used * 100 / most : 0);
}
std::string host_cpu(const Element& host, Instant) {
  return share_text(host.number("HOST_SHARE/CPU_USAGE"), host.number("HOST_SHARE/MAX_CPU"));
}
std::string host_memory(const Element& host, Instant) {
  const auto used = host.number("HOST_SHARE/MEM_USAGE") / kKilobytesPerMegabyte;
  const auto most = host.number("HOST_SHARE/MAX_MEM") / kKilobytesPerMegabyte;
  return fmt::format("{} / {}", to_text(Bytes::megabytes(used)), to_text(Bytes::megabytes(most)));
}
std::string datastore_type(const Element& datastore, Instant) {
  return datastore_type_short(datastore.number("TYPE", -1));
}
std::string datastore_type_full(const Element& datastore, Instant) {
  return datastore_type_name(datastore.number("TYPE", -1));
}
std::string datastore_state(const Element& datastore, Instant) {
  return datastore_state_short(datastore.number("STATE", -1));
}
std::string datastore_free(const Element& datastore, Instant now) {
  if (datastore.number("TOTAL_MB") == 0) return "-";
  return megabytes_at<"FREE_MB">(datastore, now);
}
std::string datastore_total(const Element& datastore, Instant now) {
  if (datastore.number("TOTAL_MB") == 0) return "-";
  return megabytes_at<"TOTAL_MB">(datastore, now);
}
std::string snapshot_progress(const Element& snapshot, Instant) {
  const auto total = snapshot.number("BYTES_TOTAL");
  if (total <= 0) return "-";
  return fmt::format("{}%", snapshot.number("BYTES_DONE") * 100 / total);
}
std::string snapshot_copied(const Element& snapshot, Instant) {
  return fmt::format("{} of {}", to_text(Bytes{snapshot.number("BYTES_DONE")}),
                     to_text(Bytes{snapshot.number("BYTES_TOTAL")}));
}
std::string snapshot_why(const Element& snapshot, Instant) {
  const std::string error = snapshot.get("ERROR");
  if (!error.empty()) return error;
  const std::string waiting_for = snapshot.get("WAITING_FOR");
  const std::string reason = snapshot.get("REASON");
  if (!reason.empty()) return reason;
  return waiting_for.empty() ? snapshot.get("HELD_BACK") : "waiting for " + waiting_for;
}

constexpr auto kVmList = std::to_array<ListColumn>({
    {"ID", kRight, kFixed, &text_at<"ID">},
    {"USER", kLeft, kGivesWay, &text_at<"UNAME">},
    {"GROUP", kLeft, kGivesWay, &text_at<"GNAME">},
    {"NAME", kLeft, kGivesWay, &text_at<"NAME">},
    {"STAT", kLeft, kFixed, &vm_state},
    {"CPU", kRight, kFixed, &text_at<"TEMPLATE/CPU">},
    {"MEM", kRight, kFixed, &megabytes_at<"TEMPLATE/MEMORY">},
    {"HOST", kLeft, kGivesWay, &vm_host},
    {"TIME", kRight, kFixed, &vm_age},
});
constexpr auto kVmShow = std::to_array<ShowField>({
    {"ID", &text_at<"ID">},
    {"NAME", &text_at<"NAME">},
    {"USER", &text_at<"UNAME">},
    {"GROUP", &text_at<"GNAME">},
    {"STATE", &vm_state_full},
    {"MESSAGE", &vm_message},
    {"HOST", &vm_host},
    {"RESCHEDULE", &yes_no_at<"RESCHED">},
    {"CPU", &text_at<"TEMPLATE/CPU">},
    {"MEMORY", &megabytes_at<"TEMPLATE/MEMORY">},
    {"START TIME", &time_at<"STIME">},
    {"END TIME", &time_at<"ETIME">},
    {"DEPLOY ID", &text_at<"DEPLOY_ID">},
});

constexpr auto kImageList = std::to_array<ListColumn>({
    {"ID", kRight, kFixed, &text_at<"ID">},
    {"USER", kLeft, kGivesWay, &text_at<"UNAME">},
    {"GROUP", kLeft, kGivesWay, &text_at<"GNAME">},
    {"NAME", kLeft, kGivesWay, &text_at<"NAME">},
    {"DATASTORE", kLeft, kGivesWay, &text_at<"DATASTORE">},
    {"SIZE", kRight, kFixed, &megabytes_at<"SIZE">},
    {"TYPE", kLeft, kFixed, &image_type},
    {"PER", kLeft, kFixed, &yes_no_at<"PERSISTENT">},
    {"STAT", kLeft, kFixed, &image_state},
    {"RVMS", kRight, kFixed, &text_at<"RUNNING_VMS">},
    {"GRADE", kLeft, kFixed, &image_grade},
});
constexpr auto kImageShow = std::to_array<ShowField>({
    {"ID", &text_at<"ID">},
    {"NAME", &text_at<"NAME">},
    {"USER", &text_at<"UNAME">},
    {"GROUP", &text_at<"GNAME">},
    {"DATASTORE", &text_at<"DATASTORE">},
    {"TYPE", &image_type_full},
    {"STATE", &image_state_full},
    {"PERSISTENT", &yes_no_at<"PERSISTENT">},
    {"SIZE", &megabytes_at<"SIZE">},
    {"FORMAT", &text_at<"FORMAT">},
    {"SOURCE", &text_at<"SOURCE">},
    {"PATH", &text_at<"PATH">},
    {"GRADE", &image_grade},
    {"REGISTERED", &time_at<"REGTIME">},
    {"RUNNING VMS", &text_at<"RUNNING_VMS">},
    {"VMS", &ids_at<"VMS/ID">},
});

constexpr auto kTemplateList = std::to_array<ListColumn>({
    {"ID", kRight, kFixed, &text_at<"ID">},
    {"USER", kLeft, kGivesWay, &text_at<"UNAME">},
    {"GROUP", kLeft, kGivesWay, &text_at<"GNAME">},
    {"NAME", kLeft, kGivesWay, &text_at<"NAME">},
    {"REGTIME", kLeft, kFixed, &time_at<"REGTIME">},
});
constexpr auto kTemplateShow = std::to_array<ShowField>({
    {"ID", &text_at<"ID">},
    {"NAME", &text_at<"NAME">},
    {"USER", &text_at<"UNAME">},
    {"GROUP", &text_at<"GNAME">},
    {"REGISTERED", &time_at<"REGTIME">},
});

constexpr auto kHostList = std::to_array<ListColumn>({
    {"ID", kRight, kFixed, &text_at<"ID">},
    {"NAME", kLeft, kGivesWay, &text_at<"NAME">},
    {"CLUSTER", kLeft, kGivesWay, &text_at<"CLUSTER">},
    {"TVM", kRight, kFixed, &text_at<"HOST_SHARE/RUNNING_VMS">},
    {"ALLOCATED_CPU", kRight, kFixed, &host_cpu},
    {"ALLOCATED_MEM", kRight, kFixed, &host_memory},
    {"STAT", kLeft, kFixed, &host_state},
});
constexpr auto kHostShow = std::to_array<ShowField>({
    {"ID", &text_at<"ID">},
    {"NAME", &text_at<"NAME">},
    {"CLUSTER", &text_at<"CLUSTER">},
    {"STATE", &host_state_full},
    {"IM_MAD", &text_at<"IM_MAD">},
    {"VM_MAD", &text_at<"VM_MAD">},
    {"RUNNING VMS", &text_at<"HOST_SHARE/RUNNING_VMS">},
    {"ALLOCATED CPU", &host_cpu},
    {"ALLOCATED MEMORY", &host_memory},
    {"VMS", &ids_at<"VMS/ID">},
});

constexpr auto kDatastoreList = std::to_array<ListColumn>({
    {"ID", kRight, kFixed, &text_at<"ID">},
    {"NAME", kLeft, kGivesWay, &text_at<"NAME">},
    {"SIZE", kRight, kFixed, &datastore_total},
    {"AVAIL", kRight, kFixed, &datastore_free},
    {"CLUSTERS", kLeft, kGivesWay, &ids_at<"CLUSTERS/ID">},
    {"IMAGES", kRight, kFixed, &count_at<"IMAGES/ID">},
    {"TYPE", kLeft, kFixed, &datastore_type},
    {"DS", kLeft, kFixed, &text_at<"DS_MAD">},
    {"TM", kLeft, kFixed, &text_at<"TM_MAD">},
    {"STAT", kLeft, kFixed, &datastore_state},
});
constexpr auto kDatastoreShow = std::to_array<ShowField>({
    {"ID", &text_at<"ID">},
    {"NAME", &text_at<"NAME">},
    {"USER", &text_at<"UNAME">},
    {"GROUP", &text_at<"GNAME">},
    {"CLUSTERS", &ids_at<"CLUSTERS/ID">},
    {"TYPE", &datastore_type_full},
    {"STATE", &datastore_state},
    {"DS_MAD", &text_at<"DS_MAD">},
    {"TM_MAD", &text_at<"TM_MAD">},
    {"BASE PATH", &text_at<"BASE_PATH">},
    {"TOTAL", &datastore_total},
    {"FREE", &datastore_free},
    {"IMAGES", &ids_at<"IMAGES/ID">},
});

constexpr auto kUserList = std::to_array<ListColumn>({
    {"ID", kRight, kFixed, &text_at<"ID">},
    {"NAME", kLeft, kGivesWay, &text_at<"NAME">},
    {"ENABLED", kLeft, kFixed, &yes_no_at<"ENABLED">},
    {"GROUP", kLeft, kGivesWay, &text_at<"GNAME">},
    {"AUTH", kLeft, kFixed, &text_at<"AUTH_DRIVER">},
});
constexpr auto kUserShow = std::to_array<ShowField>({
    {"ID", &text_at<"ID">},
    {"NAME", &text_at<"NAME">},
    {"GROUP", &text_at<"GNAME">},
    {"GROUPS", &ids_at<"GROUPS/ID">},
    {"ENABLED", &yes_no_at<"ENABLED">},
    {"AUTH DRIVER", &text_at<"AUTH_DRIVER">},
});

constexpr auto kGroupList = std::to_array<ListColumn>({
    {"ID", kRight, kFixed, &text_at<"ID">},
    {"NAME", kLeft, kGivesWay, &text_at<"NAME">},
    {"USERS", kRight, kFixed, &count_at<"USERS/ID">},
});
constexpr auto kGroupShow = std::to_array<ShowField>({
    {"ID", &text_at<"ID">},
    {"NAME", &text_at<"NAME">},
    {"USERS", &ids_at<"USERS/ID">},
    {"ADMINS", &ids_at<"ADMINS/ID">},
});

/// "10.0.0.10 .. 10.0.0.59 (IP4, 3 used)", a line each.
std::string network_ranges(const Element& network, Instant) {
  std::string ranges;
  for (const Element* range : network.all("AR_POOL/AR")) {
    const char* first = range->get("IP").empty() ? "MAC" : "IP";
    ranges += fmt::format("{}{} .. {} ({}, {} used)", ranges.empty() ? "" : ", ",
                          range->get(first), range->get(std::string(first) + "_END"),
                          range->get("TYPE"), range->get("USED_LEASES"));
  }
  return ranges.empty() ? "-" : ranges;
}

constexpr auto kNetworkList = std::to_array<ListColumn>({
    {"ID", kRight, kFixed, &text_at<"ID">},
    {"USER", kLeft, kGivesWay, &text_at<"UNAME">},
    {"GROUP", kLeft, kGivesWay, &text_at<"GNAME">},
    {"NAME", kLeft, kGivesWay, &text_at<"NAME">},
    {"CLUSTERS", kLeft, kFixed, &ids_at<"CLUSTERS/ID">},
    {"BRIDGE", kLeft, kGivesWay, &text_at<"BRIDGE">},
    {"LEASES", kRight, kFixed, &text_at<"USED_LEASES">},
});
constexpr auto kNetworkShow = std::to_array<ShowField>({
    {"ID", &text_at<"ID">},
    {"NAME", &text_at<"NAME">},
    {"USER", &text_at<"UNAME">},
    {"GROUP", &text_at<"GNAME">},
    {"CLUSTERS", &ids_at<"CLUSTERS/ID">},
    {"DRIVER", &text_at<"VN_MAD">},
    {"BRIDGE", &text_at<"BRIDGE">},
    {"VLAN", &text_at<"VLAN_ID">},
    {"RESERVED OF", &text_at<"PARENT_NETWORK_ID">},
    {"LEASES", &text_at<"USED_LEASES">},
    {"RANGES", &network_ranges},
    {"VMS", &ids_at<"UPDATED_VMS/ID">},
    {"OUTDATED VMS", &ids_at<"OUTDATED_VMS/ID">},
});

constexpr auto kClusterList = std::to_array<ListColumn>({
    {"ID", kRight, kFixed, &text_at<"ID">},
    {"NAME", kLeft, kGivesWay, &text_at<"NAME">},
    {"HOSTS", kRight, kFixed, &count_at<"HOSTS/ID">},
    {"VNETS", kRight, kFixed, &count_at<"VNETS/ID">},
    {"DATASTORES", kRight, kFixed, &count_at<"DATASTORES/ID">},
});
constexpr auto kClusterShow = std::to_array<ShowField>({
    {"ID", &text_at<"ID">},
    {"NAME", &text_at<"NAME">},
    {"HOSTS", &ids_at<"HOSTS/ID">},
    {"VNETS", &ids_at<"VNETS/ID">},
    {"DATASTORES", &ids_at<"DATASTORES/ID">},
});

constexpr auto kSnapshotList = std::to_array<ListColumn>({
    {"ID", kRight, kFixed, &text_at<"ID">},
    {"VM", kRight, kFixed, &text_at<"VM_ID">},
    {"DISK", kRight, kFixed, &text_at<"DISK_ID">},
    {"IMAGE", kRight, kFixed, &text_at<"IMAGE_ID">},
    {"NAME", kLeft, kGivesWay, &text_at<"IMAGE_NAME">},
    {"USER", kLeft, kGivesWay, &text_at<"UNAME">},
    {"KIND", kLeft, kFixed, &text_at<"KIND">},
    {"PHASE", kLeft, kFixed, &text_at<"PHASE">},
    {"DONE", kRight, kFixed, &snapshot_progress},
    {"GRADE", kLeft, kFixed, &text_at<"GRADE">},
    {"CAPTURED", kLeft, kFixed, &time_ms_at<"CAPTURED_AT_MS">},
    {"RETAINED", kLeft, kFixed, &text_at<"RETAINED">},
    {"WHY", kLeft, kGivesWay, &snapshot_why},
});
constexpr auto kSnapshotShow = std::to_array<ShowField>({
    {"ID", &text_at<"ID">},
    {"SET", &text_at<"SET_ID">},
    {"USER", &text_at<"UNAME">},
    {"GROUP", &text_at<"GNAME">},
    {"VM", &text_at<"VM_ID">},
    {"DISK", &text_at<"DISK_ID">},
    {"IMAGE", &text_at<"IMAGE_ID">},
    {"IMAGE NAME", &text_at<"IMAGE_NAME">},
    {"KIND", &text_at<"KIND">},
    {"WHEN", &text_at<"WHEN">},
    {"QUIESCE", &text_at<"QUIESCE">},
    {"PHASE", &text_at<"PHASE">},
    {"WAITING FOR", &text_at<"WAITING_FOR">},
    {"REASON", &text_at<"REASON">},
    {"ERROR", &text_at<"ERROR">},
    {"GRADE", &text_at<"GRADE">},
    {"REQUESTED", &time_ms_at<"REQUESTED_AT_MS">},
    {"CAPTURED", &time_ms_at<"CAPTURED_AT_MS">},
    {"READY", &time_ms_at<"READY_AT_MS">},
    {"FROZEN MS", &text_at<"FROZEN_MS">},
    {"COPIED", &snapshot_copied},
    {"SHA256", &text_at<"SHA256">},
    {"HOST", &text_at<"HOST">},
    {"RETAINED", &text_at<"RETAINED">},
    {"DESCRIPTION", &text_at<"DESCRIPTION">},
    {"JOB", &text_at<"JOB_ID">},
});

constexpr auto kBackupJobList = std::to_array<ListColumn>({
    {"ID", kRight, kFixed, &text_at<"ID">},
    {"USER", kLeft, kGivesWay, &text_at<"UNAME">},
    {"GROUP", kLeft, kGivesWay, &text_at<"GNAME">},
    {"NAME", kLeft, kGivesWay, &text_at<"NAME">},
    {"PRIO", kRight, kFixed, &text_at<"PRIORITY">},
    {"LAST", kLeft, kFixed, &time_at<"LAST_BACKUP_TIME">},
    {"VMS", kLeft, kGivesWay, &text_at<"TEMPLATE/BACKUP_VMS">},
    {"ERRORS", kLeft, kGivesWay, &ids_at<"ERROR_VMS/ID">},
});
constexpr auto kBackupJobShow = std::to_array<ShowField>({
    {"ID", &text_at<"ID">},
    {"NAME", &text_at<"NAME">},
    {"USER", &text_at<"UNAME">},
    {"GROUP", &text_at<"GNAME">},
    {"PRIORITY", &text_at<"PRIORITY">},
    {"VMS", &text_at<"TEMPLATE/BACKUP_VMS">},
    {"LAST RUN", &time_at<"LAST_BACKUP_TIME">},
    {"SECONDS", &text_at<"LAST_BACKUP_DURATION">},
    {"UPDATED", &ids_at<"UPDATED_VMS/ID">},
    {"OUTDATED", &ids_at<"OUTDATED_VMS/ID">},
    {"BACKING UP", &ids_at<"BACKING_UP_VMS/ID">},
    {"IN ERROR", &ids_at<"ERROR_VMS/ID">},
    {"ERROR", &text_at<"TEMPLATE/ERROR">},
});

}  // namespace

std::span<const ListColumn> vm_list() { return kVmList; }
std::span<const ListColumn> image_list() { return kImageList; }
std::span<const ListColumn> template_list() { return kTemplateList; }
std::span<const ListColumn> host_list() { return kHostList; }
std::span<const ListColumn> datastore_list() { return kDatastoreList; }
std::span<const ListColumn> network_list() { return kNetworkList; }
std::span<const ListColumn> user_list() { return kUserList; }
std::span<const ListColumn> group_list() { return kGroupList; }
std::span<const ListColumn> cluster_list() { return kClusterList; }
std::span<const ListColumn> snapshot_list() { return kSnapshotList; }
std::span<const ListColumn> backup_job_list() { return kBackupJobList; }

std::span<const ShowField> vm_show() { return kVmShow; }
std::span<const ShowField> image_show() { return kImageShow; }
std::span<const ShowField> template_show() { return kTemplateShow; }
std::span<const ShowField> host_show() { return kHostShow; }
std::span<const ShowField> datastore_show() { return kDatastoreShow; }
std::span<const ShowField> network_show() { return kNetworkShow; }
std::span<const ShowField> user_show() { return kUserShow; }
std::span<const ShowField> group_show() { return kGroupShow; }
std::span<const ShowField> cluster_show() { return kClusterShow; }
std::span<const ShowField> snapshot_show() { return kSnapshotShow; }
std::span<const ShowField> backup_job_show() { return kBackupJobShow; }

std::string time_text(Instant at) {
  if (!at.is_set()) return "-";
  std::string text = to_text(at).substr(0, 19);  // down to the second
  text[10] = ' ';
  return text;
}

std::string age_text(Duration age) {
  const auto minutes = std::max<std::int64_t>(age.count() / 60'000, 0);
  return fmt::format("{}d {:02}h{:02}", minutes / 1440, minutes / 60 % 24, minutes % 60);
}

std::string permissions_text(const Element& permissions) {
  std::string text;
  for (const char* who : {"OWNER", "GROUP", "OTHER"})
    for (const auto& [suffix, letter] : {std::pair{"_U", 'u'}, {"_M", 'm'}, {"_A", 'a'}})
      text += permissions.number(std::string(who) + suffix) != 0 ? letter : '-';
  return text;
}

}  // namespace neph::cli::columns
