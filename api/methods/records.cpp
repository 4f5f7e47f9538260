#include <algorithm>
#include <functional>
#include <set>

#include "api/internal/methods.h"
#include "base/numbers.h"
#include "base/words.h"

namespace neph::api {
namespace {

using access::Op;

struct ShowVmMonitoring {
  VmId vm;
};
struct ShowHostMonitoring {
  HostId host;
};
struct ListVmMonitoring {
  std::int64_t filter = -2;
  std::int64_t seconds = -1;
};
struct ListHostMonitoring {
  std::int64_t seconds = -1;
};
struct ListAccounting {
  std::int64_t filter = -2;
  std::int64_t start = -1;
  std::int64_t end = -1;
};
struct ListSet {
  std::string ids;
  bool is_extended = false;
};

/// What the caller may use of a pool, from the lowest id to the highest: the order of records.
Result<std::vector<view::EntryPtr>> choose(Call& call, ObjectKind kind, std::int64_t filter) {
  view::ListAsk ask;
  ask.filter = filter;
  auto entries = TRY(view::select(call.view(), kind, call.actor(), ask));
  std::ranges::reverse(entries);
  return entries;
}

// What is measured.

Result<EscapedText> one_monitoring(Call& call, ObjectKind kind, std::int64_t id) {
  const auto entry = TRY(call.view().find(kind, id));
  return as_document(view::monitoring_document(call.view(), kind, {entry}, -1));
}

Result<EscapedText> show_vm_monitoring(Call& call, const ShowVmMonitoring& ask) {
  return one_monitoring(call, ObjectKind::kVm, ask.vm.value);
}

Result<EscapedText> show_host_monitoring(Call& call, const ShowHostMonitoring& ask) {
  return one_monitoring(call, ObjectKind::kHost, ask.host.value);
}

Result<EscapedText> list_vm_monitoring(Call& call, const ListVmMonitoring& ask) {
  const auto entries = TRY(choose(call, ObjectKind::kVm, ask.filter));
  return as_document(
      view::monitoring_document(call.view(), ObjectKind::kVm, entries, ask.seconds));
}

Result<EscapedText> list_host_monitoring(Call& call, const ListHostMonitoring& ask) {
  const auto entries = TRY(choose(call, ObjectKind::kHost, view::ListAsk{}.filter));
  return as_document(
      view::monitoring_document(call.view(), ObjectKind::kHost, entries, ask.seconds));
}

void add_monitoring(Registry<Call>& registry) {
  const auto use_vm = [](Call& call, const ShowVmMonitoring& ask) {
    return need(call, Op::kUse, ObjectKind::kVm, ask.vm);
  };
  const auto use_host = [](Call& call, const ShowHostMonitoring& ask) {
    return need(call, Op::kUse, ObjectKind::kHost, ask.host);
  };
  registry.add({
      method("one.vm.monitoring", &show_vm_monitoring)
          .reads()
          .args("vm")
          .needs("USE VM", use_vm)
          .doc("Shows what a VM used, as far back as VM_MONITORING_EXPIRATION_TIME says: CPU in "
               "percent of a core, MEMORY in KB, sums of bytes and operations.")
          .answers("MONITORING_DATA document"),
      method("one.vmpool.monitoring", &list_vm_monitoring)
          .reads()
          .args("filter", "seconds")
          .required(1)
          .for_anyone()
          .doc("Shows what the VMs used that the caller may use, filtered as in one.vmpool.info. "
               "Seconds: -1 all that is kept, 0 the last sample of each, else of the last so "
               "many.")
          .answers("MONITORING_DATA document"),
      method("one.host.monitoring", &show_host_monitoring)
          .reads()
          .args("host")
          .needs("USE HOST", use_host)
          .doc("Shows what was used of a host, as far back as HOST_MONITORING_EXPIRATION_TIME "
               "says.")
          .answers("MONITORING_DATA document"),
      method("one.hostpool.monitoring", &list_host_monitoring)
          .reads()
          .args("seconds")
          .required(0)
          .for_anyone()
          .doc("Shows what was used of the hosts that the caller may use. Seconds: -1 all that "
               "is kept, 0 the last sample of each, else of the last so many.")
          .answers("MONITORING_DATA document"),
  });
}

// What was, and who asks for several.

Result<EscapedText> list_accounting(Call& call, const ListAccounting& ask) {
  const auto entries = TRY(choose(call, ObjectKind::kVm, ask.filter));
  return as_document(view::accounting_document(entries, {ask.start, ask.end}));
}

/// From the highest on.
using Ids = std::set<std::int64_t, std::greater<>>;

Result<Ids> read_ids(std::string_view list) {
  Ids ids;
  for (const auto word : between_commas(list)) {
    const auto id = integer_from(word);
    if (!id) {
      return fail(Errc::kInvalid, "Wrong id \"{}\" of a virtual machine: numbers with commas "
                                  "between them are wanted", word);
    }
    ids.insert(*id);
  }
  return ids;
}

Result<EscapedText> list_set(Call& call, const ListSet& ask) {
  const auto& view = call.view();
  std::vector<view::EntryPtr> entries;
  for (const auto id : TRY(read_ids(ask.ids))) {
    auto entry = view.pool(ObjectKind::kVm).find(id);
    if (entry == nullptr || !need(call, Op::kUse, ObjectKind::kVm, id)) continue;
    entries.push_back(std::move(entry));
  }
  return as_document(
      view::pool_document("VM_POOL", entries, ask.is_extended, {}, view.samples));
}

void add_history(Registry<Call>& registry) {
  registry.add({
      method("one.vmpool.accounting", &list_accounting)
          .reads()
          .args("filter", "start_time", "end_time")
          .for_anyone()
          .doc("Shows on which hosts the VMs were that the caller may use, each record with its "
               "VM: the records that ended after the start or have not ended, and began before "
               "the end. Times are UTC seconds, -1 for no limit.")
          .answers("HISTORY_RECORDS document"),
      method("one.vmpool.infoset", &list_set)
          .reads()
          .args("ids", "extended")
          .for_anyone()
          .doc("Lists the VMs of these ids, with commas between them. Those that do not exist or "
               "that the caller may not use are left out.")
          .answers("VM_POOL document, VMs in brief or, if extended, in full"),
  });
}

}  // namespace

void add_record_methods(Registry<Call>& registry) {
  add_monitoring(registry);
  add_history(registry);
}

}  // namespace neph::api
