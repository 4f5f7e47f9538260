#pragma once

#include <optional>
#include <string_view>

#include "site/vdc.h"

/// Rows behind site/vdc.h. Each touches the VDC.
namespace neph::site {

[[nodiscard]] std::optional<VdcId> find_vdc_by_name(db::Txn& txn, std::string_view name);
/// Takes the next id; name and attributes alone.
VdcId insert_vdc(db::Txn& txn, const Vdc& vdc);
void save_vdc(db::Txn& txn, const Vdc& vdc);
void delete_vdc_row(db::Txn& txn, VdcId id);
void insert_vdc_group(db::Txn& txn, VdcId id, GroupId group);
void delete_vdc_group(db::Txn& txn, VdcId id, GroupId group);
void insert_vdc_resource(db::Txn& txn, VdcId id, const VdcResource& resource);
void delete_vdc_resource(db::Txn& txn, VdcId id, const VdcResource& resource);
[[nodiscard]] std::vector<VdcId> list_vdcs_of(db::Txn& txn, GroupId group);
[[nodiscard]] std::vector<VdcId> list_vdcs_with(db::Txn& txn, const VdcResource& resource);

}  // namespace neph::site
