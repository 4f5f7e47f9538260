#include <algorithm>
#include <sstream>

#include "events/hook_runner.h"
#include "jobs/queue.h"
#include "site/hook.h"
#include "site/internal/base64.h"
#include "site/internal/hook_rows.h"

namespace neph::site {
namespace {

constexpr const char* kKind = "hook.run";
constexpr const char* kStep = "run";
/// The longest TIMEOUT and a little more: until then a hook that says nothing is none that stalls.
constexpr Duration kStall{660'000};
constexpr Duration kSlotWait{600'000};

std::optional<ObjectKind> kind_of(std::string_view subject) {
  if (subject == "VM") return ObjectKind::kVm;
  if (subject == "IMAGE") return ObjectKind::kImage;
  if (subject == "HOST") return ObjectKind::kHost;
  return std::nullopt;
}

void replace_all(std::string& text, std::string_view word, std::string_view by) {
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + by.size()))
    text.replace(at, word.size(), by);
}

/// ARGUMENTS of a hook with $TEMPLATE and $API filled in.
std::string arguments_of(const Hook& hook, const DocumentOf& document,
                         const events::Event& event) {
  std::string arguments = hook.attributes.get("ARGUMENTS");
  const auto kind = kind_of(event.subject);
  const bool has_template = arguments.find("$TEMPLATE") != std::string::npos;
  if (has_template && kind)
    replace_all(arguments, "$TEMPLATE", base64(document(*kind, event.object)));
  replace_all(arguments, "$API", base64(event.body));
  return arguments;
}

void enqueue_execution(db::Txn& txn, HookId hook, const std::string& arguments, bool is_retry) {
  HookExecution execution;
  execution.hook = hook;
  execution.started = txn.at();
  execution.is_retry = is_retry;
  execution.arguments = arguments;
  const auto id = insert_execution(txn, execution);
  jobs::NewJob job;
  job.kind = kKind;
  job.step = kStep;
  job.owner = UserId{0};
  job.args.set("HOOK", std::to_string(hook.value));
  job.args.set("EXECUTION", std::to_string(id));
  jobs::enqueue(txn, job);
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

Duration time_of(const Hook& hook, const HookSettings& settings) {
  const auto text = hook.attributes.get("TIMEOUT");
  return text.empty() ? settings.time_max : Duration{std::stoll(text) * 1000};
}

std::string slot_name(std::int64_t number) { return fmt::format("hook_slot/{}", number); }

/// So many hooks run at a time; the others wait for one of them. \returns whether it has a slot
bool claim_slot(db::Txn& txn, const jobs::Job& job, int slots) {
  for (int number = 0; number < slots; ++number)
    if (jobs::claim(txn, job, slot_name(number))) return true;
  return false;
}

jobs::Next settle(db::Txn& txn, const HookSettings& settings, HookExecution execution,
                  const Result<events::HookOutcome>& outcome) {
  // The daemon stops: the execution is as if it had not begun.
  if (!outcome && outcome.error().code == Errc::kConflict)
    return jobs::again(Duration{1000}, "interrupted");
  // The hook may have been deleted meanwhile.
  if (!find_execution(txn, execution.hook, execution.id)) return jobs::done();
  execution.is_over = true;
  if (outcome) {
    execution.code = outcome->code;
    execution.output = outcome->output;
    execution.errors = outcome->errors;
  } else {
    execution.code = 255;
    execution.errors = outcome.error().text();
  }
  save_execution(txn, execution);
  prune_executions(txn, execution.hook, settings.log_length);
  return jobs::done(fmt::format("exit code {}", execution.code));
}

Result<jobs::Work> plan(db::Txn& txn, const jobs::Job& job, const HookSettings& settings,
                        Clock& clock) {
  const HookId id{std::stoll(job.args.get("HOOK"))};
  const auto hook = find_hook(txn, id);
  auto execution = find_execution(txn, id, std::stoll(job.args.get("EXECUTION")));
  if (!hook || !execution) return jobs::at_once(jobs::done("the hook was deleted"));
  if (!claim_slot(txn, job, settings.running_max)) {
    const auto slot = slot_name(job.id.value % settings.running_max);
    return jobs::at_once(
        jobs::wait_for(jobs::claim_key(slot), kSlotWait, "other hooks run"));
  }
  execution->started = txn.at();
  execution->command = hook->attributes.get("COMMAND");
  events::HookCommand command;
  if (hook->attributes.is_yes("ARGUMENTS_STDIN")) command.input = execution->arguments;
  else command.arguments = words_of(execution->arguments);
  const events::HookLimits limits{time_of(*hook, settings)};
  return jobs::work<events::HookOutcome>(
      [command, limits, settings, name = execution->command,
       &clock](Progress& progress) mutable -> Result<events::HookOutcome> {
        command.program = TRY(events::program_in(settings.directory, name));
        return events::run_hook(command, limits, clock, progress);
      },
      [settings, execution = *execution](db::Txn& done, const jobs::Job&,
                                         Result<events::HookOutcome> outcome) {
        return settle(done, settings, execution, outcome);
      });
}

}  // namespace

void deliver(db::Txn& txn, const DocumentOf& document, const events::Event& event) {
  constexpr bool kFirstTime = false;
  for (const HookId id : list_hooks_for(txn, event)) {
    const auto hook = find_hook(txn, id);
    if (hook) enqueue_execution(txn, id, arguments_of(*hook, document, event), kFirstTime);
  }
}

Result<void> retry_execution(db::Txn& txn, HookId hook, std::int64_t execution) {
  constexpr bool kRetry = true;
  enqueue_execution(txn, hook, TRY(find_execution(txn, hook, execution)).arguments, kRetry);
  return {};
}

jobs::KindSpec hook_job(const HookSettings& settings, Clock& clock) {
  const auto run = [settings, &clock](db::Txn& txn, const jobs::Job& job) {
    return plan(txn, job, settings, clock);
  };
  return {kKind, {{.name = kStep, .stall = kStall, .plan = run}}};
}

}  // namespace neph::site
