#include <algorithm>
#include <limits>

#include "view/internal/progress.h"
#include "view/view.h"

namespace neph::view {
namespace {

constexpr std::int64_t kMine = -3;
constexpr std::int64_t kMyGroup = -4;
constexpr std::int64_t kMineAndMyGroups = -1;
constexpr std::int64_t kAll = -2;
constexpr std::int64_t kStateAny = -2;
constexpr std::int64_t kStateNotDone = -1;
constexpr std::int64_t kStateMax = 11;
constexpr int kDone = 6;

std::string_view what(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::kUser:
      return "user";
    case ObjectKind::kGroup:
      return "group";
    case ObjectKind::kAcl:
      return "ACL rule";
    case ObjectKind::kCluster:
      return "cluster";
    case ObjectKind::kHost:
      return "host";
    case ObjectKind::kDatastore:
      return "datastore";
    case ObjectKind::kImage:
      return "image";
    case ObjectKind::kTemplate:
      return "virtual machine template";
    case ObjectKind::kVm:
      return "virtual machine";
    case ObjectKind::kSnapshot:
      return "snapshot";
    case ObjectKind::kJob:
      return "job";
    case ObjectKind::kQuota:
      return "quota";
    case ObjectKind::kNetwork:
      return "virtual network";
    case ObjectKind::kSecurityGroup:
      return "security group";
    case ObjectKind::kDocument:
      return "document";
    case ObjectKind::kVdc:
      return "VDC";
    case ObjectKind::kVmGroup:
      return "vm group";
    case ObjectKind::kHook:
      return "hook";
    case ObjectKind::kNetworkTemplate:
      return "virtual network template";
    case ObjectKind::kBackupJob:
      return "backup job";
    case ObjectKind::kZone:
      return "zone";
    case ObjectKind::kShowback:
      return "showback";
  }
  return "object";
}

bool matches_owner(const access::Subject& subject, const access::Actor& actor,
                   std::int64_t filter) {
  switch (filter) {
    case kAll:
      return true;
    case kMine:
      return subject.owner == actor.user;
    case kMyGroup:
      return subject.group == actor.group;
    case kMineAndMyGroups:
      return subject.owner == actor.user || actor.is_in(subject.group);
    default:
      return subject.owner.value == filter;
  }
}

bool matches_state(ObjectKind kind, int state, std::int64_t asked) {
  if (kind != ObjectKind::kVm || asked == kStateAny) return true;
  return asked == kStateNotDone ? state != kDone : state == asked;
}

/// Ids from..to, or a page of the list: start is an offset then.
struct Window {
  std::int64_t from = 0;
  std::int64_t to = std::numeric_limits<std::int64_t>::max();
  std::int64_t skip = 0;
  std::int64_t count_max = std::numeric_limits<std::int64_t>::max();
};

Window window_of(const ListAsk& ask) {
  Window window;
  if (ask.start < 0) return window;
  if (ask.end < -1) {
    window.skip = ask.start;
    // The smallest number there is has no positive counterpart.
    window.count_max = -std::max(ask.end, -window.count_max);
    return window;
  }
  window.from = ask.start;
  if (ask.end >= 0) window.to = ask.end;
  return window;
}

/// By the user field of the rule, then by id, as OpenNebula lists them.
void sort_rules(const View& view, std::vector<EntryPtr>& entries) {
  std::map<std::int64_t, std::int64_t> user_of;
  for (const auto& rule : view.acls) user_of[rule.id.value] = rule.user;
  std::ranges::sort(entries, {}, [&](const EntryPtr& entry) {
    return std::pair{user_of[entry->id], entry->id};
  });
}

Result<void> check(ObjectKind kind, const ListAsk& ask) {
  if (ask.filter < kMyGroup) return fail(Errc::kInvalid, "Incorrect filter_flag");
  const bool is_state = ask.vm_state >= kStateAny && ask.vm_state <= kStateMax;
  if (kind == ObjectKind::kVm && !is_state)
    return fail(Errc::kInvalid, "Incorrect filter_flag, state");
  return {};
}

bool may(const View& view, access::Op op, const access::Actor& actor,
         const access::Subject& subject) {
  return access::authorize(actor, op, subject, view.acls).has_value();
}

bool may_manage(const View& view, ObjectKind kind, const access::Actor& actor, std::int64_t id) {
  const auto found = view.pool(kind).find(id);
  return found != nullptr && may(view, access::Op::kManage, actor, found->subject);
}

bool may_see(const View& view, ObjectKind kind, const access::Actor& actor, const Entry& entry) {
  if (kind == ObjectKind::kJob) return may_see_job(view, actor, entry);
  return may(view, access::Op::kUse, actor, entry.subject);
}

}  // namespace

/// The entry's subject is the job's owner with the number of its VM.
bool may_see_job(const View& view, const access::Actor& actor, const Entry& job) {
  if (actor.is_admin() || job.subject.owner == actor.user) return true;
  return may_manage(view, ObjectKind::kVm, actor, job.subject.id) ||
         may_manage(view, ObjectKind::kImage, actor, job.image.value);
}

std::string visible_document(const View& view, const Entry& entry, const access::Actor& actor) {
  if (actor.is_admin() || entry.guarded.empty()) return entry.full;
  std::string document;
  std::size_t from = 0;
  for (const auto& [part, kind, id] : entry.guarded) {
    const auto other = view.pool(kind).find(id);
    if (other != nullptr && may(view, access::Op::kUse, actor, other->subject)) continue;
    document.append(entry.full, from, part.at - from);
    from = part.at + part.size;
  }
  return document.append(entry.full, from);
}

const Pool& View::pool(ObjectKind kind) const {
  static const Pool kEmpty;
  const auto found = pools.find(kind);
  return found == pools.end() ? kEmpty : found->second;
}

Result<EntryPtr> View::find(ObjectKind kind, std::int64_t id) const {
  auto entry = pool(kind).find(id);
  if (entry == nullptr) return fail(Errc::kNotFound, "Error getting {} [{}].", what(kind), id);
  return entry;
}

Result<std::vector<EntryPtr>> select(const View& view, ObjectKind kind, const access::Actor& actor,
                                     const ListAsk& ask) {
  CHECK_OK(check(kind, ask));
  Window window = window_of(ask);
  std::vector<EntryPtr> chosen;
  view.pool(kind).visit_descending([&](const EntryPtr& entry) {
    if (entry->id < window.from) return false;
    if (entry->id > window.to) return true;
    if (!matches_state(kind, entry->state, ask.vm_state)) return true;
    if (ask.type && entry->type != *ask.type) return true;
    if (!matches_owner(entry->subject, actor, ask.filter)) return true;
    if (!may_see(view, kind, actor, *entry)) return true;
    if (!ask.query.matches(entry->full)) return true;
    if (window.skip-- > 0) return true;
    chosen.push_back(view.board == nullptr ? entry : entry_with_progress(entry, *view.board));
    return std::ssize(chosen) < window.count_max;
  });
  if (kind == ObjectKind::kAcl) sort_rules(view, chosen);
  return chosen;
}

}  // namespace neph::view
