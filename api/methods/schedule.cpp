#include "api/internal/methods.h"
#include "compute/schedule.h"

namespace neph::api {
namespace {

using access::Op;
using compute::ScheduledActionId;

struct AddSchedule {
  VmId vm;
  std::string content;
};
struct UpdateSchedule {
  VmId vm;
  ScheduledActionId action;
  std::string content;
};
struct DeleteSchedule {
  VmId vm;
  ScheduledActionId action;
};

Result<ScheduledActionId> add_one(Call& call, const AddSchedule& ask) {
  return compute::add_schedule(call.txn(), ask.vm, TRY(text::Template::parse(ask.content)));
}

Result<ScheduledActionId> update_one(Call& call, const UpdateSchedule& ask) {
  const auto change = TRY(text::Template::parse(ask.content));
  CHECK_OK(compute::update_schedule(call.txn(), ask.vm, ask.action, change));
  return ask.action;
}

Result<VmId> delete_one(Call& call, const DeleteSchedule& ask) {
  CHECK_OK(compute::delete_schedule(call.txn(), ask.vm, ask.action));
  return ask.vm;
}

}  // namespace

void add_schedule_methods(Registry<Call>& registry) {
  registry.add({
      method("one.vm.schedadd", &add_one)
          .writes()
          .args("vm", "template")
          .needs("MANAGE VM", on_vm<Op::kManage>)
          .legacy_code(Errc::kInvalid, kActionCode)
          .doc("Schedules an action: SCHED_ACTION=[ACTION, ARGS, TIME, REPEAT, DAYS, END_TYPE, "
               "END_VALUE]. ARGS: of backup DATASTORE_ID, of snapshot-create NAME, of "
               "snapshot-revert and -delete SNAPSHOT_ID, of disk-snapshot-create DISK_ID,NAME, of "
               "disk-snapshot-revert and -delete DISK_ID,SNAPSHOT_ID. It is done with the "
               "rights of the VM's owner at that time.")
          .answers("id of the scheduled action"),
      method("one.vm.schedupdate", &update_one)
          .writes()
          .args("vm", "action", "template")
          .needs("MANAGE VM", on_vm<Op::kManage>)
          .legacy_code(Errc::kInvalid, kActionCode)
          .doc("Changes what SCHED_ACTION says of a scheduled action, and sets it up again where "
               "it was over and a time is to come or another one is given.")
          .answers("id of the scheduled action"),
      method("one.vm.scheddelete", &delete_one)
          .writes()
          .args("vm", "action")
          .needs("MANAGE VM", on_vm<Op::kManage>)
          .legacy_code(Errc::kInvalid, kActionCode)
          .doc("Forgets a scheduled action.")
          .answers("id of the VM"),
  });
}

}  // namespace neph::api
