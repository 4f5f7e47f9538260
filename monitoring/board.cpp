#include "monitoring/board.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace neph::monitoring {
namespace {

constexpr double kNsPerMs = 1e6;

template <class SeriesMap, class AnyId>
auto last_of(const SeriesMap& all, AnyId id) {
  const auto found = all.find(id);
  using Sample = typename decltype(found->second.samples)::value_type;
  if (found == all.end() || found->second.samples.empty()) return std::optional<Sample>{};
  return std::optional<Sample>{found->second.samples.back()};
}

}  // namespace

template <class Sample>
void Board::Series<Sample>::add(const Sample& sample) {
  samples.push_back(sample);
  if (samples.size() - spaced <= kNewest) return;
  const auto next = samples.begin() + static_cast<std::ptrdiff_t>(spaced);
  if (spaced == 0 || next->at - std::prev(next)->at >= kSpacing) ++spaced;
  else samples.erase(next);
}

/// Percent of one core since the last reading. Not known after a reboot, which begins at zero.
template <class AnySeries>
std::optional<double> Board::advance(AnySeries& series, Instant at,
                                     std::optional<std::int64_t> cpu_time_ns) {
  const auto before = std::exchange(series.cpu_time_ns, cpu_time_ns);
  const Duration passed = at - std::exchange(series.read_at, at);
  if (!before || !cpu_time_ns || *cpu_time_ns < *before || passed <= Duration{0}) {
    return std::nullopt;
  }
  const double used_ms = static_cast<double>(*cpu_time_ns - *before) / kNsPerMs;
  return 100 * used_ms / static_cast<double>(passed.count());
}

template <class SeriesMap>
void Board::expire(SeriesMap& all, Instant before) {
  for (auto& [id, series] : all) {
    while (!series.samples.empty() && series.samples.front().at < before) {
      series.samples.pop_front();
      if (series.spaced > 0) --series.spaced;
    }
  }
  std::erase_if(all, [](const auto& entry) { return entry.second.samples.empty(); });
}

std::optional<Record> Board::add(const Reading& reading) {
  const std::scoped_lock lock(mutex_);
  Record record;
  record.host = reading.host;
  auto& host = hosts_[reading.host];
  const auto host_cpu = advance(host, reading.at, reading.cpu_time_ns);
  record.sample = {reading.at, std::nullopt, reading.cpu_percent_total, reading.used_memory_kb,
                   reading.free_memory_kb};
  if (host_cpu) {
    record.sample.used_cpu_percent =
        std::min(static_cast<int>(std::lround(*host_cpu)), reading.cpu_percent_total);
  }
  host.add(record.sample);
  for (const VmReading& read : reading.vms) {
    auto& vm = vms_[read.vm];
    VmSample sample{reading.at, std::nullopt, read.memory_kb, read.traffic};
    if (const auto cpu = advance(vm, reading.at, read.cpu_time_ns)) {
      sample.cpu_percent = static_cast<float>(*cpu);
    }
    vm.add(sample);
    record.vms.emplace_back(read.vm, sample);
  }
  if (reading.at - swept_ >= kSpacing) {
    swept_ = reading.at;
    expire(hosts_, reading.at + -settings_.hosts);
    expire(vms_, reading.at + -settings_.vms);
  }
  if (retention() <= Duration{0} || reading.at - host.kept < kSpacing) return std::nullopt;
  host.kept = reading.at;
  return record;
}

void Board::restore(const Record& record) {
  const std::scoped_lock lock(mutex_);
  auto& host = hosts_[record.host];
  host.add(record.sample);
  host.kept = record.sample.at;
  for (const auto& [vm, sample] : record.vms) vms_[vm].add(sample);
}

std::optional<VmSample> Board::last(VmId vm) const {
  const std::scoped_lock lock(mutex_);
  return last_of(vms_, vm);
}

std::optional<HostSample> Board::last(HostId host) const {
  const std::scoped_lock lock(mutex_);
  return last_of(hosts_, host);
}

template <class SeriesMap, class AnyId>
auto Board::list_of(const SeriesMap& all, AnyId id, Duration retention,
                    std::optional<Duration> within) const {
  const std::scoped_lock lock(mutex_);
  const auto found = all.find(id);
  std::vector<typename decltype(found->second.samples)::value_type> chosen;
  if (found == all.end()) return chosen;
  const Instant since = clock_.now() + -std::min(within.value_or(retention), retention);
  std::ranges::copy_if(found->second.samples, std::back_inserter(chosen),
                       [since](const auto& sample) { return sample.at > since; });
  return chosen;
}

std::vector<VmSample> Board::list(VmId vm, std::optional<Duration> within) const {
  return list_of(vms_, vm, settings_.vms, within);
}

std::vector<HostSample> Board::list(HostId host, std::optional<Duration> within) const {
  return list_of(hosts_, host, settings_.hosts, within);
}

}  // namespace neph::monitoring
