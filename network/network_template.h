#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/permissions.h"
#include "base/clock.h"
#include "db/database.h"
#include "network/settings.h"
#include "text/template.h"

/// Templates of virtual networks: what one.vn.allocate takes, kept for users who make networks of
/// their own from it. Store lane; rights on existing templates are the caller's business. Facts:
/// OpenNebula 7.4.
namespace neph::network {

struct NetworkTemplate {
  NetworkTemplateId id;
  std::string name;            ///< unique per owner
  UserId owner;
  GroupId group;
  access::Permissions permissions;
  Instant registered;
  text::Template attributes;   ///< as written, checked when a network is made of it
};

[[nodiscard]] Result<NetworkTemplate> find_network_template(db::Txn& txn, NetworkTemplateId id);
[[nodiscard]] std::vector<NetworkTemplateId> list_network_templates(db::Txn& txn);
[[nodiscard]] access::Subject subject_of(const NetworkTemplate& network_template);

/// NAME is its name.
/// \returns kInvalid (name), kConflict (name taken), kDenied for a restricted attribute
[[nodiscard]] Result<NetworkTemplateId> create_network_template(db::Txn& txn,
                                                                const access::Actor& actor,
                                                                const Settings& settings,
                                                                const text::Template& ask);
/// A template of the caller's own, as `source` is now, with its restricted attributes.
/// \returns kInvalid (name), kConflict (name taken)
[[nodiscard]] Result<NetworkTemplateId> clone_network_template(db::Txn& txn,
                                                               const access::Actor& actor,
                                                               NetworkTemplateId source,
                                                               const std::string& name);
/// Networks that were made of it stay.
void delete_network_template(db::Txn& txn, NetworkTemplateId id);
Result<void> rename_network_template(db::Txn& txn, NetworkTemplateId id, const std::string& name);
struct NetworkTemplateChange {
  NetworkTemplateId id;
  text::Template change;
  bool is_append = false;  ///< merged; else it is the whole template from now on
};
/// \returns kDenied for a restricted attribute that was not there before
Result<void> update_network_template(db::Txn& txn, const access::Actor& actor,
                                     const Settings& settings, const NetworkTemplateChange& ask);
Result<void> chmod_network_template(db::Txn& txn, NetworkTemplateId id,
                                    access::Permissions permissions);
/// An unset id keeps the user or the group. \returns kNotFound, kConflict (name taken)
Result<void> chown_network_template(db::Txn& txn, NetworkTemplateId id, UserId user,
                                    GroupId group);

}  // namespace neph::network
