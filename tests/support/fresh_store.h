#pragma once

#include <memory>
#include <vector>

#include "db/database.h"

/// State stores as their migrations make them. These take longer than most tests, so one store is
/// made for the whole program and copied. Not thread safe.
namespace neph {

/// One in memory.
[[nodiscard]] std::unique_ptr<db::Database> fresh_store();
/// The bytes of its file.
[[nodiscard]] std::vector<unsigned char> fresh_store_file();

}  // namespace neph
