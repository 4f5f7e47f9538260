#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "api/call.h"
#include "db/database.h"
#include "drivers/sim_world/sim_world.h"
#include "tests/support/sim_lanes.h"

/// A cloud of simulated hosts with users, weather and one controller, lived through from a seed.
namespace neph::cloud {

class Oracle;

/// One rule of the product broken on purpose, to show that the simulation notices.
struct Sabotage {
  std::string name;
  std::vector<std::string> sql;     ///< run once over the fresh store: triggers that break a rule
  std::vector<sim::Fault> faults;   ///< drivers that do not keep their promise
  std::string sql_at_cut;           ///< what a power cut takes along
};

[[nodiscard]] const std::vector<Sabotage>& sabotages();

struct Plan {
  std::uint64_t seed = 1;
  int hosts = 50;
  int users = 6;
  Duration length{3'600'000};
  Duration pace{115'000};            ///< between two actions of one user, on average
  Duration weather{75'000};         ///< between two misfortunes, on average
  const Sabotage* sabotage = nullptr;
};

/// What became of it.
struct Report {
  std::vector<std::string> complaints;  ///< rules of the product that were broken; empty is good
  std::vector<std::string> trace;
  int calls = 0;
  int acknowledged = 0;   ///< snapshots
  int ready = 0;
  int backups = 0;        ///< that became READY
  int failed_with_reason = 0;
  int given_up = 0;       ///< cancelled or discarded by their owners
  int misfortunes = 0;
  int cuts = 0;
  void add(const Report& more);
};

/// Lives it through. The same plan gives the same report, byte for byte.
[[nodiscard]] Report live(const Plan& plan);

/// The stage: lanes, world, store, and a controller that can lose its power.
class Cloud {
 public:
  explicit Cloud(const Plan& plan);
  ~Cloud();
  Cloud(const Cloud&) = delete;
  Cloud& operator=(const Cloud&) = delete;

  using Done = std::function<void(const Result<api::Answer>&)>;
  /// As a client's call: rights, transaction, answer. `done` is not called when the power goes
  /// before the answer; nothing happens while there is no controller.
  void call(UserId as, const std::string& method, std::vector<api::Value> args, Done done = {});
  /// Does something at a time, whether there is a controller or not.
  void at(Instant when, std::function<void()> what) { agenda_.emplace(when, std::move(what)); }
  void after(Duration delay, std::function<void()> what) { at(now() + delay, std::move(what)); }
  void run_until(Instant until);
  /// Who acts by the agenda lives as long as the cloud.
  void keep(std::shared_ptr<void> actor) { actors_.push_back(std::move(actor)); }
  /// The power goes in the middle of things, and comes back after a while.
  void cut(Duration darkness);
  [[nodiscard]] bool has_controller() const { return daemon_ != nullptr; }

  template <class T>
  T read(const std::function<T(db::Txn&)>& look) {
    std::optional<T> answer;
    database_->read(now(), [&](db::Txn& txn) { answer.emplace(look(txn)); });
    return std::move(*answer);
  }

  void note(std::string line);
  void complain(std::string what);
  /// Draws: the people and the weather have one source, the order of tasks another.
  [[nodiscard]] std::int64_t draw(std::int64_t bound) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(bound));
  }
  [[nodiscard]] Duration around(Duration mean);  ///< exponentially distributed, at least 1 ms

  [[nodiscard]] Instant now() { return lanes_.clock().now(); }
  [[nodiscard]] sim::SimWorld& world() { return *world_; }
  [[nodiscard]] Oracle& oracle() { return *oracle_; }
  [[nodiscard]] const Plan& plan() const { return plan_; }
  [[nodiscard]] Report& report() { return report_; }
  [[nodiscard]] const std::vector<UserId>& users() const { return users_; }
  [[nodiscard]] const std::vector<ImageId>& base_images() const { return base_images_; }
  [[nodiscard]] DatastoreId backups() const { return backups_; }  ///< the datastore for them
  [[nodiscard]] std::string host_name(int number) const;

 private:
  struct Daemon;
  void install();
  void start();
  void drop_controller();
  void sabotage(const std::vector<std::string>& sql);

  const Plan plan_;
  std::mt19937_64 random_;
  Report report_;
  Instant began_;
  SimLanes lanes_;
  std::unique_ptr<sim::SimWorld> world_;
  std::unique_ptr<db::Database> database_;
  std::unique_ptr<Oracle> oracle_;
  std::multimap<Instant, std::function<void()>> agenda_;
  std::vector<std::shared_ptr<void>> actors_;
  std::vector<UserId> users_;
  std::vector<ImageId> base_images_;
  DatastoreId backups_;
  std::unique_ptr<Daemon> daemon_;
};

/// Users who create, snapshot, change their minds and delete; an administrator among them.
void send_people(Cloud& cloud, Instant until);
/// Hosts, guests, storage and agents that fail; the controller's power cuts; guests that write.
void send_weather(Cloud& cloud, Instant until);
/// Good weather again: faults are over and hosts come back.
void clear_weather(Cloud& cloud);

}  // namespace neph::cloud
