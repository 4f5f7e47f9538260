#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "access/permissions.h"
#include "base/clock.h"
#include "db/database.h"
#include "events/outbox.h"
#include "jobs/job.h"
#include "text/template.h"

/// Hooks: programs that the controller runs when something has happened. What happened stands in
/// the outbox (room events); here it becomes executions, each a row with a durable job. Store
/// lane; rights are the caller's business. Facts: OpenNebula 7.4 (xml.md 10).
namespace neph::site {

enum class HookType { kState, kApi };

struct Hook {
  HookId id;
  std::string name;
  HookType type = HookType::kState;
  std::string subject;   ///< VM, IMAGE or HOST; of an API hook the method
  int state = -1;        ///< number of the wire; -1 any
  int lcm_state = -1;
  text::Template attributes;  ///< COMMAND, ARGUMENTS, TIMEOUT ...
};

struct HookExecution {
  HookId hook;
  std::int64_t id = -1;      ///< within the hook
  Instant started;
  bool is_over = false;
  bool is_retry = false;
  std::string arguments;     ///< separated by blanks, or what stands on standard input
  std::string command;       ///< as it was run
  std::string output;        ///< the first bytes
  std::string errors;
  int code = 0;
};

struct HookSettings {
  std::filesystem::path directory;   ///< programs of hooks lie in it (HOOK_LOCATION)
  int running_max = 4;               ///< hooks that run at a time (HOOK_THREADS)
  Duration time_max{60'000};         ///< of a hook that names no TIMEOUT
  int log_length = 20;               ///< executions kept of each hook (HOOK_LOG_RETENTION)
};

[[nodiscard]] Result<Hook> find_hook(db::Txn& txn, HookId id);
[[nodiscard]] std::vector<HookId> list_hooks(db::Txn& txn);
/// Those that wait for a call of the method.
[[nodiscard]] bool has_hook_for(db::Txn& txn, std::string_view method);
[[nodiscard]] access::Subject subject_of(const Hook& hook);

/// The number of a state by its name, nullopt for one that objects of that kind do not have; rooms
/// above know them.
struct StateNumbers {
  std::function<std::optional<int>(std::string_view resource, std::string_view name)> state;
  std::function<std::optional<int>(std::string_view name)> lcm_state;
};

/// NAME, TYPE state (RESOURCE, STATE, LCM_STATE) or api (CALL), COMMAND, and at will ARGUMENTS with
/// $TEMPLATE or $API in it, ARGUMENTS_STDIN, TIMEOUT in seconds.
/// \returns kInvalid naming the attribute, kConflict (name taken)
[[nodiscard]] Result<HookId> create_hook(db::Txn& txn, const HookSettings& settings,
                                         const StateNumbers& numbers, const text::Template& ask);
/// As create_hook() for what the template is then.
Result<void> update_hook(db::Txn& txn, const HookSettings& settings, const StateNumbers& numbers,
                         HookId id, const text::Template& change, bool is_append);
Result<void> rename_hook(db::Txn& txn, HookId id, const std::string& name);
/// With its log. An execution under way goes on and is forgotten.
void delete_hook(db::Txn& txn, HookId id);

/// The last ones of a hook, the newest first.
[[nodiscard]] std::vector<HookExecution> list_executions(db::Txn& txn, HookId hook);
/// one.hooklog.info: -1 for no bound on time or hook; `code` -1 only failed ones, 1 only successful
/// ones, 0 both. The newest first, a thousand at most.
struct HookLogAsk {
  std::int64_t from = -1;
  std::int64_t to = -1;
  std::int64_t hook = -1;
  std::int64_t code = 0;
};
[[nodiscard]] std::vector<HookExecution> list_executions(db::Txn& txn, const HookLogAsk& ask);
/// Runs an execution again, with the arguments it had. \returns kNotFound
Result<void> retry_execution(db::Txn& txn, HookId hook, std::int64_t execution);

/// The document of an object as clients see it, empty when there is none (any more).
using DocumentOf = std::function<std::string(ObjectKind kind, std::int64_t id)>;
/// Makes an execution, with its job, for every hook that an event concerns.
void deliver(db::Txn& txn, const DocumentOf& document, const events::Event& event);

/// The job that runs an execution: "hook.run". The clock outlives it.
[[nodiscard]] jobs::KindSpec hook_job(const HookSettings& settings, Clock& clock);

}  // namespace neph::site
