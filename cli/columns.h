#pragma once

#include <span>

#include "cli/objects.h"

/// Columns of the lists and first lines of `show`, per kind of object.
namespace neph::cli::columns {

[[nodiscard]] std::span<const ListColumn> vm_list();
[[nodiscard]] std::span<const ListColumn> image_list();
[[nodiscard]] std::span<const ListColumn> template_list();
[[nodiscard]] std::span<const ListColumn> host_list();
[[nodiscard]] std::span<const ListColumn> datastore_list();
[[nodiscard]] std::span<const ListColumn> network_list();
[[nodiscard]] std::span<const ListColumn> user_list();
[[nodiscard]] std::span<const ListColumn> group_list();
[[nodiscard]] std::span<const ListColumn> cluster_list();
[[nodiscard]] std::span<const ListColumn> snapshot_list();
[[nodiscard]] std::span<const ListColumn> backup_job_list();
[[nodiscard]] std::span<const ListColumn> job_list();
[[nodiscard]] std::span<const ListColumn> disk_list();

[[nodiscard]] std::span<const ShowField> vm_show();
[[nodiscard]] std::span<const ShowField> image_show();
[[nodiscard]] std::span<const ShowField> template_show();
[[nodiscard]] std::span<const ShowField> host_show();
[[nodiscard]] std::span<const ShowField> datastore_show();
[[nodiscard]] std::span<const ShowField> network_show();
[[nodiscard]] std::span<const ShowField> user_show();
[[nodiscard]] std::span<const ShowField> group_show();
[[nodiscard]] std::span<const ShowField> cluster_show();
[[nodiscard]] std::span<const ShowField> snapshot_show();
[[nodiscard]] std::span<const ShowField> backup_job_show();
[[nodiscard]] std::span<const ShowField> job_show();

/// "2026-11-21 03:42:07" UTC, "-" when it has not happened.
[[nodiscard]] std::string time_text(Instant at);
/// "3d 04h05" as OpenNebula's VM list has it.
[[nodiscard]] std::string age_text(Duration age);
/// "um-u-----" of a PERMISSIONS element.
[[nodiscard]] std::string permissions_text(const Element& permissions);

}  // namespace neph::cli::columns
