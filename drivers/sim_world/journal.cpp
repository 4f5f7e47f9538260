#include "drivers/sim_world/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <utility>

namespace neph::sim {
namespace {

namespace json = boost::json;

constexpr std::size_t kOutdatedLinesMax = 10'000;

json::object line_of(const std::string& name, const Host& host) {
  return {{"host", name},
          {"cpu_percent", host.cpu_percent},
          {"memory_bytes", host.memory.value}};
}

json::object line_of(const std::string& path, const File& file);

json::array lines_of(const std::vector<Nic>& nics) {
  json::array lines;
  for (const Nic& nic : nics)
    lines.push_back(json::object{{"mac", nic.mac}, {"source", nic.source}});
  return lines;
}

json::object lines_of(const std::map<std::string, RestorePoint>& points) {
  json::object lines;
  for (const auto& [name, point] : points) {
    json::array layers;
    for (const auto& [path, file] : point.layers) layers.push_back(line_of(path, file));
    lines[name] = std::move(layers);
  }
  return lines;
}

json::object line_of(const DomainKey& key, const Domain& domain) {
  json::array disks;
  for (const Disk& disk : domain.disks)
    disks.push_back(json::object{
        {"target", disk.target}, {"path", disk.path}, {"readonly", disk.is_readonly}});
  return {{"domain", key.name},
          {"on", key.host},
          {"uuid", domain.uuid},
          {"power", static_cast<int>(domain.power)},
          {"reason", static_cast<int>(domain.reason)},
          {"memory_bytes", domain.memory.value},
          {"vcpus", domain.vcpus},
          {"vnc_port", domain.vnc_port},
          {"agent", domain.has_agent_channel},
          {"boots", domain.boots},
          {"cpu_time_ns", domain.cpu_time_ns},
          {"running_since_ms", domain.running_since.ms},
          {"disks", std::move(disks)},
          {"nics", lines_of(domain.nics)},
          {"restore_points", lines_of(domain.restore_points)}};
}

json::object line_of(const std::string& path, const File& file) {
  json::array blocks;
  for (const auto& [block, stamp] : file.blocks) blocks.push_back(json::array{block, stamp});
  return {{"file", path},
          {"format", static_cast<int>(file.format)},
          {"virtual_size_bytes", file.virtual_size.value},
          {"backing", file.backing_path},
          {"ballast_bytes", file.ballast.value},
          {"memory_of", file.memory_of},
          {"conjured", file.is_conjured},
          {"created_ms", file.created.ms},
          {"modified_ms", file.modified.ms},
          {"blocks", std::move(blocks)}};
}

std::string text_of(const json::object& line, const char* name) {
  return std::string(line.at(name).as_string());
}

template <class Number>
Number number_of(const json::object& line, const char* name) {
  return line.at(name).to_number<Number>();
}

void read_host(State& state, const json::object& line) {
  Host& host = state.hosts[text_of(line, "host")];
  host.cpu_percent = number_of<int>(line, "cpu_percent");
  host.memory = Bytes{number_of<std::int64_t>(line, "memory_bytes")};
}

File file_of(const json::object& line) {
  File file;
  file.format = static_cast<datastore_driver::Format>(number_of<int>(line, "format"));
  file.virtual_size = Bytes{number_of<std::int64_t>(line, "virtual_size_bytes")};
  file.backing_path = text_of(line, "backing");
  file.ballast = Bytes{number_of<std::int64_t>(line, "ballast_bytes")};
  file.memory_of = text_of(line, "memory_of");
  file.is_conjured = line.at("conjured").as_bool();
  file.created = {number_of<std::int64_t>(line, "created_ms")};
  file.modified = {number_of<std::int64_t>(line, "modified_ms")};
  for (const json::value& block : line.at("blocks").as_array())
    file.blocks[block.at(0).to_number<std::int64_t>()] = block.at(1).to_number<Stamp>();
  return file;
}

/// A journal of an older version has none of these.
void read_additions(const json::object& line, Domain& domain) {
  if (!line.contains("nics")) return;
  for (const json::value& nic : line.at("nics").as_array())
    domain.nics.push_back({text_of(nic.as_object(), "mac"), text_of(nic.as_object(), "source")});
  for (const auto& [name, layers] : line.at("restore_points").as_object()) {
    RestorePoint& point = domain.restore_points[std::string(name)];
    for (const json::value& layer : layers.as_array())
      point.layers[text_of(layer.as_object(), "file")] = file_of(layer.as_object());
  }
}

void read_domain(State& state, const json::object& line) {
  const DomainKey key{text_of(line, "on"), text_of(line, "domain")};
  if (line.contains("gone")) {
    state.domains.erase(key);
    return;
  }
  Domain domain;
  domain.uuid = text_of(line, "uuid");
  domain.power = static_cast<hypervisor_driver::Power>(number_of<int>(line, "power"));
  domain.reason = static_cast<hypervisor_driver::StopReason>(number_of<int>(line, "reason"));
  domain.memory = Bytes{number_of<std::int64_t>(line, "memory_bytes")};
  domain.vcpus = number_of<int>(line, "vcpus");
  domain.vnc_port = number_of<int>(line, "vnc_port");
  domain.has_agent_channel = line.at("agent").as_bool();
  domain.boots = number_of<std::int64_t>(line, "boots");
  domain.cpu_time_ns = number_of<std::int64_t>(line, "cpu_time_ns");
  domain.running_since = {number_of<std::int64_t>(line, "running_since_ms")};
  for (const json::value& disk : line.at("disks").as_array())
    domain.disks.push_back({text_of(disk.as_object(), "target"), text_of(disk.as_object(), "path"),
                            disk.at("readonly").as_bool()});
  read_additions(line, domain);
  state.domains[key] = std::move(domain);
}

void read_file(State& state, const json::object& line) {
  const std::string path = text_of(line, "file");
  if (line.contains("gone")) {
    state.files.erase(path);
    return;
  }
  state.files[path] = file_of(line);
}

void read_directory(State& state, const json::object& line) {
  const std::string path = text_of(line, "directory");
  if (line.contains("gone")) {
    state.directories.erase(path);
  } else {
    state.directories.insert(path);
  }
}

void read_line(State& state, const json::object& line) {
  if (line.contains("directory")) return read_directory(state, line);
  if (line.contains("host")) return read_host(state, line);
  if (line.contains("domain")) return read_domain(state, line);
  read_file(state, line);
}

Result<void> read_all(const std::string& path, State& state) {
  if (::access(path.c_str(), F_OK) != 0) return {};
  std::ifstream input(path);
  if (!input)
    return fail_because(Errc::kUnavailable, std::strerror(errno), "cannot read {}", path);
  std::string text;
  int number = 0;
  while (std::getline(input, text)) {
    ++number;
    if (input.eof()) break;  // no newline: the write of this line was cut short
    try {
      read_line(state, json::parse(text).as_object());
    } catch (const std::exception& error) {
      return fail_because(Errc::kInvalid, error.what(), "line {} of {} is no journal line", number,
                          path);
    }
  }
  return {};
}

void add(std::string& lines, const json::object& line) { lines += json::serialize(line) + '\n'; }

std::size_t size_of(const State& state) {
  return state.hosts.size() + state.domains.size() + state.directories.size() +
         state.files.size();
}

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(std::string path, State& state) {
  CHECK_OK(read_all(path, state));
  for (const auto& [key, domain] : state.domains) state.reindex(key);
  std::unique_ptr<Journal> journal(new Journal(std::move(path)));
  CHECK_OK(journal->rewrite(state));
  return journal;
}

Journal::~Journal() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<void> Journal::rewrite(State& state) {
  std::string lines;
  for (const auto& [name, host] : state.hosts) add(lines, line_of(name, host));
  for (const auto& [key, domain] : state.domains) add(lines, line_of(key, domain));
  for (const std::string& path : state.directories) add(lines, {{"directory", path}});
  for (const auto& [path, file] : state.files)
    if (!file.is_unfinished) add(lines, line_of(path, file));
  state.touched_hosts.clear();
  state.touched_domains.clear();
  state.touched_files.clear();
  state.touched_directories.clear();
  const std::string fresh = path_ + ".new";
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
  CHECK_OK(append(lines));
  if (std::rename(fresh.c_str(), path_.c_str()) != 0)
    return fail_because(Errc::kUnavailable, std::strerror(errno), "cannot rename {}", fresh);
  lines_ = size_of(state);
  return {};
}

Result<void> Journal::append(const std::string& lines) {
  std::size_t written = 0;
  while (descriptor_ < 0 || written < lines.size()) {
    const ssize_t count = ::write(descriptor_, lines.data() + written, lines.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0)
      return fail_because(Errc::kUnavailable, std::strerror(errno), "cannot write {}", path_);
    written += static_cast<std::size_t>(count);
  }
  return {};
}

Result<void> Journal::save(State& state) {
  std::string lines;
  for (const std::string& name : std::exchange(state.touched_hosts, {})) {
    add(lines, line_of(name, state.hosts.at(name)));
    ++lines_;
  }
  for (const DomainKey& key : std::exchange(state.touched_domains, {})) {
    const Domain* domain = state.find_domain(key);
    add(lines, domain != nullptr
                   ? line_of(key, *domain)
                   : json::object{{"domain", key.name}, {"on", key.host}, {"gone", true}});
    ++lines_;
  }
  for (const std::string& path : std::exchange(state.touched_files, {})) {
    const File* file = state.find_file(path);
    const bool is_kept = file != nullptr && !file->is_unfinished;
    add(lines, is_kept ? line_of(path, *file) : json::object{{"file", path}, {"gone", true}});
    ++lines_;
  }
  for (const std::string& path : std::exchange(state.touched_directories, {})) {
    const bool is_kept = state.directories.contains(path);
    add(lines, is_kept ? json::object{{"directory", path}}
                       : json::object{{"directory", path}, {"gone", true}});
    ++lines_;
  }
  if (lines_ > 2 * size_of(state) + kOutdatedLinesMax) return rewrite(state);
  return lines.empty() ? Result<void>{} : append(lines);
}

}  // namespace neph::sim
