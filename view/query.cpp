#include "view/query.h"

#include <algorithm>
#include <array>
#include <utility>

namespace neph::view {
namespace {

constexpr std::size_t kConditionsMax = 16;
constexpr std::string_view kEach = "[*]";
constexpr std::string_view kCdata = "<![CDATA[";
constexpr std::string_view kCdataEnd = "]]>";

/// Cuts off what stands before the separator, and the separator.
std::string_view cut(std::string_view& text, char separator) {
  const auto at = text.find(separator);
  const auto part = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view{} : text.substr(at + 1);
  return part;
}

Result<std::vector<std::string>> parse_path(std::string_view key) {
  std::vector<std::string> path;
  while (!key.empty()) {
    std::string_view name = cut(key, '.');
    if (name.ends_with(kEach)) name.remove_suffix(kEach.size());
    if (name.empty() || name.find_first_of("[]*$") != std::string_view::npos)
      return fail(Errc::kInvalid, "Query: \"{}\" names no element; of several, [*] means each",
                  name);
    path.emplace_back(name);
  }
  return path;
}

std::string unescaped(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, char>, 5> kEntities = {
      {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#13;", '\r'}}};
  std::string plain;
  while (!text.empty()) {
    const auto entity = std::ranges::find_if(
        kEntities, [&](const auto& each) { return text.starts_with(each.first); });
    const bool is_entity = entity != kEntities.end();
    plain += is_entity ? entity->second : text.front();
    text.remove_prefix(is_entity ? entity->first.size() : 1);
  }
  return plain;
}

/// Goes through a document from value to value.
class Reader {
 public:
  explicit Reader(std::string_view document) : rest_(document) {}

  /// The next element that ends, with its text. Its path is path() until the next call.
  bool next_value() {
    if (is_over_) path_.pop_back();
    is_over_ = false;
    value_.clear();
    while (!rest_.empty() && !is_over_) read_part();
    return is_over_;
  }
  [[nodiscard]] const std::vector<std::string_view>& path() const { return path_; }
  [[nodiscard]] const std::string& value() const { return value_; }

 private:
  void read_part() {
    if (rest_.starts_with(kCdata)) return read_cdata();
    if (rest_.front() != '<') return read_text();
    const std::string_view tag = rest_.substr(1, rest_.find('>') - 1);
    rest_.remove_prefix(std::min(rest_.size(), tag.size() + 2));
    if (tag.starts_with('/')) {
      is_over_ = !path_.empty();
    } else if (!tag.ends_with('/')) {
      path_.push_back(tag);
      value_.clear();
    }
  }
  void read_cdata() {
    rest_.remove_prefix(kCdata.size());
    const auto end = rest_.find(kCdataEnd);
    value_ += rest_.substr(0, end);
    rest_.remove_prefix(std::min(rest_.size(), end) + (end == rest_.npos ? 0 : kCdataEnd.size()));
  }
  void read_text() {
    const auto text = rest_.substr(0, rest_.find('<'));
    value_ += unescaped(text);
    rest_.remove_prefix(text.size());
  }

  std::string_view rest_;
  std::vector<std::string_view> path_;
  std::string value_;
  bool is_over_ = false;  ///< the innermost element of path_ has ended
};

bool is_within(const std::vector<std::string_view>& path, const std::vector<std::string>& outer) {
  return path.size() >= outer.size() && std::equal(outer.begin(), outer.end(), path.begin());
}

}  // namespace

Result<Query> Query::parse(std::string_view text) {
  Query query;
  while (!text.empty()) {
    std::string_view condition = cut(text, '&');
    const bool has_key = condition.find('=') != std::string_view::npos;
    Condition made;
    if (has_key) made.path = TRY(parse_path(cut(condition, '=')));
    made.part = condition;
    if (made.part.empty())
      return fail(Errc::kInvalid, "Query: a condition without a value; write KEY=VALUE&KEY=VALUE");
    query.conditions_.push_back(std::move(made));
  }
  if (query.conditions_.size() > kConditionsMax)
    return fail(Errc::kInvalid, "Query: {} conditions, {} are allowed", query.conditions_.size(),
                kConditionsMax);
  return query;
}

bool Query::matches(std::string_view document) const {
  std::vector<const Condition*> open;
  for (const auto& condition : conditions_) open.push_back(&condition);
  Reader reader(document);
  while (!open.empty() && reader.next_value()) {
    std::erase_if(open, [&](const Condition* condition) {
      return is_within(reader.path(), condition->path) &&
             reader.value().find(condition->part) != std::string::npos;
    });
  }
  return open.empty();
}

}  // namespace neph::view
