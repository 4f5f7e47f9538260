#include "access/quota.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>

#include "access/directory.h"
#include "access/internal/quota_rows.h"
#include "base/numbers.h"

namespace neph::access {
namespace {

using internal::QuotaMetric;

constexpr double kDefault = -1;
constexpr double kUnlimited = -2;
/// Sums of CPU shares are binary fractions: ten times 0.1 must fit a limit of 1.
constexpr double kRounding = 1e-6;

struct Section {
  std::string_view name;
  bool has_id = false;
  std::vector<std::string_view> metrics;
};

const std::array<Section, 4>& sections() {
  static const std::array<Section, 4> kSections = {{
      {"VM", false, {"VMS", "RUNNING_VMS", "CPU", "RUNNING_CPU", "MEMORY", "RUNNING_MEMORY",
                     "SYSTEM_DISK_SIZE"}},
      {"DATASTORE", true, {"IMAGES", "SIZE"}},
      {"IMAGE", true, {"RVMS"}},
      {"NETWORK", true, {"LEASES"}},
  }};
  return kSections;
}

/// Whole numbers without a point, others with two decimals, as OpenNebula shows CPU.
std::string number_text(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15)
    return fmt::format("{}", static_cast<std::int64_t>(value));
  return fmt::format("{:.2f}", value);
}

Result<double> parse_limit(std::string_view name, const std::string& text) {
  double limit = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), limit);
  const bool is_whole = problem == std::errc{} && end == text.data() + text.size();
  const bool is_known = limit >= 0 || limit == kDefault || limit == kUnlimited;
  if (!is_whole || !std::isfinite(limit) || !is_known)
    return fail(Errc::kInvalid,
                "Quota {} is \"{}\"; a number from 0, -1 (default) or -2 (unlimited) is allowed",
                name, text);
  return limit;
}

Result<std::string> parse_key(const Section& section, const text::Vector& ask) {
  if (!section.has_id) {
    if (ask.get("CLUSTER_IDS").empty()) return std::string{};
    return fail(Errc::kInvalid, "Quota VM/CLUSTER_IDS is not served: limits are for all clusters");
  }
  const std::string id = ask.get("ID");
  const auto number = natural_from(id);
  if (!number)
    return fail(Errc::kInvalid, "Quota {}/ID is \"{}\"; it must be the id of one", section.name,
                id);
  return fmt::format("{}", *number);
}

std::string_view name_of(QuotaOwner kind) {
  return kind == QuotaOwner::kUser ? "user" : "group";
}

using Limits = std::map<QuotaMetric, double>;

Result<void> read_vector(const Section& section, const text::Vector& ask, Limits& limits) {
  const std::string key = TRY(parse_key(section, ask));
  for (const auto& [name, value] : ask.items()) {
    // Clients send back the document they were shown, with what is used.
    if (name == "ID" || name == "CLUSTER_IDS" || name.ends_with("_USED")) continue;
    const std::string path = fmt::format("{}/{}", section.name, name);
    const double limit = TRY(parse_limit(path, value));
    if (std::ranges::find(section.metrics, name) != section.metrics.end()) {
      // Clients that change one of many append it to the document they were shown: the last wins.
      limits.insert_or_assign(QuotaMetric{std::string(section.name), key, name}, limit);
    } else if (limit >= 0) {
      return fail(Errc::kInvalid, "Quota {} is not served, so it cannot be limited", path);
    }
  }
  return {};
}

Result<Limits> read_template(const text::Template& ask) {
  Limits limits;
  for (const auto& attribute : ask.attributes()) {
    const auto section = std::ranges::find(sections(), attribute.name, &Section::name);
    const auto* vector = std::get_if<text::Vector>(&attribute.value);
    if (section == sections().end())
      return fail(Errc::kInvalid, "Quota {} is not served; VM, DATASTORE, IMAGE and NETWORK are",
                  attribute.name);
    if (vector == nullptr)
      return fail(Errc::kInvalid, "Quota {} must be a vector, {} = [ ... ]", attribute.name,
                  attribute.name);
    CHECK_OK(read_vector(*section, *vector, limits));
  }
  return limits;
}

struct Owner {
  QuotaOwner kind;
  std::int64_t id;
};

Result<void> check_owner(db::Txn& txn, Owner owner, const QuotaMetric& metric, double asked) {
  const auto limit = internal::find_limit(txn, owner.kind, owner.id, metric);
  if (!limit || *limit < 0) return {};
  const double used = internal::find_usage(txn, owner.kind, owner.id, metric);
  if (used + asked <= *limit + kRounding) return {};
  const std::string with_id =
      metric.key.empty() ? "" : fmt::format(" with ID: {}", metric.key);
  return fail(Errc::kDenied,
              "{} [{}] limit of {} reached for {} quota in {}{}. {} used, {} asked.",
              name_of(owner.kind), owner.id, number_text(*limit),
              metric.metric, metric.section, with_id, number_text(used), number_text(asked));
}

}  // namespace

Result<void> set_quota(db::Txn& txn, QuotaOwner kind, std::int64_t owner,
                       const text::Template& ask) {
  if (owner == 0)
    return fail(Errc::kWrongState, "Cannot set quotas for {} 0, which has no limits",
                name_of(kind));
  for (const auto& [metric, limit] : TRY(read_template(ask)))
    internal::put_limit(txn, kind, owner, metric, limit);
  txn.touch(kind == QuotaOwner::kUser ? ObjectKind::kUser : ObjectKind::kGroup, owner);
  return {};
}

std::vector<QuotaUse> list_default_quotas(db::Txn& txn, QuotaOwner kind) {
  return list_quotas(txn, kind, internal::kDefaultOwner);
}

Result<void> set_default_quota(db::Txn& txn, QuotaOwner kind, const text::Template& ask) {
  for (const auto& [metric, limit] : TRY(read_template(ask)))
    internal::put_limit(txn, kind, internal::kDefaultOwner, metric, limit);
  txn.touch(ObjectKind::kQuota, internal::kDefaultOwner);
  if (kind == QuotaOwner::kUser) {
    for (const UserId id : list_users(txn)) txn.touch(ObjectKind::kUser, id);
  } else {
    for (const GroupId id : list_groups(txn)) txn.touch(ObjectKind::kGroup, id);
  }
  return {};
}

Result<void> check_quota(db::Txn& txn, UserId user, GroupId group,
                         const std::vector<QuotaCharge>& charges) {
  if (internal::has_no_limits(txn, user)) return {};
  std::map<QuotaMetric, double> sums;
  for (const auto& charge : charges)
    sums[{charge.section, charge.key, charge.metric}] += charge.amount;
  for (const auto& [metric, amount] : sums) {
    // What gives back is never refused, even above a limit that was lowered since.
    if (amount <= 0) continue;
    CHECK_OK(check_owner(txn, {QuotaOwner::kUser, user.value}, metric, amount));
    if (group != GroupId{0})
      CHECK_OK(check_owner(txn, {QuotaOwner::kGroup, group.value}, metric, amount));
  }
  return {};
}

}  // namespace neph::access
