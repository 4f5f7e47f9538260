#pragma once

#include "network/network_template.h"

/// Rows behind network/network_template.h. What changes a template touches it.
namespace neph::network {

[[nodiscard]] std::optional<NetworkTemplateId> find_network_template_by_name(
    db::Txn& txn, UserId owner, std::string_view name);
/// Takes the next id.
NetworkTemplateId insert_network_template(db::Txn& txn, const NetworkTemplate& fresh);
void save_network_template(db::Txn& txn, const NetworkTemplate& changed);

}  // namespace neph::network
