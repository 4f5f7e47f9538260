#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "check/facts.h"

/// What does not fit. Pure functions over plain data, for any thread, also for tests that want an
/// invariant: at a quiet moment `compare(read_catalogue(...), look(...))` is empty.
namespace neph::check {

/// Reaches the database: append-only.
enum class Kind {
  kDomainWithoutVm = 1,   ///< a domain of ours runs, or is defined, and no VM is that
  kVmWithoutDomain = 2,   ///< RUNNING, and its host has no such guest
  kDomainUnexpected = 3,  ///< a guest runs whose VM is off
  kDomainTwice = 4,       ///< one VM runs on two hosts
  kWrongHost = 5,         ///< it runs on another host than the row says
  kOrphanFile = 6,        ///< a file that no row names
  kMissingFile = 7,       ///< a row names a file that is not there
  kWrongSize = 8,
  kLeftover = 9,          ///< an unfinished file that no job works on
  kNeededFile = 10,       ///< a file that no row names, and a disk stands on it
  kDeadHold = 11,         ///< its snapshot is over or gone
  kIdleSnapshot = 12,     ///< in the middle of something that no job does
  kIdleVm = 13,
  kIdleImage = 14,
  kDeadClaim = 15,        ///< its job is over
  kQuotaDrift = 16,
  kIdleRetainedDisk = 17, ///< kept for snapshots that are all over
  kDamagedStore = 18,     ///< SQLite finds faults in the state store
};
[[nodiscard]] std::string_view name_of(Kind kind);  ///< "domain-without-vm" ...

enum class Severity { kNotice = 1, kWarning = 2, kError = 3 };
[[nodiscard]] std::string_view name_of(Severity severity);

/// What can be done without losing anything, because it is proven.
enum class Repair {
  kNone = 0,
  kRecount = 1,       ///< quota sums from the rows
  kReleaseClaim = 2,
  kReleaseHold = 3,
  kRemoveFile = 4,    ///< an unfinished file; never a whole one
};

struct Finding {
  Kind kind = Kind::kOrphanFile;
  Severity severity = Severity::kWarning;
  std::string object;  ///< "VM 3", "image 7", "user 2"; empty when it is nobody's
  std::string place;   ///< path, host, resource
  std::string owner;   ///< name of the user, empty when not known
  Bytes size;          ///< of a file
  Instant modified;    ///< of a file; unset when there is none
  std::string words;   ///< one sentence, with what to do
  Repair repair = Repair::kNone;
  std::string repaired;  ///< what --repair did about it, empty for nothing
};

/// Everything that does not fit, worst first. Objects on which a job works are left out, and so is
/// everything on hosts and datastores that were not seen.
[[nodiscard]] std::vector<Finding> compare(const Catalogue& rows, const Seen& seen);

/// Of what was found with the rows as they were before the look, that which is also found with the
/// rows as they are after it: nothing that changed meanwhile is complained of.
[[nodiscard]] std::vector<Finding> lasting(const std::vector<Finding>& before,
                                           std::vector<Finding> after);

/// Whether an administrator may remove a file by naming it: no row names it, nothing that was seen
/// stands on it, and no guest may have it open that the catalogue does not know.
/// \returns kNotFound, kConflict or kWrongState with the reason
[[nodiscard]] Result<void> may_remove(const Catalogue& rows, const Seen& seen,
                                      const std::string& path);

}  // namespace neph::check
