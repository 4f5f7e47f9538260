#include "compute/showback.h"

#include "api/internal/methods.h"

namespace neph::api {
namespace {

struct CalculateShowback {
  std::int64_t start_month = -1, start_year = -1;
  std::int64_t end_month = -1, end_year = -1;
};
struct ListShowback {
  std::int64_t filter = -2;
  std::int64_t start_month = -1, start_year = -1;
  std::int64_t end_month = -1, end_year = -1;
};

template <class Ask>
Result<compute::Months> months_of(const Ask& ask) {
  return compute::months_of({ask.start_month, ask.start_year, ask.end_month, ask.end_year});
}

/// OpenNebula answers a blank, and its clients look no further.
Result<std::string> calculate_showback(Call& call, const CalculateShowback& ask) {
  compute::calculate_showback(call.txn(), call.services().vms.settings(), TRY(months_of(ask)));
  return std::string{" "};
}

Result<EscapedText> list_showback(Call& call, const ListShowback& ask) {
  const auto months = TRY(months_of(ask));
  view::ListAsk which;
  which.filter = ask.filter;
  const auto vms = TRY(view::select(call.view(), ObjectKind::kVm, call.actor(), which));
  return as_document(view::showback_document(call.view(), vms, months));
}

}  // namespace

void add_showback_methods(Registry<Call>& registry) {
  constexpr int kRpcCode = 4096;
  registry.add({
      method("one.vmpool.calculateshowback", &calculate_showback)
          .writes()
          .args("start_month", "start_year", "end_month", "end_year")
          .needs("group 0", [](Call& call, const CalculateShowback&) { return need_admin(call); })
          .doc("Computes what VMs cost in these months, of the hours that they had a place on a"
               " host, their CPUs, memory and disks, and their CPU_COST, MEMORY_COST and DISK_COST,"
               " else DEFAULT_COST. -1 for no limit.")
          .answers("a blank"),
      method("one.vmpool.showback", &list_showback)
          .reads()
          .args("filter", "start_month", "start_year", "end_month", "end_year")
          .for_anyone()
          .legacy_code(Errc::kInvalid, kRpcCode)
          .doc("Shows what the VMs cost that the caller may use, month by month, as it was computed"
               " the last time. Filter as of one.vmpool.info; -1 for no limit of months.")
          .answers("SHOWBACK_RECORDS document"),
  });
}

}  // namespace neph::api
