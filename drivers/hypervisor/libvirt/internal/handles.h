#pragma once

#include <libvirt/libvirt.h>

#include <cstdlib>
#include <memory>

/// Owners for libvirt's objects. libvirt's objects count references and may be used and released
/// by any thread.
namespace neph::hypervisor_driver::virt {

struct Release {
  void operator()(virConnectPtr object) const { virConnectClose(object); }
  void operator()(virDomainPtr object) const { virDomainFree(object); }
  void operator()(virDomainSnapshotPtr object) const { virDomainSnapshotFree(object); }
  void operator()(char* text) const { std::free(text); }
};

using Connect = std::unique_ptr<virConnect, Release>;
using Domain = std::unique_ptr<virDomain, Release>;
using Snapshot = std::unique_ptr<virDomainSnapshot, Release>;
using Text = std::unique_ptr<char, Release>;

/// One more reference: the connection stays open for its holder even if somebody else gives it up.
inline Connect share(const Connect& connection) {
  virConnectRef(connection.get());
  return Connect(connection.get());
}

}  // namespace neph::hypervisor_driver::virt
