#include "api/internal/object_name.h"

namespace neph::api {

std::string_view object_name(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::kUser: return "user";
    case ObjectKind::kGroup: return "group";
    case ObjectKind::kAcl: return "ACL";
    case ObjectKind::kCluster: return "cluster";
    case ObjectKind::kHost: return "host";
    case ObjectKind::kDatastore: return "datastore";
    case ObjectKind::kImage: return "image";
    case ObjectKind::kTemplate: return "virtual machine template";
    case ObjectKind::kVm: return "virtual machine";
    case ObjectKind::kSnapshot: return "snapshot";
    case ObjectKind::kJob: return "job";
    case ObjectKind::kQuota: return "quota";
    case ObjectKind::kNetwork: return "virtual network";
    case ObjectKind::kSecurityGroup: return "security group";
    case ObjectKind::kDocument: return "document";
    case ObjectKind::kVdc: return "VDC";
    case ObjectKind::kVmGroup: return "vm group";
    case ObjectKind::kHook: return "hook";
    case ObjectKind::kNetworkTemplate: return "virtual network template";
    case ObjectKind::kBackupJob: return "backup job";
    case ObjectKind::kZone: return "zone";
    case ObjectKind::kShowback: return "showback";
  }
  return "-";
}

}  // namespace neph::api
