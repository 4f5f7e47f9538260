#pragma once

#include <functional>
#include <memory>
#include <string>

#include "access/authenticator.h"
#include "access/permissions.h"
#include "api/registry.h"
#include "check/check_service.h"
#include "compute/host_service.h"
#include "compute/vm_service.h"
#include "datastore/image_service.h"
#include "db/database.h"
#include "network/network_service.h"
#include "site/hook.h"
#include "site/vdc.h"
#include "snapshots/snapshot_service.h"
#include "view/view.h"

namespace neph::api {

/// What handlers work with. The services outlive the registry.
struct Services {
  compute::VmService& vms;
  compute::HostService& hosts;
  datastore::ImageService& images;
  snapshots::SnapshotService& snapshots;
  check::CheckService& checks;
  view::Publisher& publisher;
  access::Authenticator& authenticator;
  std::string version;        ///< what one.system.version answers
  text::Template configuration;  ///< what one.system.config shows
  /// Where clients find this daemon; any thread, while it serves.
  std::function<std::string()> endpoint = [] { return std::string{}; };
  network::NetworkService networks{};
  site::VdcRights vdc_rights = {};  ///< what VDCs let their groups do
  site::HookSettings hooks = {};
};

/// One call under way. On the readers lane `view` is there and no transaction; on the store lane
/// both.
class Call {
 public:
  Call(Services& services, access::Actor actor, std::shared_ptr<const view::View> view,
       db::Txn* txn)
      : services_(services), actor_(std::move(actor)), view_(std::move(view)), txn_(txn) {}

  [[nodiscard]] Services& services() { return services_; }
  [[nodiscard]] const access::Actor& actor() const { return actor_; }
  [[nodiscard]] const view::View& view() const { return *view_; }
  [[nodiscard]] bool has_txn() const { return txn_ != nullptr; }
  /// \pre a method that writes
  [[nodiscard]] db::Txn& txn() {
    NEPH_ASSERT(txn_ != nullptr);
    return *txn_;
  }
  /// A new password's hash, made before the transaction began for methods that take a password;
  /// empty for all others, and where an empty password keeps the old one.
  std::string password_hash;

 private:
  Services& services_;
  access::Actor actor_;
  std::shared_ptr<const view::View> view_;
  db::Txn* txn_;
};

/// All methods of this daemon: the rows of methods/*.cpp.
[[nodiscard]] Registry<Call> make_registry();

}  // namespace neph::api
