#include "site/hook.h"

#include "api/internal/owned_methods.h"
#include "compute/host.h"
#include "compute/states.h"
#include "datastore/image.h"
#include "view/hook_log.h"

namespace neph::api {
namespace {

using access::Op;

struct AllocateHook {
  std::string content;
};
struct DeleteHook {
  HookId hook;
};
struct RetryExecution {
  HookId hook;
  std::int64_t execution = -1;
};
struct ShowLog {
  std::int64_t from = -1;
  std::int64_t to = -1;
  std::int64_t hook = -1;
  std::int64_t code = 0;
};

/// Larger than any number of a state.
constexpr int kStatesMax = 100;

template <class State>
std::optional<int> number_of(std::string_view name) {
  for (int number = 0; number < kStatesMax; ++number)
    if (name_of(static_cast<State>(number)) == name) return number;
  return std::nullopt;
}

site::StateNumbers state_numbers() {
  return {[](std::string_view resource, std::string_view name) -> std::optional<int> {
            if (resource == "VM") return number_of<compute::VmState>(name);
            if (resource == "HOST") return number_of<compute::HostState>(name);
            return number_of<datastore::ImageState>(name);
          },
          &number_of<compute::LcmState>};
}

constexpr auto may_manage_hook = [](Call& call, const auto& ask) {
  return need(call, Op::kManage, ObjectKind::kHook, ask.hook);
};

Result<HookId> allocate_hook(Call& call, const AllocateHook& ask) {
  return site::create_hook(call.txn(), call.services().hooks, state_numbers(),
                           TRY(text::Template::parse(ask.content)));
}

Result<HookId> delete_hook(Call& call, const DeleteHook& ask) {
  site::delete_hook(call.txn(), ask.hook);
  return ask.hook;
}

Result<HookId> retry_execution(Call& call, const RetryExecution& ask) {
  CHECK_OK(site::retry_execution(call.txn(), ask.hook, ask.execution));
  return ask.hook;
}

Result<EscapedText> show_log(Call& call, const ShowLog& ask) {
  return as_document(view::hook_log_document(
      site::list_executions(call.txn(), {ask.from, ask.to, ask.hook, ask.code})));
}

Result<EscapedText> list_hooks(Call& call, const ListWindow& ask) {
  view::ListAsk which;
  which.filter = ask.filter;
  which.start = ask.start;
  which.end = ask.end;
  return list(call, ObjectKind::kHook, "HOOK_POOL", which);
}

OwnedKind owned_hooks() {
  OwnedKind kind{"hook", "HOOK", ObjectKind::kHook};
  kind.rename = [](Call& call, std::int64_t id, const std::string& name) {
    return site::rename_hook(call.txn(), HookId{id}, name);
  };
  kind.update = [](Call& call, std::int64_t id, const text::Template& change, bool is_append) {
    return site::update_hook(call.txn(), call.services().hooks, state_numbers(), HookId{id},
                             change, is_append);
  };
  return kind;
}

}  // namespace

void add_hook_methods(Registry<Call>& registry) {
  registry.add({
      method("one.hook.allocate", &allocate_hook)
          .writes()
          .args("template")
          .needs("CREATE HOOK, which only administrators have", may_create<access::Resource::kHook>)
          .doc("Makes a hook: NAME, TYPE state with RESOURCE (VM, IMAGE, HOST), STATE and"
               " LCM_STATE, or TYPE api with CALL; COMMAND in HOOK_LOCATION, ARGUMENTS with"
               " $TEMPLATE or $API, ARGUMENTS_STDIN, TIMEOUT.")
          .answers("id of the new hook"),
      method("one.hook.delete", &delete_hook)
          .writes()
          .args("hook")
          .needs("MANAGE HOOK", may_manage_hook)
          .doc("Deletes a hook with its log.")
          .answers("id of the hook"),
      method("one.hook.retry", &retry_execution)
          .writes()
          .args("hook", "execution")
          .needs("MANAGE HOOK", may_manage_hook)
          .doc("Runs an execution of a hook again, with the arguments it had; the log gets another"
               " record.")
          .answers("id of the hook"),
      method("one.hooklog.info", &show_log)
          .writes()
          .args("from", "to", "hook", "code")
          .needs("group 0", only_admins)
          .doc("Shows executions of hooks, the last thousand, between two times; -1 is no bound,"
               " and any hook. Code -1 shows the failed ones, 1 the successful ones, 0 both.")
          .answers("HOOKLOG document"),
      method("one.hookpool.info", &list_hooks)
          .reads()
          .args("filter", "start", "end")
          .required(0)
          .for_anyone()
          .doc("Lists the hooks the caller may use. Filter, start and end as of"
               " one.templatepool.info; hooks are user 0's.")
          .answers("HOOK_POOL document"),
  });
  add_owned_methods(registry, owned_hooks());
  add_lock_methods(registry, {"hook", "HOOK", ObjectKind::kHook});
  add_info_method(registry, {"hook", "HOOK", ObjectKind::kHook, "HOOK"});
}

}  // namespace neph::api
