#pragma once

#include <filesystem>
#include <string>

#include "base/clock.h"
#include "daemon/config.h"
#include "datastore/image_service.h"
#include "db/database.h"

/// The first start on a state directory: who may log in, and what there is from the beginning.
namespace neph::daemon {

enum class StoreAge { kNew, kKnown };

struct Bootstrapped {
  StoreAge store = StoreAge::kKnown;
  std::string oneadmin_password;  ///< set if it was made up at this start
};

/// Fills a new store in one transaction: users, groups, rules, cluster, datastores and the embedded
/// host; one that is known is left alone. Not thread safe; before the store lane runs.
///
/// Passwords are random and reach <state>/one_auth ("oneadmin:<password>", 0600) and
/// <state>/.one/sunstone_auth ("serveradmin:<password>") before the transaction commits, and are
/// taken from there if these files are there. So a power cut leaves either no store yet, or a store
/// with the password that stands in the file; and an operator may bring a password along.
/// \returns kInvalid for a file that holds no credentials, kUnavailable if one cannot be written
[[nodiscard]] Result<Bootstrapped> ensure_bootstrapped(db::Database& database, Instant now,
                                                       const Config& config,
                                                       const datastore::ImageService& images);

[[nodiscard]] std::filesystem::path one_auth_path(const Config& config);
[[nodiscard]] std::filesystem::path server_auth_path(const Config& config);

}  // namespace neph::daemon
