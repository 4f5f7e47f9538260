#include "daemon/config_values.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "access/permissions.h"
#include "base/words.h"

namespace neph::daemon {
namespace {

constexpr int kOctal = 8;
constexpr std::array kRights = {access::Op::kUse, access::Op::kManage, access::Op::kAdmin,
                                access::Op::kCreate};

template <class Number>
std::optional<Number> whole_number(std::string_view text, int base) {
  Number number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, number, base);
  if (text.empty() || problem != std::errc() || stop != end) return std::nullopt;
  return number;
}

}  // namespace

std::optional<std::int64_t> number_from(std::string_view text, std::int64_t min,
                                        std::int64_t max) {
  const auto number = whole_number<std::int64_t>(text, 10);
  if (!number || *number < min || *number > max) return std::nullopt;
  return number;
}

std::optional<bool> yes_or_no_from(std::string_view text) {
  static constexpr std::array<std::string_view, 4> kYes = {"YES", "TRUE", "1", "ON"};
  static constexpr std::array<std::string_view, 4> kNo = {"NO", "FALSE", "0", "OFF"};
  const std::string word = upper(text);
  if (std::find(kYes.begin(), kYes.end(), word) != kYes.end()) return true;
  if (std::find(kNo.begin(), kNo.end(), word) != kNo.end()) return false;
  return std::nullopt;
}

std::optional<int> umask_from(std::string_view text) {
  const auto mask = whole_number<int>(text, kOctal);
  if (text.size() < 3 || text.size() > 4 || !mask || *mask < 0 || *mask > 0777)
    return std::nullopt;
  return mask;
}

std::vector<std::string> words_of(std::string_view text) {
  static constexpr std::string_view kBetween = ", \t\n";
  std::vector<std::string> words;
  for (auto begin = text.find_first_not_of(kBetween); begin != std::string_view::npos;) {
    const auto end = text.find_first_of(kBetween, begin);
    words.emplace_back(text.substr(begin, end - begin));
    begin = text.find_first_not_of(kBetween, end);
  }
  return words;
}

std::optional<std::int64_t> rights_from(std::string_view text) {
  if (text.empty() || text == "-") return 0;
  std::int64_t rights = 0;
  std::string words(text);
  std::replace(words.begin(), words.end(), '+', ' ');
  for (const auto& word : words_of(words)) {
    const auto found = std::find_if(kRights.begin(), kRights.end(), [&](access::Op op) {
      return access::name_of(op) == upper(word);
    });
    if (found == kRights.end()) return std::nullopt;
    rights |= static_cast<std::int64_t>(*found);
  }
  return rights;
}

std::string text_of_rights(std::int64_t rights) {
  std::string text;
  for (const auto op : kRights) {
    if ((rights & static_cast<std::int64_t>(op)) == 0) continue;
    text += text.empty() ? "" : "+";
    text += access::name_of(op);
  }
  return text;
}

std::string text_of_vector(const text::Vector& vector) {
  text::Template whole;
  whole.add("VALUE", vector);
  const std::string text = whole.to_text();
  const auto open = text.find('[');
  return text.substr(open + 1, text.rfind(']') - open - 1);
}

std::optional<text::Vector> vector_from(std::string_view text) {
  const auto whole = text::Template::parse(fmt::format("VALUE = [ {} ]", text));
  const auto* vector = whole ? whole->find_vector("VALUE") : nullptr;
  if (vector == nullptr) return std::nullopt;
  return *vector;
}

}  // namespace neph::daemon
