#include "drivers/hypervisor/libvirt/internal/guest_agent.h"

#include <libvirt/libvirt-qemu.h>

#include <algorithm>

#include "drivers/hypervisor/libvirt/internal/errors.h"

namespace neph::hypervisor_driver::virt {

namespace {

int whole_seconds(Duration limit) {
  return static_cast<int>(std::max<std::int64_t>((limit.count() + 999) / 1000, 1));
}

/// Without this libvirt waits for an agent that stopped in the middle of a command for ever.
void limit_answers(virDomainPtr domain, Duration limit) {
  virDomainAgentSetResponseTimeout(domain, whole_seconds(limit), 0);
}

Result<std::string> ask(virDomainPtr domain, const char* command, Duration limit) {
  const Text answer(virDomainQemuAgentCommand(domain, command, whole_seconds(limit), 0));
  if (!answer) return Refusal().of("The guest agent of {} does not answer.", name_of(domain));
  return std::string(answer.get());
}

}  // namespace

Result<void> ping_agent(virDomainPtr domain, Duration limit) {
  CHECK_OK(ask(domain, R"({"execute":"guest-ping"})", limit));
  return {};
}

Result<int> freeze(virDomainPtr domain, Duration limit) {
  limit_answers(domain, limit);
  const int count = virDomainFSFreeze(domain, nullptr, 0, 0);
  if (count < 0)
    return Refusal().of("The file systems of {} cannot be frozen.", name_of(domain));
  return count;
}

Result<int> thaw(virDomainPtr domain, Duration limit) {
  limit_answers(domain, limit);
  const int count = virDomainFSThaw(domain, nullptr, 0, 0);
  if (count < 0)
    return Refusal().of("The file systems of {} cannot be thawed.", name_of(domain));
  return count;
}

Result<FreezeState> inspect_freeze(virDomainPtr domain, Duration limit) {
  // The agent answers {"return":"thawed"} or {"return":"frozen"}.
  const auto answer = TRY(ask(domain, R"({"execute":"guest-fsfreeze-status"})", limit));
  if (answer.find("\"frozen\"") != std::string::npos) return FreezeState::kFrozen;
  if (answer.find("\"thawed\"") != std::string::npos) return FreezeState::kThawed;
  return fail_because(Errc::kInvalid, answer, "The guest agent of {} tells no freeze status.",
                      name_of(domain));
}

bool means_no_agent(const Error& error) {
  // libvirt has one code for "not connected" and "does not answer"; only the words differ.
  return error.cause.find("is not configured") != std::string::npos ||
         error.cause.find("is not connected") != std::string::npos ||
         error.cause.find("not running") != std::string::npos;
}

}  // namespace neph::hypervisor_driver::virt
