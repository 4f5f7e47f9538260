#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "tests/e2e/cloud.h"

/// The story of `neph demo`, told by somebody who goes on when things are killed.
namespace neph::e2e {

/// A guest writes a marker; its disk becomes an image while it runs, and another one when it has
/// been shut down; a new guest boots from the latter and shows the marker.
///
/// Whatever dies meanwhile, every call that was answered holds: what it made is found again by its
/// name, and what was asked for comes about. play() says where it does not, by throwing. One
/// thread, but for strikes().
class Story {
 public:
  /// \param revive  brings back what was killed; called all the time
  Story(Cloud& cloud, std::string name, std::function<void()> revive);

  void play();
  /// Once more what must hold at the end, after a kill behind it.
  void check_end() { surely([this] { clean_up(); }); }

  /// A step and what it usually takes: the moments of kills are drawn over these times, so that a
  /// seed means the same moment on every machine.
  struct Step {
    std::string_view name;
    std::chrono::milliseconds usual;
    void (Story::*tell)();
  };
  static constexpr int kSteps = 7;
  static const std::array<Step, kSteps> kStory;

  /// Number of the step under way, kSteps at the end. Any thread.
  [[nodiscard]] int step() const { return step_.load(); }
  /// To be called before anything is killed; guests end, or seem to, by some kills. Any thread.
  enum class Strike { kSparesGuests, kHitsGuests };
  void announce(Strike strike) {
    if (strike == Strike::kHitsGuests) is_guest_hit_ = true;
    ++strikes_;
  }
  /// "create 21 ms, boot 9400 ms, ...".
  [[nodiscard]] std::string times() const;

 private:
  void create();
  void boot();
  void take_hot();
  void arm();
  void power_off();
  void boot_again();
  void clean_up();

  /// Tells a stretch again when a kill spoilt it.
  void surely(const std::function<void()>& stretch);
  void await(const std::string& what, const std::function<bool()>& holds);
  [[nodiscard]] std::int64_t find_vm(const std::string& name);
  [[nodiscard]] std::int64_t ensure_vm(const std::string& suffix, const GuestAsk& ask);
  [[nodiscard]] Shot ensure_shot(const std::string& suffix, const std::string& kind);
  /// Running, resumed where its QEMU was killed.
  void await_running(std::int64_t vm);
  void await_marker(std::int64_t vm);
  /// READY, helped along where a kill of its guest made it wait for somebody.
  void await_shot(const Shot& shot);
  void check_image(const Shot& shot);
  void check_nothing_is_left();

  Cloud& cloud_;
  const std::string name_;
  const std::function<void()> revive_;
  std::atomic<int> step_{0};
  std::atomic<int> strikes_{0};
  int noticed_ = 0;  ///< of the strikes, those that have spoilt a stretch
  std::atomic<bool> is_guest_hit_{false};
  std::array<std::chrono::milliseconds, kSteps> took_{};
  std::int64_t guest_ = -1;
  std::int64_t again_ = -1;
  Shot hot_;
  Shot deferred_;
};

}  // namespace neph::e2e
