#include "api/internal/owned_methods.h"

namespace neph::api {
namespace {

using access::Op;

struct LockObject {
  std::int64_t id = -1;
  std::int64_t level = 0;
  bool is_test = false;
};
struct UnlockObject {
  std::int64_t id = -1;
};
struct RenameObject {
  std::int64_t id = -1;
  std::string name;
};
struct UpdateObject {
  std::int64_t id = -1;
  std::string content;
  std::int64_t update_type = 0;
};
struct ChmodObject {
  std::int64_t id = -1;
  std::int64_t owner_use, owner_manage, owner_admin;
  std::int64_t group_use, group_manage, group_admin;
  std::int64_t other_use, other_manage, other_admin;
};
struct ChownObject {
  std::int64_t id = -1;
  UserId user;
  GroupId group;
};
struct ShowObject {
  std::int64_t id = -1;
  bool decrypt = false;
};

template <class Ask, class Handler>
MethodBuilder<Call, Ask, std::int64_t> row_of(const std::string& object, std::string_view verb,
                                              Handler handler) {
  return MethodBuilder<Call, Ask, std::int64_t>{fmt::format("one.{}.{}", object, verb),
                                                std::move(handler)};
}

std::string right_of(Op op, std::string_view type) {
  return fmt::format("{} {}", access::name_of(op), type);
}

Result<access::Lockable> lockable(Call& call, ObjectKind kind, std::int64_t id) {
  const auto subject = TRY(subject_of(call, kind, id));
  return access::Lockable{subject.kind, kind, id};
}

void add_rename(Registry<Call>& registry, const OwnedKind& what) {
  const auto needs = [what](Call& call, const RenameObject& ask) {
    return need(call, what.right, what.kind, ask.id);
  };
  const auto run = [what](Call& call, const RenameObject& ask) -> Result<std::int64_t> {
    CHECK_OK(what.rename(call, ask.id, ask.name));
    return ask.id;
  };
  registry.add(row_of<RenameObject>(what.object, "rename", run)
                   .writes()
                   .args(what.object, "name")
                   .needs(right_of(what.right, what.type), needs)
                   .doc("Gives it another name.")
                   .answers("the same id"));
}

void add_update(Registry<Call>& registry, const OwnedKind& what) {
  const auto needs = [what](Call& call, const UpdateObject& ask) {
    return need(call, what.right, what.kind, ask.id);
  };
  const auto run = [what](Call& call, const UpdateObject& ask) -> Result<std::int64_t> {
    const bool appends = TRY(is_append(ask.update_type));
    CHECK_OK(what.update(call, ask.id, TRY(text::Template::parse(ask.content)), appends));
    return ask.id;
  };
  registry.add(row_of<UpdateObject>(what.object, "update", run)
                   .writes()
                   .args(what.object, "template", "update_type")
                   .required(2)
                   .needs(right_of(what.right, what.type), needs)
                   .doc("Changes its template: update type 0 replaces it, 1 merges.")
                   .answers("the same id"));
}

void add_chmod(Registry<Call>& registry, const OwnedKind& what) {
  const auto needs = [what](Call& call, const ChmodObject& ask) -> Result<void> {
    const auto subject = TRY(subject_of(call, what.kind, ask.id));
    return need(call, access::right_needed(subject.permissions, change_of(ask)), what.kind,
                ask.id);
  };
  const auto run = [what](Call& call, const ChmodObject& ask) -> Result<std::int64_t> {
    const auto subject = TRY(subject_of(call, what.kind, ask.id));
    CHECK_OK(what.chmod(call, ask.id, TRY(access::apply(subject.permissions, change_of(ask)))));
    return ask.id;
  };
  registry.add(row_of<ChmodObject>(what.object, "chmod", run)
                   .writes()
                   .args(what.object, "owner_u", "owner_m", "owner_a", "group_u", "group_m",
                         "group_a", "other_u", "other_m", "other_a")
                   .needs(fmt::format("MANAGE {0}, for the bits *_a ADMIN {0}", what.type), needs)
                   .doc("Changes permissions; each bit is -1 keep, 0 clear, 1 set.")
                   .answers("the same id"));
}

void add_chown(Registry<Call>& registry, const OwnedKind& what) {
  const auto needs = [what](Call& call, const ChownObject& ask) {
    return need_chown(call, what.kind, ask.id, ask.user, ask.group);
  };
  const auto run = [what](Call& call, const ChownObject& ask) -> Result<std::int64_t> {
    CHECK_OK(what.chown(call, ask.id, ask.user, ask.group));
    return ask.id;
  };
  registry.add(
      row_of<ChownObject>(what.object, "chown", run)
          .writes()
          .args(what.object, "user", "group")
          .needs(fmt::format("MANAGE {}, MANAGE of another USER, USE of another GROUP", what.type),
                 needs)
          .doc("Gives it to another user, another group, or both; -1 keeps.")
          .answers("the same id"));
}

}  // namespace

void add_lock_methods(Registry<Call>& registry, const LockedKind& what) {
  const std::string right = right_of(Op::kManage, what.type);
  const auto needs = [what](Call& call, const auto& ask) {
    return need_despite_lock(call, Op::kManage, what.kind, ask.id);
  };
  const auto lock = [what](Call& call, const LockObject& ask) -> Result<std::int64_t> {
    const auto test = ask.is_test ? access::LockTest::kYes : access::LockTest::kNo;
    CHECK_OK(access::lock(call.txn(), call.actor(), TRY(lockable(call, what.kind, ask.id)),
                          ask.level, test));
    return ask.id;
  };
  const auto unlock = [what](Call& call, const UnlockObject& ask) -> Result<std::int64_t> {
    CHECK_OK(
        access::unlock(call.txn(), call.actor(), TRY(lockable(call, what.kind, ask.id))));
    return ask.id;
  };
  constexpr int kActionCode = 2048;
  registry.add({row_of<LockObject>(what.object, "lock", lock)
                    .writes()
                    .args(what.object, "level", "test")
                    .required(2)
                    .needs(right, needs)
                    .legacy_code(Errc::kInvalid, kActionCode)
                    .doc("Locks it against all operations from a right on: level 1 USE, 2 MANAGE,"
                         " 3 ADMIN, 4 all; administrators are stopped, too. With test, one that is"
                         " locked already answers the time at which that was, as an error.")
                    .answers("the same id"),
                row_of<UnlockObject>(what.object, "unlock", unlock)
                    .writes()
                    .args(what.object)
                    .needs(right, needs)
                    .doc("Takes the lock off: the caller's own, an administrator any.")
                    .answers("the same id")});
}

void add_owned_methods(Registry<Call>& registry, const OwnedKind& what) {
  if (what.rename != nullptr) add_rename(registry, what);
  if (what.update != nullptr) add_update(registry, what);
  if (what.chmod != nullptr) add_chmod(registry, what);
  if (what.chown != nullptr) add_chown(registry, what);
}

void add_info_method(Registry<Call>& registry, const ShownKind& what) {
  const auto needs = [what](Call& call, const ShowObject& ask) {
    return need(call, Op::kUse, what.kind, ask.id);
  };
  const auto run = [what](Call& call, const ShowObject& ask) {
    return show(call, what.kind, ask.id);
  };
  registry.add(MethodBuilder<Call, ShowObject, EscapedText>{
      fmt::format("one.{}.info", what.object), run}
                   .reads()
                   .args(what.object, "decrypt")
                   .required(1)
                   .needs(right_of(Op::kUse, what.type), needs)
                   .doc("Shows it. Nothing is stored encrypted, so decrypt changes nothing.")
                   .answers(fmt::format("{} document", what.document)));
}

}  // namespace neph::api
