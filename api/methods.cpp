#include "api/internal/methods.h"

namespace neph::api {

Registry<Call> make_registry() {
  Registry<Call> registry;
  add_system_methods(registry);
  add_user_methods(registry);
  add_group_methods(registry);
  add_acl_methods(registry);
  add_zone_methods(registry);
  add_host_methods(registry);
  add_cluster_methods(registry);
  add_datastore_methods(registry);
  add_image_methods(registry);
  add_network_methods(registry);
  add_network_template_methods(registry);
  add_security_group_methods(registry);
  add_template_methods(registry);
  add_vm_methods(registry);
  add_vm_change_methods(registry);
  add_record_methods(registry);
  add_showback_methods(registry);
  add_schedule_methods(registry);
  add_snapshot_methods(registry);
  add_backup_methods(registry);
  add_backup_job_methods(registry);
  add_job_methods(registry);
  add_disk_methods(registry);
  add_check_methods(registry);
  add_document_methods(registry);
  add_vdc_methods(registry);
  add_vm_group_methods(registry);
  add_market_methods(registry);
  add_hook_methods(registry);
  add_empty_pool_methods(registry);
  add_methods_not_provided(registry);
  return registry;
}

}  // namespace neph::api
