#include "drivers/hypervisor/libvirt/internal/host_traits.h"

#include <fcntl.h>
#include <libvirt/virterror.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <pugixml.hpp>
#include <sstream>

#include "base/words.h"
#include "drivers/hypervisor/libvirt/internal/errors.h"

namespace neph::hypervisor_driver::virt {

namespace {

bool has_word(const std::string& line, std::string_view word) {
  std::istringstream words(line);
  for (std::string each; words >> each;)
    if (each == word) return true;
  return false;
}

bool can_kvm_here() {
  const int device = ::open("/dev/kvm", O_RDWR | O_CLOEXEC);
  if (device < 0) return false;
  ::close(device);
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);)
    if (line.starts_with("flags")) return has_word(line, "vmx") || has_word(line, "svm");
  // Other architectures name no such flag; there the device is all there is to ask.
  return true;
}

std::string text_of(const pugi::xml_node& node) {
  std::ostringstream stream;
  node.print(stream, "", pugi::format_raw);
  return stream.str();
}

/// A host's CPU is told as a model and what it has on top; a feature that belongs to the model
/// is only seen after expansion.
bool has_virtualisation(virConnectPtr connection, const pugi::xml_node& host_cpu) {
  const auto described = text_of(host_cpu);
  const char* cpus[] = {described.c_str()};
  const Text expanded(
      virConnectBaselineCPU(connection, cpus, 1, VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES));
  pugi::xml_document document;
  document.load_string(expanded ? expanded.get() : described.c_str());
  virResetLastError();
  for (const auto& feature : document.first_child().children("feature")) {
    const std::string_view name = feature.attribute("name").value();
    if (name == "vmx" || name == "svm") return true;
  }
  return false;
}

bool can_kvm_there(virConnectPtr connection, const pugi::xml_node& capabilities) {
  const auto host_cpu = capabilities.child("host").child("cpu");
  const std::string_view architecture = host_cpu.child_value("arch");
  const auto guest = capabilities.select_node("guest/arch/domain[@type='kvm']");
  if (!guest) return false;
  if (architecture != "x86_64" && architecture != "i686") return true;
  return has_virtualisation(connection, host_cpu);
}

std::string domain_type(virConnectPtr connection, const pugi::xml_node& capabilities,
                        bool is_in_process, Acceleration acceleration) {
  const char* type = virConnectGetType(connection);
  if (type != nullptr && std::string_view(type) == "TEST") return "test";
  switch (acceleration) {
    case Acceleration::kKvm:
      return "kvm";
    case Acceleration::kTcg:
      return "qemu";
    case Acceleration::kAuto:
      break;
  }
  const bool can_kvm = is_in_process ? can_kvm_here() : can_kvm_there(connection, capabilities);
  return can_kvm ? "kvm" : "qemu";
}

/// "7.2.22" of libvirt's 7002022.
std::string version_text(unsigned long version) {
  return fmt::format("{}.{}.{}", version / 1000000, version / 1000 % 1000, version % 1000);
}

struct Memory {
  Bytes total;
  Bytes free;
};

Memory inspect_memory(virConnectPtr connection, const virNodeInfo& info) {
  Memory memory{.total = Bytes{static_cast<std::int64_t>(info.memory) * 1024}};
  int count = 0;
  virNodeGetMemoryStats(connection, VIR_NODE_MEMORY_STATS_ALL_CELLS, nullptr, &count, 0);
  std::vector<virNodeMemoryStats> stats(static_cast<std::size_t>(std::max(count, 0)));
  if (count <= 0 || virNodeGetMemoryStats(connection, VIR_NODE_MEMORY_STATS_ALL_CELLS,
                                          stats.data(), &count, 0) < 0) {
    virResetLastError();
    memory.free = Bytes{static_cast<std::int64_t>(virNodeGetFreeMemory(connection))};
  }
  for (const auto& entry : stats) {
    const Bytes amount{static_cast<std::int64_t>(entry.value) * 1024};
    const std::string_view name = entry.field;
    if (name == VIR_NODE_MEMORY_STATS_TOTAL) memory.total = amount;
    // What the kernel gives back when asked is free for guests.
    if (name == VIR_NODE_MEMORY_STATS_FREE || name == VIR_NODE_MEMORY_STATS_BUFFERS ||
        name == VIR_NODE_MEMORY_STATS_CACHED)
      memory.free = memory.free + amount;
  }
  memory.free = std::min(memory.free, memory.total);
  return memory;
}

/// nullopt where the driver does not count it.
std::optional<std::int64_t> inspect_cpu_time(virConnectPtr connection) {
  int count = 0;
  virNodeGetCPUStats(connection, VIR_NODE_CPU_STATS_ALL_CPUS, nullptr, &count, 0);
  std::vector<virNodeCPUStats> stats(static_cast<std::size_t>(std::max(count, 0)));
  if (count <= 0 || virNodeGetCPUStats(connection, VIR_NODE_CPU_STATS_ALL_CPUS, stats.data(),
                                       &count, 0) < 0) {
    virResetLastError();
    return std::nullopt;
  }
  std::int64_t busy = 0;
  for (const auto& entry : stats) {
    const std::string_view name = entry.field;
    if (name == VIR_NODE_CPU_STATS_KERNEL || name == VIR_NODE_CPU_STATS_USER)
      busy += static_cast<std::int64_t>(entry.value);
  }
  return busy;
}

}  // namespace

Result<HostTraits> inspect_traits(virConnectPtr connection, bool is_in_process,
                                  Acceleration acceleration) {
  const Text text(virConnectGetCapabilities(connection));
  if (!text) return Refusal().of("The host does not tell its capabilities.");
  pugi::xml_document document;
  if (!document.load_string(text.get()))
    return fail(Errc::kInvalid, "The host's capabilities cannot be read.");
  const auto capabilities = document.child("capabilities");
  const auto cpu = capabilities.child("host").child("cpu");
  HostTraits traits{.architecture = cpu.child_value("arch"), .cpu_model = cpu.child_value("model")};
  traits.domain_type = domain_type(connection, capabilities, is_in_process, acceleration);
  // The embedded driver's qemu.conf turns control groups off.
  traits.has_cgroups = !is_in_process && traits.domain_type != "test";
  return traits;
}

Result<HostFact> inspect_figures(virConnectPtr connection, const HostTraits& traits) {
  virNodeInfo info{};
  if (virNodeGetInfo(connection, &info) < 0)
    return Refusal().of("The host does not tell its figures.");
  const auto memory = inspect_memory(connection, info);
  HostFact fact{.cpu_percent_total = static_cast<int>(info.cpus) * 100,
                .memory_total = memory.total,
                .memory_free = memory.free,
                .architecture = traits.architecture.empty() ? info.model : traits.architecture,
                .cpu_model = traits.cpu_model,
                .cpu_mhz = static_cast<std::int64_t>(info.mhz),
                .cpu_time_ns = inspect_cpu_time(connection)};
  const char* type = virConnectGetType(connection);
  fact.hypervisor = traits.domain_type == "kvm" ? "kvm" : lower(type != nullptr ? type : "");
  unsigned long version = 0;
  if (virConnectGetVersion(connection, &version) == 0) fact.version = version_text(version);
  return fact;
}

}  // namespace neph::hypervisor_driver::virt
