#pragma once

#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace neph::view::golden {

struct Document {
  std::string name;    ///< of the file tests/golden/<name>.xml
  std::string text;    ///< as on the wire
  std::string schema;  ///< of OpenNebula, empty for documents of our own

  friend void PrintTo(const Document& document, std::ostream* out) { *out << document.name; }
};
[[nodiscard]] std::vector<Document> documents();

/// For INSTANTIATE_TEST_SUITE_P, which takes no '-'.
[[nodiscard]] std::string test_name_of(const testing::TestParamInfo<Document>& info);

/// One element a line, so that people can read golden files and their differences.
[[nodiscard]] std::string indented(const std::string& document);

}  // namespace neph::view::golden
