#include <fmt/format.h>

#include <array>

#include "base/units.h"
#include "cli/columns.h"
#include "cli/progress_text.h"
#include "cli/watch.h"

/// Columns of jobs and of disks that are kept for snapshots.
namespace neph::cli::columns {
namespace {

constexpr auto kLeft = Align::kLeft;
constexpr auto kRight = Align::kRight;
constexpr auto kFixed = Shrink::kNever;
constexpr auto kGivesWay = Shrink::kMayShrink;

/// Ids that are not set are -1 on the wire.
std::string id_at(const Element& object, std::string_view name) {
  return object.number(name, -1) < 0 ? "-" : object.get(name);
}
std::string id(const Element& object, Instant) { return object.get("ID"); }
std::string user(const Element& object, Instant) { return id_at(object, "UID"); }
std::string vm(const Element& object, Instant) { return id_at(object, "VM_ID"); }
std::string image(const Element& object, Instant) { return id_at(object, "IMAGE_ID"); }
std::string snapshot(const Element& object, Instant) { return id_at(object, "SNAPSHOT_ID"); }
std::string datastore(const Element& object, Instant) { return id_at(object, "DATASTORE_ID"); }
std::string host(const Element& object, Instant) { return id_at(object, "HOST_ID"); }

std::string kind(const Element& job, Instant) { return job.get("KIND"); }
std::string step(const Element& job, Instant) { return job.get("STEP"); }
std::string state(const Element& job, Instant) { return job.get("STATE"); }
std::string attempt(const Element& job, Instant) { return job.get("ATTEMPT"); }
std::string created(const Element& job, Instant) {
  return time_text(Instant{job.number("CREATED_AT_MS")});
}
std::string changed(const Element& job, Instant) {
  return time_text(Instant{job.number("CHANGED_AT_MS")});
}
std::string age(const Element& job, Instant now) {
  const bool is_open = job_report(job).standing == Standing::kGoing;
  const Instant until = is_open ? now : Instant{job.number("CHANGED_AT_MS")};
  return age_text(until - Instant{job.number("CREATED_AT_MS")});
}
std::string done(const Element& job, Instant) {
  const int percent = percent_of(job_report(job));
  return percent < 0 ? "-" : fmt::format("{}%", percent);
}
std::string progress(const Element& job, Instant) {
  const Report report = job_report(job);
  return percent_of(report) < 0 ? "" : bar_text(report);
}
std::string waits_for(const Element& job, Instant) {
  const std::string now = job.get("STATE");
  if (now == "queued") return job.get("HELD_BACK", "its turn");
  return now == "waiting" || now == "running" ? job.get("REASON") : "";
}
std::string error(const Element& job, Instant) { return job.get("ERROR"); }
std::string result(const Element& job, Instant) { return job.get("RESULT"); }
std::string cancel(const Element& job, Instant) {
  const bool is_asked = job.number("CANCEL_ASKED") != 0;
  return is_asked && job_report(job).standing == Standing::kGoing ? "asked, not confirmed yet" : "";
}
std::string why(const Element& job, Instant now) {
  const std::string failure = job.get("ERROR");
  return failure.empty() ? waits_for(job, now) : failure;
}

constexpr auto kJobList = std::to_array<ListColumn>({
    {"ID", kRight, kFixed, &id},
    {"USER", kRight, kFixed, &user},
    {"KIND", kLeft, kFixed, &kind},
    {"STEP", kLeft, kFixed, &step},
    {"STATE", kLeft, kFixed, &state},
    {"DONE", kRight, kFixed, &done},
    {"VM", kRight, kFixed, &vm},
    {"IMAGE", kRight, kFixed, &image},
    {"AGE", kRight, kFixed, &age},
    {"WHY", kLeft, kGivesWay, &why},
});
constexpr auto kJobShow = std::to_array<ShowField>({
    {"ID", &id},
    {"KIND", &kind},
    {"STATE", &state},
    {"STEP", &step},
    {"PROGRESS", &progress},
    {"WAITS FOR", &waits_for},
    {"CANCEL", &cancel},
    {"ERROR", &error},
    {"RESULT", &result},
    {"ATTEMPT", &attempt},
    {"USER", &user},
    {"VM", &vm},
    {"IMAGE", &image},
    {"SNAPSHOT", &snapshot},
    {"HOST", &host},
    {"DATASTORE", &datastore},
    {"CREATED", &created},
    {"CHANGED", &changed},
});

std::string disk_owner(const Element& disk, Instant) { return disk.get("UNAME"); }
std::string disk_number(const Element& disk, Instant) { return disk.get("DISK_ID"); }
std::string disk_image(const Element& disk, Instant) { return disk.get("IMAGE_NAME", "-"); }
std::string disk_phase(const Element& disk, Instant) { return disk.get("PHASE", "-"); }
std::string disk_size(const Element& disk, Instant) {
  return to_text(Bytes::megabytes(disk.number("SIZE_MB")));
}
std::string disk_since(const Element& disk, Instant) {
  return time_text(Instant{disk.number("SINCE") * 1000});
}
std::string disk_host(const Element& disk, Instant) { return disk.get("HOST", "-"); }
std::string disk_path(const Element& disk, Instant) { return disk.get("PATH"); }

constexpr auto kDiskList = std::to_array<ListColumn>({
    {"VM", kRight, kFixed, &vm},
    {"DISK", kRight, kFixed, &disk_number},
    {"USER", kLeft, kGivesWay, &disk_owner},
    {"SNAPSHOT", kRight, kFixed, &snapshot},
    {"PHASE", kLeft, kFixed, &disk_phase},
    {"IMAGE", kLeft, kGivesWay, &disk_image},
    {"SIZE", kRight, kFixed, &disk_size},
    {"SINCE", kLeft, kFixed, &disk_since},
    {"HOST", kLeft, kGivesWay, &disk_host},
    {"DATASTORE", kRight, kFixed, &datastore},
    {"PATH", kLeft, kGivesWay, &disk_path},
});

}  // namespace

std::span<const ListColumn> job_list() { return kJobList; }
std::span<const ShowField> job_show() { return kJobShow; }
std::span<const ListColumn> disk_list() { return kDiskList; }

}  // namespace neph::cli::columns
