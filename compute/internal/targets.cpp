#include <algorithm>
#include <map>
#include <numeric>

#include "compute/internal/factory.h"

namespace neph::compute {
namespace {

/// IDE has two channels of two devices.
constexpr std::string_view kIdeLettersMax = "d";

/// "a" ... "z", "aa", "ab" ...
std::string letters_of(std::size_t number) {
  std::string letters;
  for (++number; number > 0; number = (number - 1) / 26) {
    letters.insert(letters.begin(), static_cast<char>('a' + (number - 1) % 26));
  }
  return letters;
}

Result<void> check_target(const TargetAsk& ask) {
  const std::string_view letters = std::string_view(ask.target).substr(2);
  const bool is_named = !letters.empty() && letters.size() <= 2 &&
                        std::all_of(letters.begin(), letters.end(),
                                    [](char letter) { return letter >= 'a' && letter <= 'z'; });
  if (!is_named) {
    return fail(Errc::kInvalid, "TARGET = \"{}\" of disk {} is not a device name such as vda",
                ask.target, ask.disk);
  }
  const bool is_beyond = letters.size() > 1 || letters > kIdeLettersMax;
  if (ask.target.starts_with("hd") && is_beyond) {
    return fail(Errc::kInvalid, "disk {} would be {}, and an IDE bus has only hda to hdd;"
                " say DEV_PREFIX = \"vd\" or \"sd\"", ask.disk, ask.target);
  }
  return {};
}

}  // namespace

Result<std::string> prefix_from(std::string_view what, std::string_view prefix) {
  if (prefix == "vd" || prefix == "sd" || prefix == "hd") return std::string(prefix);
  return fail(Errc::kInvalid, "{} = \"{}\" is neither vd, sd nor hd", what, prefix);
}

Result<void> assign_targets(std::vector<TargetAsk>& asks) {
  std::map<std::string, DiskId> taken;
  for (const auto& ask : asks) {
    if (ask.target.empty()) continue;
    CHECK_OK(check_target(ask));
    const auto [other, is_new] = taken.emplace(ask.target, ask.disk);
    if (!is_new) {
      return fail(Errc::kInvalid, "TARGET = \"{}\" of disk {} is already that of disk {}",
                  ask.target, ask.disk, other->second);
    }
  }
  std::vector<std::size_t> order(asks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
    return asks[left].rank < asks[right].rank;
  });
  for (const std::size_t at : order) {
    auto& ask = asks[at];
    if (!ask.target.empty()) continue;
    for (std::size_t number = 0; ask.target.empty() || taken.contains(ask.target); ++number) {
      ask.target = ask.prefix + letters_of(number);
    }
    CHECK_OK(check_target(ask));
    taken.emplace(ask.target, ask.disk);
  }
  return {};
}

}  // namespace neph::compute
