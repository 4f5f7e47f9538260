#include "access/directory.h"

#include "access/locks.h"

#include <algorithm>
#include <charconv>

namespace neph::access {
namespace {

constexpr std::size_t kNameBytesMax = 128;
constexpr std::string_view kForbiddenInNames = "&|:\\;\"<>/";

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

}  // namespace

std::optional<int> parse_umask(std::string_view octal) {
  int mask = 0;
  const auto [end, problem] =
      std::from_chars(octal.data(), octal.data() + octal.size(), mask, 8);
  const bool is_whole = problem == std::errc{} && end == octal.data() + octal.size();
  if (!is_whole || mask < 0 || mask > 0777) return std::nullopt;
  return mask;
}

Actor actor_of(const User& user, GroupId effective_group, int default_umask) {
  Actor actor;
  actor.user = user.id;
  actor.name = user.name;
  const bool is_limited = effective_group.is_set();
  actor.group = is_limited ? effective_group : user.group;
  if (actor.group == user.group) actor.group_name = user.group_name;
  actor.groups = is_limited ? std::vector{effective_group} : user.groups;
  actor.umask = parse_umask(user.attributes.get("UMASK")).value_or(default_umask);
  return actor;
}

Result<void> authorize(db::Txn& txn, const Actor& actor, Op op, const Subject& subject) {
  CHECK_OK(check_lock(txn, op, subject));
  return authorize_despite_lock(txn, actor, op, subject);
}

Result<void> authorize_despite_lock(db::Txn& txn, const Actor& actor, Op op,
                                    const Subject& subject) {
  if (actor.is_admin()) return {};
  return authorize(actor, op, subject, list_acls(txn));
}

Result<void> check_name(std::string_view what, std::string_view name) {
  if (name.empty()) return fail(Errc::kInvalid, "Invalid NAME of the {}, it cannot be empty", what);
  if (name.size() > kNameBytesMax)
    return fail(Errc::kInvalid, "Invalid NAME of the {}, it has {} bytes and {} are allowed", what,
                name.size(), kNameBytesMax);
  if (std::ranges::any_of(name, &is_control))
    return fail(Errc::kInvalid, "Invalid NAME of the {}, it has a control character", what);
  const auto culprit = name.find_first_of(kForbiddenInNames);
  if (culprit != std::string_view::npos)
    return fail(Errc::kInvalid, "Invalid NAME of the {}, '{}' is not a valid character", what,
                name[culprit]);
  return {};
}

}  // namespace neph::access
