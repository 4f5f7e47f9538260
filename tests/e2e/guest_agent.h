#pragma once

#include <filesystem>
#include <string>

/// The agent of a guest, asked past nephd. Its socket takes one client, so nephd must be dead.
namespace neph::e2e {

/// The agent's socket below a state directory with one guest. Throws when there is none.
[[nodiscard]] std::filesystem::path agent_socket_below(const std::filesystem::path& state);
/// "frozen" or "thawed". Throws when the agent does not answer.
[[nodiscard]] std::string freeze_status(const std::filesystem::path& socket);

}  // namespace neph::e2e
