#include <algorithm>

#include "base/log.h"
#include "jobs/job.h"
#include "view/internal/entries.h"
#include "view/internal/monitoring.h"
#include "view/internal/progress.h"
#include "view/view.h"

namespace neph::view {
namespace {

constexpr ObjectKind kShown[] = {
    ObjectKind::kUser, ObjectKind::kGroup,     ObjectKind::kAcl,   ObjectKind::kCluster,
    ObjectKind::kHost, ObjectKind::kDatastore, ObjectKind::kImage, ObjectKind::kTemplate,
    ObjectKind::kVm,   ObjectKind::kSnapshot,  ObjectKind::kJob,   ObjectKind::kNetwork,
    ObjectKind::kSecurityGroup, ObjectKind::kDocument, ObjectKind::kVdc, ObjectKind::kHook,
    ObjectKind::kVmGroup, ObjectKind::kNetworkTemplate, ObjectKind::kBackupJob};

/// What authenticators and methods read of a user. Quotas change with every VM, these hardly ever.
bool is_same(const access::User& a, const access::User& b) {
  const auto is_same_token = [](const access::LoginToken& x, const access::LoginToken& y) {
    return x.token == y.token && x.expires == y.expires && x.effective_group == y.effective_group;
  };
  return a.name == b.name && a.password_hash == b.password_hash && a.auth_driver == b.auth_driver &&
         a.is_enabled == b.is_enabled && a.group == b.group && a.group_name == b.group_name &&
         a.groups == b.groups && a.attributes == b.attributes &&
         std::ranges::equal(a.tokens, b.tokens, is_same_token);
}

/// The users as they are after the touched ones were read again; nullopt when nothing differs.
std::optional<std::map<UserId, access::User>> changed_users(db::Txn& txn, const View& view,
                                                            const std::set<UserId>& touched) {
  std::optional<std::map<UserId, access::User>> users;
  const auto change = [&]() -> auto& {
    if (!users) users = view.users.get();
    return *users;
  };
  for (const auto id : touched) {
    const auto known = view.users.find(id);
    auto user = access::find_user(txn, id);
    if (!user) {
      if (known != view.users.end()) change().erase(id);
    } else if (known == view.users.end() || !is_same(known->second, *user)) {
      change().insert_or_assign(id, std::move(*user));
    }
  }
  return users;
}

void put_users(View& view, std::map<UserId, access::User> users) {
  std::map<std::string, access::User, std::less<>> by_name;
  for (const auto& [id, user] : users) by_name.emplace(user.name, user);
  view.users = SharedMap(std::move(users));
  view.users_by_name = SharedMap(std::move(by_name));
}

/// Members of a group that is no longer called as they say.
void add_renamed(db::Txn& txn, const View& view, GroupId id, std::set<UserId>& touched) {
  const auto group = access::find_group(txn, id);
  if (!group) return;
  for (const auto member : group->users) {
    const auto user = view.users.find(member);
    if (user != view.users.end() && user->second.group == id &&
        user->second.group_name != group->name)
      touched.insert(member);
  }
}

void publish_users(db::Txn& txn, View& view, const db::ChangeSet& changes) {
  std::set<UserId> touched;
  for (const auto& [kind, id] : changes.all()) {
    if (kind == ObjectKind::kUser) touched.insert(UserId{id});
    if (kind == ObjectKind::kGroup) add_renamed(txn, view, GroupId{id}, touched);
  }
  if (touched.empty()) return;
  if (auto users = changed_users(txn, view, touched)) put_users(view, std::move(*users));
}

/// \returns the entry; nullptr when the object is gone, or cannot be read: then the log tells
EntryPtr publish_one(db::Txn& txn, View& view, ObjectKind kind, std::int64_t id) {
  auto entry = read_entry(txn, kind, id);
  Pool& pool = view.pools[kind];
  if (entry) {
    pool.put(*entry);
    return *entry;
  }
  if (entry.error().code == Errc::kNotFound) {
    pool.erase(id);
  } else {
    log::error("view.unreadable",
               {{"kind", static_cast<int>(kind)}, {"id", id}, {"reason", entry.error().text()}});
  }
  return nullptr;
}

void publish_default_quotas(db::Txn& txn, View& view) {
  using access::QuotaOwner;
  const auto document = [&](QuotaOwner kind) {
    return default_quotas_document(kind, access::list_default_quotas(txn, kind));
  };
  view.default_user_quotas = document(QuotaOwner::kUser);
  view.default_group_quotas = document(QuotaOwner::kGroup);
}

void publish_zone(db::Txn& txn, View& view) { view.zone = site::find_zone(txn); }

void publish_showback(db::Txn& txn, View& view) {
  view.showback =
      std::make_shared<const std::vector<compute::MonthlyCost>>(compute::list_showback(txn));
}

/// Whether its objects stand in a pool.
bool is_in_a_pool(ObjectKind kind) {
  return kind != ObjectKind::kQuota && kind != ObjectKind::kZone && kind != ObjectKind::kShowback;
}

/// Keeps the last jobs that are over. Trimming in lots, so that not every job costs a walk.
void forget_old_jobs(View& view) {
  Pool& jobs = view.pools[ObjectKind::kJob];
  constexpr std::size_t kMax = kJobsShown;
  if (jobs.size() < kMax + kMax / 2) return;
  std::vector<std::int64_t> old;
  const std::size_t surplus = jobs.size() - kMax;
  jobs.visit_ascending([&](const EntryPtr& entry) {
    if (jobs::is_over(static_cast<jobs::JobState>(entry->state))) old.push_back(entry->id);
    return old.size() < surplus;
  });
  for (const auto id : old) jobs.erase(id);
}

}  // namespace

Publisher::Publisher(db::Store& store, const jobs::ProgressBoard& board,
                     const monitoring::Board* samples)
    : board_(board), samples_(samples) {
  auto empty = std::make_shared<View>();
  empty->board = &board_;
  empty->samples = samples_;
  current_ = std::move(empty);
  store.observe([this](db::Txn& txn, const db::ChangeSet& changes) { publish(txn, changes); });
}

void Publisher::load(db::Txn& txn) {
  auto next = std::make_shared<View>();
  next->board = &board_;
  next->samples = samples_;
  next->acls = access::list_acls(txn);
  publish_default_quotas(txn, *next);
  publish_zone(txn, *next);
  publish_showback(txn, *next);
  std::set<UserId> users;
  for (const auto id : access::list_users(txn)) users.insert(id);
  if (auto read = changed_users(txn, *next, users)) put_users(*next, std::move(*read));
  for (const auto kind : kShown) {
    for (const auto id : list_ids(txn, kind)) publish_one(txn, *next, kind, id);
  }
  swap_in(std::move(next));
}

std::shared_ptr<const View> Publisher::current() const {
  const std::scoped_lock lock(mutex_);
  return current_;
}

std::string Publisher::with_progress(const Entry& entry) const {
  std::string text = view::with_progress(entry, board_);
  if (const auto now = monitoring_of(entry, Form::kFull, samples_))
    text.replace(entry.monitoring.at, entry.monitoring.size, *now);
  return text;
}

void Publisher::publish(db::Txn& txn, const db::ChangeSet& changes) {
  auto next = std::make_shared<View>(*current());
  publish_users(txn, *next, changes);
  if (changes.has(ObjectKind::kAcl)) next->acls = access::list_acls(txn);
  if (changes.has(ObjectKind::kQuota)) publish_default_quotas(txn, *next);
  if (changes.has(ObjectKind::kZone)) publish_zone(txn, *next);
  if (changes.has(ObjectKind::kShowback)) publish_showback(txn, *next);
  db::ChangeSet related;
  for (const auto& [kind, id] : changes.all()) {
    if (!is_in_a_pool(kind)) continue;
    const auto entry = publish_one(txn, *next, kind, id);
    if (kind == ObjectKind::kVm && entry != nullptr) related.add(related_to(txn, *entry));
  }
  for (const auto& [kind, id] : related.all()) publish_one(txn, *next, kind, id);
  if (changes.has(ObjectKind::kJob)) forget_old_jobs(*next);
  swap_in(std::move(next));
}

void Publisher::swap_in(std::shared_ptr<const View> next) {
  // The old picture may be the last of many entries: it ends after the lock is free.
  const std::scoped_lock lock(mutex_);
  current_.swap(next);
}

}  // namespace neph::view
