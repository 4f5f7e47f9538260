#include "drivers/hypervisor/libvirt/internal/qemu_chain.h"

#include <libvirt/libvirt-qemu.h>

#include "drivers/hypervisor/libvirt/internal/errors.h"
#include "drivers/hypervisor/libvirt/internal/handles.h"

namespace neph::hypervisor_driver::virt {

Result<void> check_unused_by_qemu(virDomainPtr domain, const std::string& path) {
  char* told = nullptr;
  const char* const command = R"({"execute":"query-block"})";
  if (virDomainQemuMonitorCommand(domain, command, &told, 0) < 0)
    return Refusal().of("The QEMU of {} does not tell what its disks stand on.", name_of(domain));
  const Text answer(told);
  // Paths of ours hold nothing that JSON writes differently.
  if (std::string_view(answer.get()).find(fmt::format("\"{}\"", path)) == std::string_view::npos)
    return {};
  return fail(Errc::kWrongState,
              "The guest of {} writes to {}, which libvirt does not know: the guest has to be "
              "switched off once.",
              name_of(domain), path);
}

}  // namespace neph::hypervisor_driver::virt
