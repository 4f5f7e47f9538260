#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/golden/golden.h"
#include "tests/support/command.h"

namespace neph::view::golden {
namespace {

/// NEPH_SHARED names a folder with OpenNebula's schemas in reference/xsd; they are not ours to
/// ship.
std::filesystem::path schemas() {
  const char* shared = std::getenv("NEPH_SHARED");
  return shared == nullptr ? std::filesystem::path{}
                           : std::filesystem::path(shared) / "reference/xsd";
}

/// Schemas know one namespace; on the wire there is none, because clients read none.
std::string in_the_namespace(std::string document) {
  document.insert(document.find('>'), " xmlns=\"http://opennebula.org/XMLSchema\"");
  return document;
}

/// TEMPLATE of a full VM is a closed sequence in the schema, which OpenNebula's own answers do not
/// keep: they sort by name, leave TM_MAD_SYSTEM out before the first deployment, and send CPU_MODEL
/// and what drivers add. So what is around TEMPLATE is judged, and TEMPLATE by the golden file.
std::string without_vm_template(std::string document) {
  const std::string open = "<TEMPLATE>";
  for (auto at = document.find(open); at != std::string::npos; at = document.find(open, at + 1)) {
    const auto end = document.find("</TEMPLATE>", at);
    document.replace(at + open.size(), end - at - open.size(),
                     "<TM_MAD_SYSTEM>qcow2</TM_MAD_SYSTEM><VMID>1</VMID>");
  }
  return document;
}

class Schema : public testing::TestWithParam<Document> {};

TEST_P(Schema, AcceptsTheDocument) {
  const auto folder = schemas();
  if (!std::filesystem::is_directory(folder))
    GTEST_SKIP() << "NEPH_SHARED names no folder with schemas";
  const Document& document = GetParam();
  const bool is_vm = document.schema == "vm" || document.schema == "vm_pool_extended" ||
                     document.schema == "acct";
  std::string made = "/tmp/neph-golden.XXXXXX";
  ASSERT_NE(::mkdtemp(made.data()), nullptr);
  const auto file = std::filesystem::path(made) / "document.xml";
  std::ofstream(file) << in_the_namespace(is_vm ? without_vm_template(document.text)
                                                : document.text);
  const auto outcome = testing_support::run_command("xmllint --noout --schema " +
                                                    (folder / (document.schema + ".xsd")).string() +
                                                    " " + file.string());
  EXPECT_EQ(outcome.status, 0) << outcome.output;
  std::filesystem::remove_all(made);
}

std::vector<Document> with_schema() {
  auto all = documents();
  std::erase_if(all, [](const Document& document) { return document.schema.empty(); });
  return all;
}

INSTANTIATE_TEST_SUITE_P(Documents, Schema, testing::ValuesIn(with_schema()), &test_name_of);

}  // namespace
}  // namespace neph::view::golden
