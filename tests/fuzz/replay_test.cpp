#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/targets.h"

/// What the fuzzers met, met again by every ./test, with no clang needed.
namespace neph::fuzz {

void PrintTo(const Target& target, std::ostream* out) { *out << target.name; }

namespace {

namespace fs = std::filesystem;

class FuzzReplay : public testing::TestWithParam<Target> {};

std::vector<fs::path> corpus_of(const Target& target) {
  const auto folder = fs::path(NEPH_SOURCE_DIR) / "tests/fuzz/corpus" / target.name;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

std::string read_file(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// On the heap and just as long, so that a sanitizer sees a read past the end.
void check(const Target& target, std::string_view bytes) {
  const std::vector<char> exact(bytes.begin(), bytes.end());
  EXPECT_NO_THROW(target.check({exact.data(), exact.size()}));
}

TEST_P(FuzzReplay, EveryFileOfTheCorpusIsReadAsPromised) {
  const auto files = corpus_of(GetParam());
  EXPECT_GE(files.size(), 10U) << "that is no corpus";
  for (const auto& file : files) {
    SCOPED_TRACE(file.string());
    check(GetParam(), read_file(file));
  }
}

TEST_P(FuzzReplay, FilesThatWereCutShortAreReadAsPromised) {
  constexpr std::size_t kCuts = 64;
  for (const auto& file : corpus_of(GetParam())) {
    SCOPED_TRACE(file.string());
    const auto whole = read_file(file);
    const auto step = std::max<std::size_t>(1, whole.size() / kCuts);
    for (std::size_t size = 0; size < whole.size(); size += step)
      check(GetParam(), std::string_view(whole).substr(0, size));
  }
}

INSTANTIATE_TEST_SUITE_P(Target, FuzzReplay, testing::ValuesIn(kTargets),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace neph::fuzz
