#include "cli/selectors.h"

#include <optional>
#include <ostream>

#include "base/numbers.h"

namespace neph::cli {
namespace {

constexpr std::int64_t kRangeMax = 10'000;

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// The ids of "1..5", nullopt when `part` has not that form.
Result<std::optional<std::vector<std::string>>> expand_range(std::string_view part) {
  const auto dots = part.find("..");
  if (dots == std::string_view::npos) return std::nullopt;
  if (!is_digits(part.substr(0, dots)) || !is_digits(part.substr(dots + 2))) return std::nullopt;
  const auto first = TRY(parse_number(part.substr(0, dots)));
  const auto last = TRY(parse_number(part.substr(dots + 2)));
  if (last < first) return fail(Errc::kInvalid, "range {} runs backwards", part);
  if (last - first >= kRangeMax)
    return fail(Errc::kInvalid, "range {} names more than {} objects", part, kRangeMax);
  std::vector<std::string> ids;
  for (auto id = first; id <= last; ++id) ids.push_back(fmt::format("{}", id));
  return ids;
}

std::string_view name_element(Kind kind) {
  return kind == Kind::kSnapshot ? "IMAGE_NAME" : "NAME";
}

}  // namespace

Result<std::int64_t> parse_number(std::string_view text) {
  if (const auto value = natural_from(text); value && is_digits(text)) return *value;
  return fail(Errc::kInvalid, "\"{}\" is not a number", text);
}

Result<std::vector<std::string>> split_targets(std::string_view text) {
  std::vector<std::string> targets;
  while (true) {
    const auto comma = text.find(',');
    const auto part = text.substr(0, comma);
    if (part.empty()) return fail(Errc::kInvalid, "an id or name is missing in the list");
    if (auto range = TRY(expand_range(part)))
      targets.insert(targets.end(), range->begin(), range->end());
    else
      targets.emplace_back(part);
    if (comma == std::string_view::npos) return targets;
    text.remove_prefix(comma + 1);
  }
}

Result<std::int64_t> resolve(RpcClient& rpc, Kind kind, const std::string& target) {
  if (is_digits(target)) return parse_number(target);
  const ObjectRow& row = object_row(kind);
  const Element pool = TRY(rpc.call_document(row.pool_method, visible_pool_arguments(row)));
  std::vector<std::int64_t> ids;
  for (const Element* object : pool.all(row.element))
    if (object->get(name_element(kind)) == target) ids.push_back(object->number("ID"));
  if (ids.empty()) return fail(Errc::kNotFound, "there is no {} named \"{}\"", row.title, target);
  if (ids.size() > 1)
    return fail(Errc::kConflict, "{} {}s are named \"{}\" (ids {}): name one by its id",
                ids.size(), row.title, target, fmt::join(ids, ", "));
  return ids.front();
}

Result<std::int64_t> resolve_or(RpcClient& rpc, Kind kind, const std::string& target,
                                std::int64_t absent) {
  if (target.empty()) return absent;
  return resolve(rpc, kind, target);
}

Result<ExitCode> for_each_target(Desk& desk, Kind kind, const std::vector<std::string>& targets,
                                 const std::function<Result<ExitCode>(std::int64_t)>& action) {
  std::vector<std::string> all;
  for (const auto& text : targets) {
    const auto some = TRY(split_targets(text));
    all.insert(all.end(), some.begin(), some.end());
  }
  auto worst = ExitCode::kOk;
  for (const auto& target : all) {
    const auto id = resolve(desk.rpc, kind, target);
    const auto done = id ? action(*id) : Result<ExitCode>(tl::unexpected(id.error()));
    const bool is_lost = !done && done.error().code == Errc::kUnavailable;
    if (is_lost || (!done && all.size() == 1)) return done;
    if (!done) desk.around.err << "neph: " << one_line(done.error().text()) << '\n';
    const auto code = done ? *done : exit_code_of(done.error());
    if (worst == ExitCode::kOk) worst = code;
    if (code == ExitCode::kInterrupted) break;
  }
  return worst;
}

}  // namespace neph::cli
