#pragma once

#include <deque>
#include <map>
#include <mutex>

#include "monitoring/sample.h"

namespace neph::monitoring {

/// The samples of all hosts and VMs, in memory: the watcher writes, readers of documents read. Any
/// thread.
///
/// Bounded by time and by number: of each object the newest kNewest samples are there as they came,
/// older ones kSpacing apart, about 8 KB a VM with the retention that is the default. One record of
/// a host in kSpacing is handed out to be kept in the store, so that a restart forgets no more than
/// what is between them.
class Board {
 public:
  struct Settings {
    Duration hosts{43'200'000};  ///< how long samples are kept; 0: none but the last one
    Duration vms{43'200'000};
  };
  static constexpr std::size_t kNewest = 12;
  static constexpr Duration kSpacing{600'000};

  Board(const Clock& clock, Settings settings) : clock_(clock), settings_(settings) {}

  /// Takes what a visit has read. \returns what is to be kept in the store, when it is time
  std::optional<Record> add(const Reading& reading);
  /// Takes a record of an earlier run; in the order of their times, before the first add().
  void restore(const Record& record);

  /// How long records are of use.
  [[nodiscard]] Duration retention() const { return std::max(settings_.hosts, settings_.vms); }

  [[nodiscard]] std::optional<VmSample> last(VmId vm) const;
  [[nodiscard]] std::optional<HostSample> last(HostId host) const;
  /// Oldest first. \param within  of the last so long; nullopt: all that is kept
  [[nodiscard]] std::vector<VmSample> list(VmId vm, std::optional<Duration> within) const;
  [[nodiscard]] std::vector<HostSample> list(HostId host, std::optional<Duration> within) const;

 private:
  template <class Sample>
  struct Series {
    std::deque<Sample> samples;
    std::size_t spaced = 0;  ///< so many of the oldest are kSpacing apart
    Instant read_at;         ///< when the CPU time was read
    std::optional<std::int64_t> cpu_time_ns;
    Instant kept;

    void add(const Sample& sample);
  };
  template <class Series>
  static std::optional<double> advance(Series& series, Instant at,
                                       std::optional<std::int64_t> cpu_time_ns);
  template <class SeriesMap>
  static void expire(SeriesMap& all, Instant before);
  template <class SeriesMap, class AnyId>
  auto list_of(const SeriesMap& all, AnyId id, Duration retention,
               std::optional<Duration> within) const;

  const Clock& clock_;
  const Settings settings_;
  mutable std::mutex mutex_;  ///< guards all below
  std::map<VmId, Series<VmSample>> vms_;
  std::map<HostId, Series<HostSample>> hosts_;
  Instant swept_;
};

}  // namespace neph::monitoring
