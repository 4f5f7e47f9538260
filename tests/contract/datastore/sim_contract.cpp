#include "drivers/datastore/sim/sim_datastore.h"
#include "tests/contract/datastore/driver_contract.h"

namespace neph::datastore_driver {
namespace {

constexpr auto kSimBlock = static_cast<std::size_t>(sim::kBlockSize.value);

/// Keeps a dictionary from stamps to the bytes that the tests wrote.
class SimStore final : public TestStore {
 public:
  explicit SimStore(sim::Sharing sharing) : sharing_(sharing) {
    world_.set_sharing(sharing);
    (void)driver_.ensure_directory(root());
  }
  Driver& driver() override { return driver_; }
  [[nodiscard]] std::string root() const override { return "/store"; }
  [[nodiscard]] bool can_share_blocks() const override { return sharing_ == sim::Sharing::kYes; }
  void write_as_guest(const Layer& disk, std::int64_t offset, const std::string& bytes) override {
    for (std::size_t at = 0; at < bytes.size(); at += kSimBlock) {
      words_.push_back(bytes.substr(at, kSimBlock));
      const std::int64_t block = (offset + static_cast<std::int64_t>(at)) / sim::kBlockSize.value;
      world_.change([&](sim::State& state) {
        state.write(state.files.at(disk.path), block, words_.size());
        return 0;
      });
    }
  }
  [[nodiscard]] std::string read_as_guest(const Layer& disk, std::int64_t offset,
                                          std::int64_t length) override {
    const auto content = world_.content_of(disk.path);
    if (!content) return content.error().text();
    std::string bytes;
    for (std::int64_t at = offset; at < offset + length; at += sim::kBlockSize.value) {
      const auto found = content->blocks.find(at / sim::kBlockSize.value);
      bytes += found == content->blocks.end() ? std::string(kSimBlock, '\0')
                                              : words_.at(found->second - 1);
    }
    return bytes;
  }
  [[nodiscard]] bool is_there(const std::string& path) override {
    return world_.change([&](sim::State& state) {
      return state.find_file(path) != nullptr || state.has_directory(path);
    });
  }
  void put_file(const std::string& path, const std::string& bytes) override {
    sim::File file;
    file.virtual_size = Bytes{static_cast<std::int64_t>(bytes.size())};
    file.ballast = file.virtual_size;
    world_.put_file(path, std::move(file));
  }

 private:
  VirtualClock clock_;
  sim::SimWorld world_{clock_};
  SimDatastore driver_{world_};
  sim::Sharing sharing_;
  std::vector<std::string> words_;  ///< stamp - 1 -> bytes
};

template <sim::Sharing sharing>
std::unique_ptr<TestStore> make_store() {
  return std::make_unique<SimStore>(sharing);
}

INSTANTIATE_TEST_SUITE_P(Sim, DatastoreContract,
                         testing::ValuesIn(stores_of(&make_store<sim::Sharing::kNo>, "Sim")),
                         store_name);
INSTANTIATE_TEST_SUITE_P(
    SimSharing, DatastoreContract,
    testing::ValuesIn(stores_of(&make_store<sim::Sharing::kYes>, "SimSharing")), store_name);

}  // namespace
}  // namespace neph::datastore_driver
