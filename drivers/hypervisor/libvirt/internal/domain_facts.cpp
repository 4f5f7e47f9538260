#include "drivers/hypervisor/libvirt/internal/domain_facts.h"

#include <libvirt/virterror.h>

#include <array>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "drivers/hypervisor/libvirt/internal/errors.h"
#include "drivers/hypervisor/libvirt/internal/live_xml.h"

namespace neph::hypervisor_driver::virt {

namespace {

Power power_of(RawState state) {
  switch (state.state) {
    case VIR_DOMAIN_SHUTOFF:
      return Power::kOff;
    case VIR_DOMAIN_CRASHED:
      return Power::kCrashed;
    case VIR_DOMAIN_PAUSED:
    case VIR_DOMAIN_PMSUSPENDED:
      return Power::kPaused;
    default:
      return Power::kRunning;
  }
}

void fill_state(HostLink& link, RawState state, DomainFact& fact) {
  fact.power = power_of(state);
  if (is_alive(state)) link.events().note_alive(fact.uuid);
  if (fact.power == Power::kOff)
    fact.reason = link.events().refine_shutoff(fact.uuid, state.reason);
  if (fact.power == Power::kCrashed) fact.reason = StopReason::kCrashed;
}

void fill_console(virDomainPtr domain, DomainFact& fact) {
  if (fact.power != Power::kRunning && fact.power != Power::kPaused) return;
  if (const auto live = read_live(domain)) fact.vnc_port = live->vnc_port;
}

void fill_info(virDomainPtr domain, DomainFact& fact) {
  virDomainInfo info{};
  if (virDomainGetInfo(domain, &info) < 0) return;
  fact.memory = Bytes{static_cast<std::int64_t>(info.memory) * 1024};
  fact.cpu_time_ns = static_cast<std::int64_t>(info.cpuTime);
}

/// "net.0.rx.bytes", "block.1.wr.reqs": the sums of a device.
void add_traffic(const virTypedParameter& param, DomainFact& fact) {
  const std::string_view name = param.field;
  if (param.type != VIR_TYPED_PARAM_ULLONG) return;
  using Sum = std::int64_t DomainTraffic::*;
  static constexpr auto kSums = std::to_array<std::pair<std::string_view, Sum>>({
      {".rd.bytes", &DomainTraffic::disk_read_bytes},
      {".rd.reqs", &DomainTraffic::disk_reads},
      {".wr.bytes", &DomainTraffic::disk_written_bytes},
      {".wr.reqs", &DomainTraffic::disk_writes},
      {".rx.bytes", &DomainTraffic::received_bytes},
      {".tx.bytes", &DomainTraffic::sent_bytes},
  });
  for (const auto& [ending, sum] : kSums) {
    if (!name.ends_with(ending)) continue;
    if (!fact.traffic) fact.traffic.emplace();
    (*fact.traffic).*sum += static_cast<std::int64_t>(param.value.ul);
  }
}

void fill_stats(const virDomainStatsRecord& record, DomainFact& fact) {
  for (int i = 0; i < record.nparams; ++i) {
    const auto& param = record.params[i];
    const std::string_view name = param.field;
    if (name == "cpu.time") fact.cpu_time_ns = static_cast<std::int64_t>(param.value.ul);
    if (name == "balloon.current")
      fact.memory = Bytes{static_cast<std::int64_t>(param.value.ul) * 1024};
    if (name.starts_with("net.") || name.starts_with("block.")) add_traffic(param, fact);
  }
}

struct FreeRecords {
  void operator()(virDomainStatsRecordPtr* records) const { virDomainStatsRecordListFree(records); }
};

/// One domain of the list; nullopt when it vanished while it was looked at. Any other trouble fails
/// the whole list: who is left out counts as stopped.
Result<std::optional<DomainFact>> fact_of_record(HostLink& link,
                                                 const virDomainStatsRecord& record) {
  auto state = settled_state(link, record.dom);
  // A hung guest that could not be ended is still there.
  if (!state && state.error().code != Errc::kNotFound) state = state_of(record.dom);
  if (!state && state.error().code == Errc::kNotFound) return std::nullopt;
  if (!state) return tl::unexpected(state.error());
  DomainFact fact{.name = name_of(record.dom), .uuid = uuid_of(record.dom)};
  fill_state(link, *state, fact);
  fill_stats(record, fact);
  if (fact.memory.value == 0) fill_info(record.dom, fact);
  fill_console(record.dom, fact);
  return fact;
}

}  // namespace

Result<Domain> find_domain(virConnectPtr connection, const DomainRef& ref) {
  Domain domain(ref.uuid.empty() ? virDomainLookupByName(connection, ref.name.c_str())
                                 : virDomainLookupByUUIDString(connection, ref.uuid.c_str()));
  if (!domain && last_code() != VIR_ERR_NO_DOMAIN)
    return Refusal().of("Domain {} on host {} cannot be looked up.", ref.name, ref.host.name);
  virResetLastError();
  return domain;
}

Result<Domain> need_domain(virConnectPtr connection, const DomainRef& ref) {
  auto domain = TRY(find_domain(connection, ref));
  if (!domain) return fail(Errc::kNotFound, "Host {} has no domain {}.", ref.host.name, ref.name);
  return domain;
}

Result<RawState> state_of(virDomainPtr domain) {
  RawState state;
  if (virDomainGetState(domain, &state.state, &state.reason, 0) < 0)
    return Refusal().of("The state of domain {} cannot be had.", name_of(domain));
  return state;
}

bool is_active(RawState state) { return state.state != VIR_DOMAIN_SHUTOFF; }

bool is_alive(RawState state) {
  switch (state.state) {
    case VIR_DOMAIN_RUNNING:
    case VIR_DOMAIN_BLOCKED:
    case VIR_DOMAIN_PMSUSPENDED:
      return true;
    // Whoever started it was killed before it ran: a libvirt that comes back to it kills it.
    case VIR_DOMAIN_PAUSED:
      return state.reason != VIR_DOMAIN_PAUSED_STARTING_UP;
    default:
      return false;
  }
}

std::string uuid_of(virDomainPtr domain) {
  char text[VIR_UUID_STRING_BUFLEN] = {};
  virDomainGetUUIDString(domain, text);
  return text;
}

Result<RawState> settled_state(HostLink& link, virDomainPtr domain) {
  const auto state = TRY(state_of(domain));
  if (state.state != VIR_DOMAIN_SHUTDOWN) return state;
  const auto since = link.events().shutdown_since(uuid_of(domain));
  if (link.clock().now() - since < link.config().shutdown_grace) return state;
  log::warn("hypervisor.hung_shutdown_ended",
            {{"host", link.host().name}, {"domain", name_of(domain)}});
  CHECK_OK(cut_power(link, domain));
  return state_of(domain);
}

Result<void> cut_power(HostLink& link, virDomainPtr domain) {
  link.events().note_destroying(uuid_of(domain));
  if (virDomainDestroy(domain) == 0) return {};
  auto error = Refusal().error("Domain {} on host {} cannot be switched off.", name_of(domain),
                               link.host().name);
  if (error.code == Errc::kNotFound) return {};  // a transient domain is gone with its QEMU
  RawState state;
  const bool is_told = virDomainGetState(domain, &state.state, &state.reason, 0) == 0;
  if (is_told && !is_active(state)) return {};
  if (!is_told && last_code() == VIR_ERR_NO_DOMAIN) return {};
  return tl::unexpected(std::move(error));
}

Result<DomainFact> fact_of(HostLink& link, virDomainPtr domain) {
  const auto state = TRY(settled_state(link, domain));
  DomainFact fact{.name = name_of(domain), .uuid = uuid_of(domain)};
  fill_state(link, state, fact);
  fill_info(domain, fact);
  fill_console(domain, fact);
  return fact;
}

Result<std::vector<DomainFact>> list_facts(HostLink& link, virConnectPtr connection) {
  virDomainStatsRecordPtr* list = nullptr;
  // NOWAIT: a domain that is busy tells less instead of holding up the others.
  const unsigned what = VIR_DOMAIN_STATS_STATE | VIR_DOMAIN_STATS_CPU_TOTAL |
                        VIR_DOMAIN_STATS_BALLOON | VIR_DOMAIN_STATS_INTERFACE |
                        VIR_DOMAIN_STATS_BLOCK;
  int count = virConnectGetAllDomainStats(connection, what, &list,
                                          VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);
  // Some drivers know fewer figures, or not the flag.
  if (count < 0 && is_unsupported()) count = virConnectGetAllDomainStats(connection, 0, &list, 0);
  if (count < 0) return Refusal().of("The domains of host {} cannot be listed.", link.host().name);
  const std::unique_ptr<virDomainStatsRecordPtr, FreeRecords> owner(list);
  std::vector<DomainFact> facts;
  facts.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i)
    if (auto fact = TRY(fact_of_record(link, *list[i]))) facts.push_back(std::move(*fact));
  virResetLastError();
  return facts;
}

}  // namespace neph::hypervisor_driver::virt
