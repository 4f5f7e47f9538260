#pragma once

#include <pugixml.hpp>

#include "drivers/hypervisor/driver.h"

/// The <devices> of a domain.
namespace neph::hypervisor_driver::virt {

/// The attribute, made if it is missing.
void set(pugi::xml_node node, const char* name, const std::string& value);

/// \returns kInvalid for a target whose prefix names no bus
[[nodiscard]] Result<void> add_disk(pugi::xml_node devices, const DiskSpec& disk,
                                    const std::string& machine);
/// <source>, format and <backingStore> of a disk, in place of what is there.
void set_layers(pugi::xml_node disk_node, const DiskSpec& disk);
void add_nic(pugi::xml_node devices, const NicSpec& nic);
/// Bridge or network, and the tap's name.
void set_nic_source(pugi::xml_node interface_node, const NicSpec& nic);
void add_graphics(pugi::xml_node devices, const GraphicsSpec& graphics);
void add_controllers(pugi::xml_node devices, const DomainSpec& spec);
void add_serial(pugi::xml_node devices, const std::string& log_path);
void add_guest_agent(pugi::xml_node devices);
void add_inputs(pugi::xml_node devices, const DomainSpec& spec);

}  // namespace neph::hypervisor_driver::virt
