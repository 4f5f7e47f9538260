#include "drivers/hypervisor/libvirt/internal/starting.h"

#include <libvirt/virterror.h>

#include <filesystem>

#include "base/log.h"
#include "drivers/hypervisor/libvirt/internal/domain_facts.h"
#include "drivers/hypervisor/libvirt/internal/domain_xml.h"
#include "drivers/hypervisor/libvirt/internal/errors.h"
#include "drivers/hypervisor/libvirt/internal/threads.h"

namespace neph::hypervisor_driver::virt {

namespace {

constexpr Duration kLookInterval{5'000};

DomainRef ref_of(const HostLink& link, const DomainSpec& spec) {
  return {link.host(), spec.name, spec.uuid};
}

/// The fact when the domain is up, nullopt when it has to be brought up. What hangs between the
/// two (ended and not gone, crashed and kept) is cleared away first.
Result<std::optional<DomainFact>> find_running(HostLink& link, virConnectPtr connection,
                                               const DomainSpec& spec) {
  const auto domain = TRY(find_domain(connection, ref_of(link, spec)));
  if (!domain) return std::nullopt;
  const auto state = TRY(state_of(domain.get()));
  if (!is_active(state)) return std::nullopt;
  if (is_alive(state)) return TRY(fact_of(link, domain.get()));
  CHECK_OK(cut_power(link, domain.get()));
  return std::nullopt;
}

/// What libvirt says about a bridge that is missing names neither the host nor what to do. Only on
/// this machine can we look ourselves.
Result<void> check_bridges(HostLink& link, const DomainSpec& spec) {
  if (!link.is_in_process()) return {};
  for (std::size_t at = 0; at < spec.nics.size(); ++at) {
    const auto& nic = spec.nics[at];
    if (nic.kind != NicKind::kBridge) continue;
    std::error_code ignored;
    if (std::filesystem::exists("/sys/class/net/" + nic.source + "/bridge", ignored)) continue;
    return fail(Errc::kInvalid,
                "Host {} has no bridge {}, which NIC {} of domain {} needs: make it there, or name "
                "another BRIDGE in the virtual network.",
                link.host().name, nic.source, at, spec.name);
  }
  return {};
}

Result<Domain> define(HostLink& link, virConnectPtr connection, const DomainSpec& spec) {
  CHECK_OK(check_bridges(link, spec));
  const auto traits = TRY(link.traits());
  const auto xml = TRY(domain_xml(
      spec, {.domain_type = traits.domain_type, .has_cgroups = traits.has_cgroups}));
  const Domain namesake(virDomainLookupByName(connection, spec.name.c_str()));
  if (namesake && uuid_of(namesake.get()) != spec.uuid)
    return fail(Errc::kConflict, "Host {} has another domain {} with UUID {}.", link.host().name,
                spec.name, uuid_of(namesake.get()));
  Domain domain(virDomainDefineXML(connection, xml.c_str()));
  if (!domain)
    return Refusal().of("Domain {} cannot be defined on {}.", spec.name, link.host().name);
  return domain;
}

/// A guest may have come up by another hand meanwhile: by the reconnection after a restart, which
/// goes on beside us, or by an earlier call whose answer was lost.
Result<DomainFact> fact_or(HostLink& link, virDomainPtr domain, Error refusal) {
  const auto state = state_of(domain);
  if (state && is_alive(*state)) return fact_of(link, domain);
  return tl::unexpected(std::move(refusal));
}

/// Whether `path` is a whole memory file of this domain. One that was not finished says so in its
/// header.
bool is_saved_in(virConnectPtr connection, virDomainPtr domain, const std::string& path) {
  const Text saved(virDomainSaveImageGetXMLDesc(connection, path.c_str(), 0));
  virResetLastError();
  return saved && std::string_view(saved.get()).find(uuid_of(domain)) != std::string_view::npos;
}

/// libvirt saves and restores in one call that tells nothing. The guest stands still meanwhile, so
/// QEMU takes processor time for the memory alone: as long as that grows, the memory moves.
void report_signs(HostLink& link, const DomainRef& ref, Progress& progress) {
  const auto connection = link.connect(HostLink::Use::kControl);
  if (!connection) return;
  const auto domain = find_domain(connection->get(), ref);
  if (!domain || !*domain) return;
  virDomainInfo info{};
  if (virDomainGetInfo(domain->get(), &info) == 0)
    progress.report_sign(static_cast<std::int64_t>(info.cpuTime));
  else virResetLastError();
}

}  // namespace

Result<DomainFact> start(HostLink& link, const DomainSpec& spec) {
  const auto connection = TRY(link.connect(HostLink::Use::kBulk));
  if (auto running = TRY(find_running(link, connection.get(), spec))) return *running;
  const auto domain = TRY(define(link, connection.get(), spec));
  link.events().note_starting(spec.uuid);
  if (virDomainCreate(domain.get()) < 0)
    return fact_or(link, domain.get(), Refusal().error("Domain {} does not start on {}.",
                                                       spec.name, link.host().name));
  return fact_of(link, domain.get());
}

Result<DomainFact> restore(HostLink& link, const DomainSpec& spec,
                           const std::string& memory_path, Progress& progress) {
  const auto connection = TRY(link.connect(HostLink::Use::kBulk));
  if (auto running = TRY(find_running(link, connection.get(), spec))) return *running;
  const Text saved(virDomainSaveImageGetXMLDesc(connection.get(), memory_path.c_str(),
                                                VIR_DOMAIN_SAVE_IMAGE_XML_SECURE));
  if (!saved) return Refusal().of("{} is no memory file.", memory_path);
  const auto xml = TRY(restored_xml(saved.get(), spec));
  // Defined first: libvirt makes a restored domain transient when it does not know it, and a
  // transient one takes the reason of its end along.
  const auto domain = TRY(define(link, connection.get(), spec));
  link.events().note_starting(spec.uuid);
  const Ticker ticker(kLookInterval, [&] { report_signs(link, ref_of(link, spec), progress); });
  if (virDomainRestoreFlags(connection.get(), memory_path.c_str(), xml.c_str(),
                            VIR_DOMAIN_SAVE_RUNNING) < 0)
    return fact_or(link, domain.get(), Refusal().error("Domain {} cannot be restored on {}.",
                                                       spec.name, link.host().name));
  return fact_of(link, domain.get());
}

Result<void> save(HostLink& link, virConnectPtr connection, virDomainPtr domain,
                  const std::string& memory_path, Progress& progress) {
  const auto state = TRY(settled_state(link, domain));
  if (!is_alive(state)) {
    const bool may_be_saved = state.state == VIR_DOMAIN_SHUTOFF &&
                              (state.reason == VIR_DOMAIN_SHUTOFF_SAVED ||
                               state.reason == VIR_DOMAIN_SHUTOFF_UNKNOWN);
    if (may_be_saved && is_saved_in(connection, domain, memory_path)) return {};
    return fail(Errc::kWrongState, "Domain {} is not running.", name_of(domain));
  }
  const DomainRef ref{link.host(), name_of(domain), uuid_of(domain)};
  const Ticker ticker(kLookInterval, [&] { report_signs(link, ref, progress); });
  if (virDomainSaveFlags(domain, memory_path.c_str(), nullptr, 0) == 0) return {};
  auto error = Refusal().error("The memory of domain {} cannot be saved.", name_of(domain));
  if (is_saved_in(connection, domain, memory_path)) return tl::unexpected(std::move(error));
  std::error_code ignored;
  std::filesystem::remove(memory_path, ignored);
  return tl::unexpected(std::move(error));
}

}  // namespace neph::hypervisor_driver::virt
