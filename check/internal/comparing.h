#pragma once

#include <vector>

#include "check/findings.h"

/// The parts of compare().
namespace neph::check {

using Findings = std::vector<Finding>;

void compare_domains(const Catalogue& rows, const Seen& seen, Findings& findings);
void compare_files(const Catalogue& rows, const Seen& seen, Findings& findings);
/// Rows against each other, and what SQLite says.
void compare_rows(const Catalogue& rows, const Seen& seen, Findings& findings);

/// The name of a user, empty for one that is gone.
[[nodiscard]] std::string owner_name(const Catalogue& rows, UserId user);
/// The owner of a VM, empty when there is no such VM.
[[nodiscard]] std::string owner_of_vm(const Catalogue& rows, VmId vm);
/// Name of a host, or its id when there is no row.
[[nodiscard]] std::string host_name(const Catalogue& rows, HostId host);

/// Whether a domain runs, or may, that no VM of the catalogue is: it may have any file open.
[[nodiscard]] const SeenDomain* find_stranger(const Catalogue& rows, const Seen& seen);

}  // namespace neph::check
