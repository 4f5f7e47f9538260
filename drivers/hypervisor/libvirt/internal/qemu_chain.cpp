#include "drivers/hypervisor/libvirt/internal/qemu_chain.h"

#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>

#include <boost/json.hpp>
#include <vector>

#include "drivers/hypervisor/libvirt/internal/errors.h"
#include "drivers/hypervisor/libvirt/internal/handles.h"

namespace neph::hypervisor_driver::virt {

namespace {

namespace json = boost::json;

Result<std::string> ask_monitor(virDomainPtr domain, const std::string& command) {
  char* told = nullptr;
  if (virDomainQemuMonitorCommand(domain, command.c_str(), &told, 0) < 0)
    return Refusal().of("The QEMU of {} does not tell what its disks stand on.", name_of(domain));
  const Text answer(told);
  return std::string(answer.get());
}

std::string text_of(const json::object& node, std::string_view key) {
  const auto* value = node.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

/// Names of the block nodes that have the file open.
std::vector<std::string> nodes_of(const std::string& answer, const std::string& path) {
  std::vector<std::string> names;
  boost::system::error_code problem;
  const auto document = json::parse(answer, problem);
  const auto* told = document.is_object() ? document.get_object().if_contains("return") : nullptr;
  if (problem || told == nullptr || !told->is_array()) return names;
  for (const auto& node : told->get_array())
    if (node.is_object() && text_of(node.get_object(), "file") == path)
      names.push_back(text_of(node.get_object(), "node-name"));
  return names;
}

}  // namespace

void let_go_in_qemu(virDomainPtr domain, const std::string& path) {
  const auto answer = ask_monitor(
      domain, R"({"execute":"query-named-block-nodes","arguments":{"flat":true}})");
  const auto names = answer ? nodes_of(*answer, path) : std::vector<std::string>{};
  // The node of the format stands on that of the file: one of the two goes in the second round.
  for (int round = 0; round < 2; ++round)
    for (const auto& name : names)
      std::ignore = ask_monitor(domain, fmt::format(
          R"({{"execute":"blockdev-del","arguments":{{"node-name":"{}"}}}})", name));
  virResetLastError();
}

Result<bool> is_used_by_qemu(virDomainPtr domain, const std::string& path) {
  const auto answer = TRY(ask_monitor(domain, R"({"execute":"query-block"})"));
  // Paths of ours hold nothing that JSON writes differently.
  return answer.find(fmt::format("\"{}\"", path)) != std::string::npos;
}

Result<void> check_unused_by_qemu(virDomainPtr domain, const std::string& path) {
  if (!TRY(is_used_by_qemu(domain, path))) return {};
  return fail(Errc::kWrongState,
              "The guest of {} writes to {}, which libvirt does not know: the guest has to be "
              "switched off once.",
              name_of(domain), path);
}

}  // namespace neph::hypervisor_driver::virt
