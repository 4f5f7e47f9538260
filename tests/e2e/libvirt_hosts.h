#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

/// Hosts with a libvirtd each, on this machine: every one is a network namespace behind a bridge.
namespace neph::e2e {

/// The bridge between the hosts and nephd. Needs root.
class HostNetwork {
 public:
  HostNetwork();
  ~HostNetwork();
  HostNetwork(const HostNetwork&) = delete;
  HostNetwork& operator=(const HostNetwork&) = delete;
  /// Where this machine can have neither namespaces nor a libvirtd.
  [[nodiscard]] bool is_possible() const { return is_possible_; }

 private:
  bool is_possible_ = false;
};

/// One host, which has the HostNetwork up while it lives. Throws when it cannot be made.
class LibvirtHost {
 public:
  /// \param number  from 1 to 9, another one for each host
  LibvirtHost(int number, const std::filesystem::path& folder);
  ~LibvirtHost();
  LibvirtHost(const LibvirtHost&) = delete;
  LibvirtHost& operator=(const LibvirtHost&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::string uri() const;
  /// Returns when its libvirtd answers.
  void start();
  /// All its processes die at once: libvirtd and the guests.
  void kill();
  /// SIGKILL to libvirtd alone; start() must follow. Any thread.
  void kill_libvirtd() const;

 private:
  const std::string name_;
  const std::string address_;
  const std::filesystem::path folder_;
  pid_t libvirtd_ = -1;
};

}  // namespace neph::e2e
