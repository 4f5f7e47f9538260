#include <algorithm>
#include <array>
#include <charconv>

#include "base/numbers.h"
#include "compute/internal/factory.h"

namespace neph::compute {
namespace {

constexpr std::int64_t kMemoryMbMax = 1LL << 30;  // a PiB: sums of it stay far from overflow
constexpr std::int64_t kVcpusMax = 4096;
constexpr double kCpuMax = 4096;

template <class Number>
Result<Number> refuse(std::string_view name, std::string_view kind, const std::string& value) {
  if (value.empty()) {
    return fail(Errc::kInvalid, "{} attribute must be a positive {} value.", name, kind);
  }
  return fail(Errc::kInvalid, "{} attribute must be a positive {} value, not \"{}\".", name, kind,
              value);
}

Result<std::int64_t> positive(const text::Template& ask, std::string_view name,
                              std::int64_t maximum) {
  const std::string value = ask.get(name);
  const auto number = integer_from(value);
  if (!number || *number <= 0 || *number > maximum) {
    return refuse<std::int64_t>(name, "integer", value);
  }
  return *number;
}

struct Refusal {
  std::string_view name;
  std::string_view why;
};
constexpr auto kNotProvided = std::to_array<Refusal>({
    {"PCI", "pass-through of PCI devices is not provided"},
    {"TOPOLOGY", "NUMA and CPU topologies are not provided"},
    {"NUMA_NODE", "NUMA is not provided"},
    {"TPM", "a TPM is not provided"},
    {"MEMORY_ENCRYPTION", "encrypted memory is not provided"},
    {"SNAPSHOT", "only the server writes it"},
    {"SAVE_AS", "only the server writes it"},
});

constexpr auto kVmAttributes = std::to_array<std::string_view>(
    {"CPU",           "VCPU",         "MEMORY",       "VCPU_MAX",      "MEMORY_MAX",
     "MEMORY_SLOTS",  "MEMORY_RESIZE_MODE",           "NIC_DEFAULT",   "CONTEXT",
     "OS",            "FEATURES",     "GRAPHICS",     "VIDEO",         "INPUT",
     "RAW",           "CPU_MODEL",    "HYPERV_OPTIONS", "SPICE_OPTIONS", "EMULATOR",
     "CPU_COST",      "MEMORY_COST",  "DISK_COST",    "SUBMIT_ON_HOLD", "BACKUP_CONFIG",
     "VMGROUP"});

}  // namespace

std::optional<double> real_from(std::string_view text) {
  double number = 0;
  const auto [end, problem] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool is_vm_attribute(std::string_view name) {
  return std::find(kVmAttributes.begin(), kVmAttributes.end(), name) != kVmAttributes.end();
}

Result<void> read_capacity(const text::Template& ask, Vm& vm) {
  const std::string cpu_text = ask.get("CPU");
  const auto cpu = real_from(cpu_text);
  // Written so that "nan" is refused too.
  if (!cpu || !(*cpu > 0 && *cpu <= kCpuMax)) {
    CHECK_OK(refuse<double>("CPU", "float or integer", cpu_text));
  }
  vm.cpu = *cpu;
  vm.memory_mb = TRY(positive(ask, "MEMORY", kMemoryMbMax));
  vm.vcpus = ask.has("VCPU") ? static_cast<int>(TRY(positive(ask, "VCPU", kVcpusMax))) : 1;
  return {};
}

Result<void> check_provided(const text::Template& ask) {
  for (const auto& [name, why] : kNotProvided) {
    if (ask.has(name)) return fail(Errc::kInvalid, "{} is refused: {}", name, why);
  }
  for (const auto& attribute : ask.attributes()) {
    if (attribute.name.starts_with("SAVED_")) {
      return fail(Errc::kInvalid, "{} is refused: only the server writes it", attribute.name);
    }
  }
  return {};
}

}  // namespace neph::compute
