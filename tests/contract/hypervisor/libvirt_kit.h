#pragma once

#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "drivers/hypervisor/libvirt/libvirt_driver.h"
#include "tests/contract/hypervisor/driver_contract.h"

/// Worlds for the libvirt driver: QEMU for real inside this process, and libvirt's pretended host.
namespace neph::hypervisor_driver::contract {

using Context = std::vector<std::pair<std::string, std::string>>;

/// libvirt's embedded driver takes one directory per process, so all kits share it; it is short,
/// because of the sockets in it, and goes when the program ends.
[[nodiscard]] const std::filesystem::path& embed_root();

/// QEMU for real (TCG), through qemu:///embed or a libvirtd on this machine.
class EmbedKit final : public DriverKit {
 public:
  /// Whether the kit ends the domains on the host when it goes; a test of a restart leaves them.
  enum class Leftovers { kEnd, kLeave };

  explicit EmbedKit(Leftovers leftovers = Leftovers::kEnd, std::string uri = "qemu:///embed");
  ~EmbedKit() override;
  Driver& driver() override { return *driver_; }
  HostRef host() override { return {HostId{1}, "here", uri_}; }
  std::optional<HostRef> dead_host() override;
  [[nodiscard]] bool can(Talent talent) const override;
  /// No operating system: QEMU runs and the firmware finds nothing to boot.
  DomainSpec domain(const std::string& name) override;
  /// The demo guest.
  DomainSpec domain_with_agent(const std::string& name) override;
  DomainSpec guest(const std::string& name, const Context& context);
  std::string fresh_path(const std::string& name) override { return directory_ / name; }
  [[nodiscard]] bool has_file(const std::string& path) override {
    return std::filesystem::exists(path);
  }
  bool wait_until(const std::function<bool()>& holds) override;

  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
  [[nodiscard]] std::string serial_log(const DomainSpec& spec) const;

 private:
  const Leftovers leftovers_;
  const std::string uri_;
  /// Never destroyed: an event of the last guest may still be on its way.
  static inline SystemClock& clock_ = *new SystemClock;
  std::filesystem::path directory_;
  std::unique_ptr<LibvirtDriver> driver_;
};

/// test:///: instant, knows no disks and no guests.
class PretendKit final : public DriverKit {
 public:
  PretendKit();
  ~PretendKit() override;
  Driver& driver() override { return driver_; }
  HostRef host() override { return {HostId{1}, "pretended", "test:///default"}; }
  std::optional<HostRef> dead_host() override { return std::nullopt; }
  [[nodiscard]] bool can(Talent) const override { return false; }
  DomainSpec domain(const std::string& name) override;
  DomainSpec domain_with_agent(const std::string& name) override { return domain(name); }
  std::string fresh_path(const std::string& name) override { return "/nowhere/" + name; }
  [[nodiscard]] bool has_file(const std::string&) override { return false; }
  bool wait_until(const std::function<bool()>& holds) override;

 private:
  static inline SystemClock& clock_ = *new SystemClock;
  LibvirtDriver driver_;
  LibvirtDriver keeper_;  ///< the pretended host lasts as long as somebody is connected
};

/// Polls for up to a minute.
bool wait_for(Clock& clock, const std::function<bool()>& holds);

/// Ends and forgets all domains of a host.
void end_domains(Driver& driver, const HostRef& host);

}  // namespace neph::hypervisor_driver::contract
