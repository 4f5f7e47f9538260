#include <fmt/format.h>

#include <array>
#include <charconv>
#include <string>
#include <string_view>

#include "monitoring/records.h"

namespace neph::monitoring {
namespace {

/// One VM of the column `vms`: id, memory, CPU in hundredths of a percent or -1, and, where they
/// are known, the six sums of its traffic. VMs are separated by semicolons, numbers by blanks.
std::string to_column(const Record& record) {
  std::string column;
  for (const auto& [vm, sample] : record.vms) {
    const auto cpu = sample.cpu_percent ? static_cast<std::int64_t>(*sample.cpu_percent * 100) : -1;
    fmt::format_to(std::back_inserter(column), "{} {} {}", vm, sample.memory_kb, cpu);
    if (const auto& t = sample.traffic) {
      fmt::format_to(std::back_inserter(column), " {} {} {} {} {} {}", t->disk_read_bytes,
                     t->disk_reads, t->disk_written_bytes, t->disk_writes, t->received_bytes,
                     t->sent_bytes);
    }
    column += ';';
  }
  return column;
}

/// \returns how many numbers there were
template <std::size_t size>
std::size_t read_numbers(std::string_view text, std::array<std::int64_t, size>& numbers) {
  const char* at = text.data();
  const char* const end = at + text.size();
  std::size_t count = 0;
  while (at < end && count < size) {
    const auto read = std::from_chars(at, end, numbers[count]);
    if (read.ec != std::errc{}) break;
    ++count;
    at = read.ptr + 1;
  }
  return count;
}

void read_column(std::string_view column, Record& record) {
  while (!column.empty()) {
    const auto end = std::min(column.find(';'), column.size());
    std::array<std::int64_t, 9> n{};
    const std::size_t count = read_numbers(column.substr(0, end), n);
    column.remove_prefix(std::min(end + 1, column.size()));
    if (count != 3 && count != 9) continue;
    VmSample sample{record.sample.at, std::nullopt, n[1], std::nullopt};
    if (n[2] >= 0) sample.cpu_percent = static_cast<float>(n[2]) / 100;
    if (count == 9) sample.traffic = Traffic{n[3], n[4], n[5], n[6], n[7], n[8]};
    record.vms.emplace_back(VmId{n[0]}, sample);
  }
}

}  // namespace

void save_record(db::Txn& txn, const Record& record, Duration retention) {
  const HostSample& host = record.sample;
  txn.exec("DELETE FROM monitoring_records WHERE at < ?", (host.at + -retention).seconds());
  txn.exec(
      "INSERT OR REPLACE INTO monitoring_records (at, host_id, cpu_total, cpu_used,"
      " memory_used_kb, memory_free_kb, vms) VALUES (?,?,?,?,?,?,?)",
      host.at.seconds(), record.host, host.cpu_percent_total, host.used_cpu_percent,
      host.used_memory_kb, host.free_memory_kb, to_column(record));
}

void load_records(db::Txn& txn, Board& board) {
  auto rows = txn.query(
      "SELECT at, host_id, cpu_total, cpu_used, memory_used_kb, memory_free_kb, vms"
      " FROM monitoring_records ORDER BY at, host_id");
  while (rows.next()) {
    Record record;
    record.host = rows.get<HostId>(1);
    record.sample = {Instant{rows.integer(0) * 1000}, rows.get<std::optional<int>>(3),
                     rows.get<int>(2), rows.integer(4), rows.integer(5)};
    read_column(rows.text(6), record);
    board.restore(record);
  }
}

}  // namespace neph::monitoring
