#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"

/// Things that go wrong on order.
namespace neph::sim {

enum class FaultKind {
  kError = 1,            ///< the verb fails at once and does nothing
  kLostAnswer = 2,       ///< the verb does its work, and the caller hears of an error
  kCopyStalls = 3,       ///< no byte moves from `at` on, until cancelled or the stall limit
  kCopyFails = 4,        ///< the copy ends with `error` at byte `at`
  kDiskFull = 5,         ///< the copy ends with kExhausted at byte `at`
  kFreezeHangs = 6,      ///< the agent freezes and does not answer within the deadline
  kThawFails = 7,        ///< one attempt to thaw fails
  kHostUnreachable = 8,  ///< the host is cut off before the verb
  kHostHangs = 9,        ///< the host stops answering before the verb
  kHostDies = 10,        ///< the host loses power before the verb
  kDomainVanishes = 11,  ///< somebody destroys and undefines the domain before the verb
  kPretends = 12,        ///< the verb says that it did its work; a copy ends at byte `at`
};
/// "copy-stalls" and so on, for scripts and traces.
[[nodiscard]] std::string_view name_of(FaultKind kind);
[[nodiscard]] Result<FaultKind> fault_kind_from(std::string_view name);

inline constexpr int kAlways = -1;

struct Fault {
  FaultKind kind = FaultKind::kError;
  /// The driver function that is struck, "*" for any; empty: the one that the kind is about.
  /// The steps "agent.freeze" and "agent.thaw" within a pin count as verbs.
  std::string verb;
  std::string subject;  ///< only calls about this host, domain or path; empty: all
  int after = 0;        ///< so many calls are let through first
  int times = 1;        ///< so many calls are struck, or kAlways
  Bytes at;             ///< for copies
  Error error{Errc::kUnavailable, "the simulated fault was ordered", "simulated"};
};

/// One call of a driver, for the faults to judge by.
struct Scene {
  std::string_view verb;
  std::string host;
  std::string domain;
  std::string path;
  std::string source_path;  ///< of a copy
};

/// The faults that strike one call.
class Struck {
 public:
  explicit Struck(std::vector<Fault> faults = {}) : faults_(std::move(faults)) {}
  [[nodiscard]] const Fault* find(FaultKind kind) const;

 private:
  std::vector<Fault> faults_;
};

/// All faults on order. Not thread safe: SimWorld guards it.
class FaultPlan {
 public:
  void inject(Fault fault);
  void clear() { orders_.clear(); }
  /// Counts this call against every order and says which strike.
  [[nodiscard]] Struck strike(const Scene& scene);
  [[nodiscard]] bool is_empty() const { return orders_.empty(); }

 private:
  std::vector<Fault> orders_;
};

}  // namespace neph::sim
