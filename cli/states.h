#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cli/element.h"

/// Names of the numbers on the wire (states.md). A number beyond the tables becomes "?N".
namespace neph::cli {

/// VM state as one word for people: the life-cycle state's name when the VM is ACTIVE, else the
/// state's ("RUNNING", "BOOT_FAILURE", "POWEROFF").
[[nodiscard]] std::string vm_state_name(std::int64_t state, std::int64_t lcm_state);
/// The four letters of OpenNebula's lists ("runn", "fail", "poff").
[[nodiscard]] std::string vm_state_short(std::int64_t state, std::int64_t lcm_state);
[[nodiscard]] std::string image_state_name(std::int64_t state);
[[nodiscard]] std::string image_state_short(std::int64_t state);
[[nodiscard]] std::string image_type_name(std::int64_t type);
[[nodiscard]] std::string image_type_short(std::int64_t type);
[[nodiscard]] std::string host_state_name(std::int64_t state);
[[nodiscard]] std::string host_state_short(std::int64_t state);
[[nodiscard]] std::string datastore_type_name(std::int64_t type);
[[nodiscard]] std::string datastore_type_short(std::int64_t type);
[[nodiscard]] std::string datastore_state_short(std::int64_t state);

/// As above, read from a VM document.
[[nodiscard]] std::string vm_state_name(const Element& vm);
[[nodiscard]] bool is_vm_running(const Element& vm);
/// In a state that no further progress leaves by itself: BOOT_FAILURE, CLONING_FAILURE ...
[[nodiscard]] bool has_vm_failed(const Element& vm);

}  // namespace neph::cli
