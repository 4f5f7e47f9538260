#pragma once

#include <string_view>

namespace neph::db {

/// How the error begins that every piece of work gets while the state directory is full.
inline constexpr std::string_view kFullWords = "The disk of the state directory";

}  // namespace neph::db
