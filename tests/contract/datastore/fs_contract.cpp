#include <gtest/gtest.h>

#include <vector>

#include "tests/contract/datastore/driver_contract.h"
#include "tests/contract/datastore/fs_support.h"

namespace neph::datastore_driver {
namespace {

std::unique_ptr<TestStore> make_store_in_tmp() {
  return std::make_unique<FsStore>("/tmp", false);
}

std::unique_ptr<TestStore> make_store_on_xfs() {
  return std::make_unique<FsStore>(xfs_directory(), true);
}

/// XFS shares blocks, the usual file system of /tmp (ext4, tmpfs) does not; both ways count.
std::vector<StoreCase> fs_stores() {
  auto stores = stores_of(&make_store_in_tmp, "Tmp");
  if (can_mount())
    for (StoreCase& store : stores_of(&make_store_on_xfs, "Xfs")) stores.push_back(store);
  return stores;
}

INSTANTIATE_TEST_SUITE_P(Fs, DatastoreContract, testing::ValuesIn(fs_stores()), store_name);

}  // namespace
}  // namespace neph::datastore_driver
