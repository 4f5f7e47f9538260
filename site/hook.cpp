#include "site/hook.h"

#include "access/directory.h"
#include "base/numbers.h"
#include "base/words.h"
#include "events/hook_runner.h"
#include "site/internal/hook_rows.h"
#include "site/internal/updated.h"

namespace neph::site {
namespace {

/// A hook that hangs for longer is a service, which it should start instead.
constexpr std::int64_t kTimeoutMax = 600;

Result<void> read_state(const StateNumbers& numbers, Hook& hook) {
  const auto& attributes = hook.attributes;
  hook.subject = upper(attributes.get("RESOURCE"));
  if (hook.subject != "VM" && hook.subject != "IMAGE" && hook.subject != "HOST")
    return fail(Errc::kInvalid, "RESOURCE of a state hook is \"{}\"; VM, IMAGE and HOST are served",
                hook.subject);
  const auto state = upper(attributes.get("STATE"));
  const auto lcm_state = upper(attributes.get("LCM_STATE"));
  if (state.empty()) return fail(Errc::kInvalid, "STATE of a state hook is missing");
  const auto number = numbers.state(hook.subject, state);
  if (!number)
    return fail(Errc::kInvalid, "STATE \"{}\" of the hook is no state of a {}", state,
                hook.subject);
  hook.state = *number;
  if (lcm_state.empty()) return {};
  const auto lcm_number = numbers.lcm_state(lcm_state);
  if (hook.subject != "VM" || !lcm_number)
    return fail(Errc::kInvalid, "LCM_STATE \"{}\" of the hook is no state of a {}", lcm_state,
                hook.subject);
  hook.lcm_state = *lcm_number;
  return {};
}

Result<void> read_call(Hook& hook) {
  hook.subject = hook.attributes.get("CALL");
  if (hook.subject.starts_with("one.") || hook.subject.starts_with("neph.")) return {};
  return fail(Errc::kInvalid, "CALL of an API hook is \"{}\"; it must be a method such as"
              " one.vm.allocate", hook.subject);
}

Result<void> check_timeout(const text::Template& attributes) {
  const auto text = attributes.get("TIMEOUT");
  if (text.empty()) return {};
  const auto seconds = integer_from(text);
  if (seconds && *seconds >= 1 && *seconds <= kTimeoutMax) return {};
  return fail(Errc::kInvalid, "TIMEOUT of the hook is \"{}\"; seconds from 1 to {} are allowed",
              text, kTimeoutMax);
}

/// What the attributes say, checked.
Result<void> read_attributes(const HookSettings& settings, const StateNumbers& numbers,
                             Hook& hook) {
  const auto& attributes = hook.attributes;
  if (attributes.is_yes("REMOTE"))
    return fail(Errc::kInvalid,
                "REMOTE hooks are not served: the controller logs in to no host. Run the command"
                " on the controller, which can call the host by its own means");
  (void)TRY(events::program_in(settings.directory, attributes.get("COMMAND")));
  CHECK_OK(check_timeout(attributes));
  hook.state = hook.lcm_state = -1;
  const auto type = upper(attributes.get("TYPE"));
  if (type == "STATE") {
    hook.type = HookType::kState;
    return read_state(numbers, hook);
  }
  if (type == "API") {
    hook.type = HookType::kApi;
    return read_call(hook);
  }
  return fail(Errc::kInvalid, "TYPE of a hook is \"{}\"; state and api are known",
              attributes.get("TYPE"));
}

Result<void> check_hook_name_free(db::Txn& txn, HookId id, std::string_view name) {
  const auto other = find_hook_by_name(txn, name);
  if (!other || *other == id) return {};
  return fail(Errc::kConflict, "NAME is already taken by HOOK {}.", *other);
}

}  // namespace

access::Subject subject_of(const Hook& hook) {
  return {access::Resource::kHook, hook.id.value,          hook.name, UserId{0},
          GroupId{0},              access::Permissions{0}, {}};
}

Result<HookId> create_hook(db::Txn& txn, const HookSettings& settings,
                           const StateNumbers& numbers, const text::Template& ask) {
  Hook hook;
  hook.name = ask.get("NAME");
  CHECK_OK(access::check_name("hook", hook.name));
  CHECK_OK(check_hook_name_free(txn, {}, hook.name));
  hook.attributes = ask;
  hook.attributes.erase("NAME");
  CHECK_OK(read_attributes(settings, numbers, hook));
  return insert_hook(txn, hook);
}

Result<void> update_hook(db::Txn& txn, const HookSettings& settings, const StateNumbers& numbers,
                         HookId id, const text::Template& change, bool is_append) {
  Hook hook = TRY(find_hook(txn, id));
  const auto type = hook.attributes.get("TYPE");
  hook.attributes = TRY(updated(hook.attributes, change, is_append));
  // What a hook reacts to is its nature: clients that replace the rest leave it out.
  if (!hook.attributes.has("TYPE")) hook.attributes.set("TYPE", type);
  CHECK_OK(read_attributes(settings, numbers, hook));
  save_hook(txn, hook);
  return {};
}

Result<void> rename_hook(db::Txn& txn, HookId id, const std::string& name) {
  Hook hook = TRY(find_hook(txn, id));
  CHECK_OK(access::check_name("hook", name));
  CHECK_OK(check_hook_name_free(txn, id, name));
  hook.name = name;
  save_hook(txn, hook);
  return {};
}

}  // namespace neph::site
