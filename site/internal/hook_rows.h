#pragma once

#include <optional>
#include <string_view>

#include "site/hook.h"

/// Rows behind site/hook.h. What changes a hook or its log touches the hook.
namespace neph::site {

[[nodiscard]] std::optional<HookId> find_hook_by_name(db::Txn& txn, std::string_view name);
/// Takes the next id.
HookId insert_hook(db::Txn& txn, const Hook& hook);
void save_hook(db::Txn& txn, const Hook& hook);
/// Those that an event concerns.
[[nodiscard]] std::vector<HookId> list_hooks_for(db::Txn& txn, const events::Event& event);

/// Takes the hook's next number.
std::int64_t insert_execution(db::Txn& txn, const HookExecution& execution);
[[nodiscard]] Result<HookExecution> find_execution(db::Txn& txn, HookId hook, std::int64_t id);
void save_execution(db::Txn& txn, const HookExecution& execution);
/// Forgets all that are over but the last ones.
void prune_executions(db::Txn& txn, HookId hook, int kept);

}  // namespace neph::site
