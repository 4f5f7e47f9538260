#include <array>

#include "compute/vm.h"
#include "drivers/sim_world/guests.h"
#include "tests/sim/cloud/cloud.h"

namespace neph::cloud {
namespace {

using sim::Fault;
using sim::FaultKind;
using sim::Reach;

constexpr Duration kWriteEvery{1'700};
constexpr std::int64_t kBlocks = 250;  // of 256 in the smallest disk

/// Guests that run somewhere, strangers not counted.
std::vector<sim::DomainKey> running(Cloud& cloud) {
  return cloud.world().change([](sim::State& state) {
    std::vector<sim::DomainKey> keys;
    for (const auto& [key, domain] : state.domains)
      if (domain.is_active() && key.name.starts_with("one-")) keys.push_back(key);
    return keys;
  });
}

class Weather {
 public:
  Weather(Cloud& cloud, Instant until) : cloud_(cloud), until_(until) {}

  void write() {
    if (cloud_.now() + kWriteEvery >= until_) return;
    cloud_.after(kWriteEvery, [this] {
      const auto guests = running(cloud_);
      if (!guests.empty()) {
        const auto& guest = guests[static_cast<std::size_t>(
            cloud_.draw(static_cast<std::int64_t>(guests.size())))];
        const auto* target = cloud_.draw(4) == 0 ? "vdb" : "vda";
        // Refused by a guest that is paused or has no such disk.
        (void)cloud_.world().guest_writes({guest.name, guest.host}, target, cloud_.draw(kBlocks),
                                          static_cast<sim::Stamp>(1'000'000 + ++stamp_));
      }
      write();
    });
  }

  void go() {
    const Instant next = cloud_.now() + cloud_.around(cloud_.plan().weather);
    if (next >= until_) return;
    cloud_.at(next, [this] {
      ++cloud_.report().misfortunes;
      strike();
      go();
    });
  }

 private:
  void strike() {
    switch (cloud_.draw(12)) {
      case 0: return cloud_.cut(Duration{1 + cloud_.draw(90'000)});
      case 1: return trouble_host();
      case 2: return fill_disk();
      case 3: return change_conduct();
      case 4: return settle_stranger();
      case 5:
      case 6:
      case 7: return trouble_guest();
      default: return order_fault();
    }
  }

  void trouble_host() {
    const auto host = cloud_.host_name(static_cast<int>(cloud_.draw(cloud_.plan().hosts)));
    static constexpr auto kWays = std::to_array<std::string_view>({"cut", "hung", "dead"});
    const auto way = cloud_.draw(3);
    cloud_.note(fmt::format("{} is {}", host, kWays[static_cast<std::size_t>(way)]));
    auto& world = cloud_.world();
    if (way == 0) world.cut_host(host);
    if (way == 1) world.hang_host(host);
    if (way == 2) world.kill_host(host);
    cloud_.after(cloud_.around(Duration{240'000}), [this, host] {
      cloud_.note(host + " is back");
      cloud_.world().restore_host(host);
    });
  }

  void trouble_guest() {
    const auto guests = running(cloud_);
    if (guests.empty()) return;
    const auto& guest =
        guests[static_cast<std::size_t>(cloud_.draw(static_cast<std::int64_t>(guests.size())))];
    const sim::GuestRef ref(guest.name, guest.host);
    static constexpr auto kWays = std::to_array<std::string_view>(
        {"shuts down", "crashes", "pauses", "loses its QEMU", "vanishes"});
    const auto way = cloud_.draw(kWays.size());
    cloud_.note(fmt::format("{} {}", guest.name, kWays[static_cast<std::size_t>(way)]));
    auto& world = cloud_.world();
    if (way == 0) (void)world.guest_shuts_down(ref);
    if (way == 1) (void)world.guest_crashes(ref);
    if (way == 2) (void)world.guest_pauses(ref);
    if (way == 3) (void)world.qemu_dies(ref);
    if (way == 4) (void)world.domain_vanishes(ref);
  }

  /// The file system with all datastores has room for little more than what is there.
  void fill_disk() {
    cloud_.note("the storage is nearly full");
    const auto used = cloud_.world().change(
        [](sim::State& state) { return state.usage_of("/ds").used; });
    cloud_.world().set_space("/ds", used + Bytes{cloud_.draw(4'000'000)});
    cloud_.after(cloud_.around(Duration{200'000}), [this] {
      cloud_.note("the storage has room");
      cloud_.world().set_space("/ds", Bytes::megabytes(1024 * 1024));
    });
  }

  void change_conduct() {
    const auto guests = running(cloud_);
    if (guests.empty()) return;
    const auto& name =
        guests[static_cast<std::size_t>(cloud_.draw(static_cast<std::int64_t>(guests.size())))]
            .name;
    sim::Conduct conduct;
    conduct.agent = static_cast<sim::Agent>(1 + cloud_.draw(3));
    conduct.acpi = static_cast<sim::Acpi>(1 + cloud_.draw(2));
    conduct.shutdown_takes = Duration{cloud_.draw(30'000)};
    cloud_.note(fmt::format("{}: agent {}, ACPI {}", name, static_cast<int>(conduct.agent),
                            static_cast<int>(conduct.acpi)));
    cloud_.world().set_conduct(name, conduct);
  }

  /// Somebody else's guest: nobody may touch it.
  void settle_stranger() {
    const auto host = cloud_.host_name(static_cast<int>(cloud_.draw(cloud_.plan().hosts)));
    const sim::DomainKey key{host, fmt::format("stranger-{}", ++strangers_)};
    cloud_.note(fmt::format("{} lives on {}", key.name, host));
    (void)cloud_.world().change([&](sim::State& state) {
      state.domains[key].uuid = key.name;
      state.domains[key].memory = Bytes::megabytes(64);
      if (state.host(host).reach != Reach::kDown) sim::power_on(state, key);
      return 0;
    });
  }

  void order_fault() {
    struct Order {
      FaultKind kind;
      std::string_view verb;
    };
    static constexpr auto kOrders = std::to_array<Order>({
        {FaultKind::kCopyStalls, ""},
        {FaultKind::kCopyFails, ""},
        {FaultKind::kDiskFull, ""},
        {FaultKind::kFreezeHangs, ""},
        {FaultKind::kThawFails, ""},
        {FaultKind::kHostUnreachable, "*"},
        {FaultKind::kHostHangs, "*"},
        {FaultKind::kHostDies, "ensure_started"},
        {FaultKind::kHostDies, "ensure_pinned"},
        {FaultKind::kHostDies, "ensure_unpinned"},
        {FaultKind::kDomainVanishes, "*"},
        {FaultKind::kError, "*"},
        {FaultKind::kError, "ensure_copied"},
        {FaultKind::kError, "ensure_started"},
        {FaultKind::kError, "ensure_deleted"},
        {FaultKind::kLostAnswer, "*"},
        {FaultKind::kLostAnswer, "ensure_pinned"},
        {FaultKind::kLostAnswer, "ensure_published"},
        {FaultKind::kLostAnswer, "ensure_started"},
        {FaultKind::kLostAnswer, "ensure_saved"},
    });
    const Order& order = kOrders[static_cast<std::size_t>(cloud_.draw(kOrders.size()))];
    Fault fault;
    fault.kind = order.kind;
    fault.verb = order.verb;
    fault.after = static_cast<int>(cloud_.draw(6));
    fault.times = 1 + static_cast<int>(cloud_.draw(3));
    fault.at = Bytes{cloud_.draw(20) * sim::kBlockSize.value};
    cloud_.note(fmt::format("fault {} in {} after {}, {} times", name_of(fault.kind), order.verb,
                            fault.after, fault.times));
    cloud_.world().inject(fault);
    // What faults did to a host lasts a while only.
    cloud_.after(Duration{150'000}, [this] { restore_hosts(cloud_); });
  }

 public:
  static void restore_hosts(Cloud& cloud) {
    for (int i = 0; i < cloud.plan().hosts; ++i) cloud.world().restore_host(cloud.host_name(i));
  }

 private:
  Cloud& cloud_;
  const Instant until_;
  int strangers_ = 0;
  std::uint64_t stamp_ = 0;
};

}  // namespace

void send_weather(Cloud& cloud, Instant until) {
  const auto weather = std::make_shared<Weather>(cloud, until);
  cloud.keep(weather);
  weather->write();
  weather->go();
}

void clear_weather(Cloud& cloud) {
  cloud.note("good weather");
  cloud.world().clear_faults();
  if (cloud.plan().sabotage != nullptr)
    for (const auto& fault : cloud.plan().sabotage->faults) cloud.world().inject(fault);
  cloud.world().set_space("/ds", Bytes::megabytes(1024 * 1024));
  Weather::restore_hosts(cloud);
  (void)cloud.world().change([](sim::State& state) {
    state.conducts.clear();
    return 0;
  });
}

}  // namespace neph::cloud
