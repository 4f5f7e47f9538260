#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "text/template.h"

namespace neph::compute {

/// What VMs cost that do not say it themselves, per hour.
struct DefaultCosts {
  double cpu = 0;     ///< of one CPU
  double memory = 0;  ///< of one MB
  double disk = 0;    ///< of one MB
};

/// What the configuration says about VMs and hosts.
struct Settings {
  std::filesystem::path datastores;
  std::string uri_pattern = "qemu+tls://NAME/system";  ///< NAME becomes the host's name
  std::string default_image_prefix = "hd";
  std::string default_machine = "pc";
  std::vector<std::string> restricted_attributes;      ///< "CONTEXT/FILES", "DISK/SOURCE" ...
  text::Template vm_defaults;     ///< as OpenNebula's vmm_exec_kvm.conf: FEATURES, GRAPHICS ...
  Duration shutdown_limit{180'000};  ///< then the guest has not obeyed
  Duration monitor_interval{60'000};
  /// How long a pending VM waits for others, to be placed with them; zero: none waits.
  Duration placement_window{100};
  double cpu_overcommit = 1.0;       ///< RESERVED_* of a host come on top
  std::string vnc_listen = "127.0.0.1";
  DefaultCosts default_costs;
  bool charges_only_running = false;  ///< CPU and memory cost only while the guest runs
};

}  // namespace neph::compute
