#include "db/counters.h"
#include "db/list_ids.h"
#include "db/stored_template.h"
#include "site/internal/hook_rows.h"

namespace neph::site {
namespace {

constexpr std::string_view kExecutionColumns =
    "SELECT hook_id, execution_id, started_at, is_over, is_retry, arguments, command, output,"
    " errors, code FROM hook_executions ";
constexpr int kLogMax = 1000;

std::string_view text_of(HookType type) { return type == HookType::kApi ? "api" : "state"; }

HookExecution execution_of(const db::Cursor& row) {
  return {row.get<HookId>(0), row.integer(1),
          Instant{row.integer(2) * 1000},
          row.get<bool>(3),   row.get<bool>(4),
          row.text(5),        row.text(6),
          row.text(7),        row.text(8),
          row.get<int>(9)};
}

std::vector<HookExecution> executions_of(db::Cursor rows) {
  std::vector<HookExecution> executions;
  while (rows.next()) executions.push_back(execution_of(rows));
  return executions;
}

}  // namespace

Result<Hook> find_hook(db::Txn& txn, HookId id) {
  auto rows = txn.query(
      "SELECT id, name, type, subject, state, lcm_state, template FROM hooks WHERE id = ?", id);
  if (!rows.next()) return fail(Errc::kNotFound, "Error getting hook [{}].", id);
  const auto type = rows.text(2) == "api" ? HookType::kApi : HookType::kState;
  return Hook{rows.get<HookId>(0), rows.text(1),     type,
              rows.text(3),        rows.get<int>(4), rows.get<int>(5),
              db::stored_template(rows.text(6))};
}

std::vector<HookId> list_hooks(db::Txn& txn) {
  return db::list_ids<HookId>(txn, "SELECT id FROM hooks ORDER BY id");
}

std::vector<HookId> list_hooks_for(db::Txn& txn, const events::Event& event) {
  return db::list_ids<HookId>(
      txn,
      "SELECT id FROM hooks WHERE subject = ? AND state IN (-1, ?)"
      " AND lcm_state IN (-1, ?) ORDER BY id",
      event.subject, event.state, event.lcm_state);
}

bool has_hook_for(db::Txn& txn, std::string_view method) {
  return txn.value<int>("SELECT 1 FROM hooks WHERE subject = ?", method).has_value();
}

std::optional<HookId> find_hook_by_name(db::Txn& txn, std::string_view name) {
  return txn.value<HookId>("SELECT id FROM hooks WHERE name = ?", name);
}

HookId insert_hook(db::Txn& txn, const Hook& hook) {
  const auto id = db::take_id<HookId>(txn, "hook");
  txn.exec(
      "INSERT INTO hooks(id, name, type, subject, state, lcm_state, template)"
      " VALUES (?,?,?,?,?,?,?)",
      id, hook.name, text_of(hook.type), hook.subject, hook.state, hook.lcm_state,
      hook.attributes.to_text());
  txn.touch(ObjectKind::kHook, id);
  return id;
}

void save_hook(db::Txn& txn, const Hook& hook) {
  txn.exec(
      "UPDATE hooks SET name=?, type=?, subject=?, state=?, lcm_state=?, template=? WHERE id=?",
      hook.name, text_of(hook.type), hook.subject, hook.state, hook.lcm_state,
      hook.attributes.to_text(), hook.id);
  txn.touch(ObjectKind::kHook, hook.id);
}

void delete_hook(db::Txn& txn, HookId id) {
  txn.exec("DELETE FROM hooks WHERE id = ?", id);
  txn.touch(ObjectKind::kHook, id);
}

std::int64_t insert_execution(db::Txn& txn, const HookExecution& execution) {
  const auto id = txn.value<std::int64_t>(
      "UPDATE hooks SET next_execution = next_execution + 1 WHERE id = ?"
      " RETURNING next_execution - 1",
      execution.hook);
  NEPH_ASSERT(id.has_value());
  txn.exec(
      "INSERT INTO hook_executions(hook_id, execution_id, started_at, is_retry, arguments)"
      " VALUES (?,?,?,?,?)",
      execution.hook, *id, execution.started.seconds(), execution.is_retry, execution.arguments);
  txn.touch(ObjectKind::kHook, execution.hook);
  return *id;
}

Result<HookExecution> find_execution(db::Txn& txn, HookId hook, std::int64_t id) {
  auto rows = txn.query(std::string(kExecutionColumns) + "WHERE hook_id = ? AND execution_id = ?",
                        hook, id);
  if (!rows.next())
    return fail(Errc::kNotFound, "Error getting execution {} of hook [{}].", id, hook);
  return execution_of(rows);
}

void save_execution(db::Txn& txn, const HookExecution& execution) {
  txn.exec(
      "UPDATE hook_executions SET started_at=?, is_over=?, command=?, output=?, errors=?, code=?"
      " WHERE hook_id=? AND execution_id=?",
      execution.started.seconds(), execution.is_over, execution.command, execution.output,
      execution.errors, execution.code, execution.hook, execution.id);
  txn.touch(ObjectKind::kHook, execution.hook);
}

void prune_executions(db::Txn& txn, HookId hook, int kept) {
  txn.exec(
      "DELETE FROM hook_executions WHERE hook_id = ?1 AND is_over = 1 AND execution_id <="
      " (SELECT MAX(execution_id) FROM hook_executions WHERE hook_id = ?1) - ?2",
      hook, kept);
}

std::vector<HookExecution> list_executions(db::Txn& txn, HookId hook) {
  return executions_of(txn.query(std::string(kExecutionColumns) +
                                     "WHERE hook_id = ? AND is_over = 1"
                                     " ORDER BY execution_id DESC",
                                 hook));
}

std::vector<HookExecution> list_executions(db::Txn& txn, const HookLogAsk& ask) {
  return executions_of(txn.query(
      std::string(kExecutionColumns) +
          "WHERE is_over = 1 AND (?1 < 0 OR started_at >= ?1) AND (?2 < 0 OR started_at <= ?2)"
          " AND (?3 < 0 OR hook_id = ?3) AND (?4 = 0 OR (?4 < 0) = (code <> 0))"
          " ORDER BY started_at DESC, hook_id, execution_id DESC LIMIT ?5",
      ask.from, ask.to, ask.hook, ask.code, kLogMax));
}

}  // namespace neph::site
