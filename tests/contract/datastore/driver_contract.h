#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "base/progress.h"
#include "drivers/datastore/driver.h"

/// One suite for every datastore driver. A driver takes part with one line in a file of its own:
///
///   INSTANTIATE_TEST_SUITE_P(Sim, DatastoreContract,
///                            testing::ValuesIn(stores_of(&make_sim_store)), store_name);
///
/// The tests see content only through what a guest would read and write, so that a driver
/// without files can pass them as well.
namespace neph::datastore_driver {

/// A driver with an empty directory of its own, and the eyes and hands of a guest on its disks.
class TestStore {
 public:
  virtual ~TestStore() = default;
  virtual Driver& driver() = 0;
  /// Absolute path of a directory that exists and is empty at the start.
  [[nodiscard]] virtual std::string root() const = 0;
  /// Whether ensure_pinned_at_rest can share blocks in root().
  [[nodiscard]] virtual bool can_share_blocks() const = 0;
  /// Writes to the disk as its guest would; the layers below stay as they are. The tests write
  /// at multiples of 64 KiB, at most 256 KiB at a time.
  virtual void write_as_guest(const Layer& disk, std::int64_t offset, const std::string& bytes) = 0;
  /// Reads the disk through its whole chain; what was never written is zero.
  [[nodiscard]] virtual std::string read_as_guest(const Layer& disk, std::int64_t offset,
                                                  std::int64_t length) = 0;
  /// Is there a file or a directory of that name?
  [[nodiscard]] virtual bool is_there(const std::string& path) = 0;
  /// Puts a file with exactly these bytes there, whatever it may be good for.
  virtual void put_file(const std::string& path, const std::string& bytes) = 0;
};

/// What one run of the suite is about: a driver, a file system, a format.
struct StoreCase {
  std::string name;
  std::function<std::unique_ptr<TestStore>()> make;
  Format format = Format::kQcow2;
};

inline void PrintTo(const StoreCase& store_case, std::ostream* out) { *out << store_case.name; }

/// Both formats for one maker of stores; `name` is letters and digits.
inline std::vector<StoreCase> stores_of(std::function<std::unique_ptr<TestStore>()> make,
                                        const std::string& name = "") {
  return {{name + "Raw", make, Format::kRaw}, {name + "Qcow2", make, Format::kQcow2}};
}

inline std::string store_name(const testing::TestParamInfo<StoreCase>& info) {
  return info.param.name;
}

/// Keeps what was reported; can be cancelled before the start or after the first report.
class RecordingProgress final : public Progress {
 public:
  enum class Cancel { kNever, kAtOnce, kAfterFirstReport };
  explicit RecordingProgress(Cancel cancel = Cancel::kNever) : cancel_(cancel) {}
  void report(Bytes done, Bytes total) override { reports_.push_back({done, total}); }
  [[nodiscard]] bool is_cancelled() const override {
    return cancel_ == Cancel::kAtOnce ||
           (cancel_ == Cancel::kAfterFirstReport && !reports_.empty());
  }
  struct Report {
    Bytes done;
    Bytes total;
  };
  [[nodiscard]] const std::vector<Report>& reports() const { return reports_; }

 private:
  Cancel cancel_;
  std::vector<Report> reports_;
};

/// The fixture of the suite; the tests are in driver_contract.cpp.
class DatastoreContract : public testing::TestWithParam<StoreCase> {
 protected:
  void SetUp() override {
    store_ = GetParam().make();
    ASSERT_NE(store_, nullptr);
  }
  Driver& driver() { return store_->driver(); }
  TestStore& store() { return *store_; }
  [[nodiscard]] std::string path(const std::string& name) const {
    return store_->root() + "/" + name;
  }
  /// A layer of the format this run is about.
  [[nodiscard]] Layer layer(const std::string& name) const {
    return {path(name), GetParam().format};
  }
  /// An overlay is qcow2 whatever is below it.
  [[nodiscard]] Layer overlay(const std::string& name) const {
    return {path(name), Format::kQcow2};
  }
  NoProgress no_progress_;

 private:
  std::unique_ptr<TestStore> store_;
};

}  // namespace neph::datastore_driver
