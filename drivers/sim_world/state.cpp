#include "drivers/sim_world/state.h"

#include <algorithm>
#include <utility>

namespace neph::sim {

using hypervisor_driver::Power;

Bytes File::stored_size() const {
  return Bytes{static_cast<std::int64_t>(blocks.size()) * kBlockSize.value} + ballast;
}

bool Domain::is_active() const { return power == Power::kRunning || power == Power::kPaused; }

const Disk* Domain::find_disk(std::string_view target) const {
  for (const Disk& disk : disks)
    if (disk.target == target) return &disk;
  return nullptr;
}

bool is_below(std::string_view path, std::string_view directory) {
  while (!directory.empty() && directory.back() == '/') directory.remove_suffix(1);
  if (!path.starts_with(directory)) return false;
  return path.size() == directory.size() || path[directory.size()] == '/';
}

Host& State::host(const std::string& name) {
  auto [at, is_new] = hosts.try_emplace(name);
  if (is_new) touched_hosts.insert(name);
  return at->second;
}

Domain* State::find_domain(const DomainKey& key) {
  const auto at = domains.find(key);
  return at == domains.end() ? nullptr : &at->second;
}

File* State::find_file(const std::string& path) {
  const auto at = files.find(path);
  return at == files.end() ? nullptr : &at->second;
}

Result<File*> State::file(const std::string& path) {
  if (File* found = find_file(path)) return found;
  return fail_because(Errc::kNotFound, "No such file or directory", "file {} is missing", path);
}

void State::put_file(const std::string& path, File file) {
  file.modified = now;
  if (!file.created.is_set()) file.created = now;
  files[path] = std::move(file);
  touch(path);
}

void State::remove_file(const std::string& path) {
  files.erase(path);
  touch(path);
}

bool State::has_directory(const std::string& path) const {
  const auto holds = [below = path + "/"](const auto& names, const auto& name_of) {
    const auto at = names.lower_bound(below);
    return at != names.end() && name_of(*at).starts_with(below);
  };
  return directories.contains(path) || areas.contains(path) ||
         holds(directories, [](const std::string& name) { return name; }) ||
         holds(files, [](const auto& entry) { return entry.first; });
}

void State::add_directory(std::string path) {
  while (path.size() > 1) {
    if (directories.insert(path).second) touched_directories.insert(path);
    path.erase(path.rfind('/'));
  }
}

Result<std::vector<std::string>> State::chain_of(const std::string& path) {
  std::vector<std::string> chain;
  for (std::string next = path; !next.empty();) {
    const File* layer = TRY(file(next));
    if (std::find(chain.begin(), chain.end(), next) != chain.end())
      return fail(Errc::kInvalid, "the backing files of {} form a ring", path);
    chain.push_back(next);
    next = layer->backing_path;
  }
  return chain;
}

Result<Content> State::flatten(const std::string& path) {
  const auto chain = TRY(chain_of(path));
  Content content{files.at(path).virtual_size, {}};
  for (const std::string& layer : chain)
    for (const auto& [block, stamp] : files.at(layer).blocks) content.blocks.emplace(block, stamp);
  std::erase_if(content.blocks, [](const auto& entry) { return entry.second == 0; });
  return content;
}

void State::write(File& file, std::int64_t block, Stamp stamp) {
  file.blocks[block] = stamp;
  file.modified = now;
  ++file.generation;
}

Result<void> State::fold(const std::string& overlay, const std::string& base) {
  File* upper = TRY(file(overlay));
  File* lower = TRY(file(base));
  if (upper->backing_path != base)
    return fail(Errc::kInvalid, "layer {} lies on {}, not on {}", overlay, upper->backing_path,
                base);
  for (const auto& [block, stamp] : upper->blocks) write(*lower, block, stamp);
  lower->virtual_size = std::max(lower->virtual_size, upper->virtual_size);
  for (auto& [path, file] : files) {
    if (path == overlay) continue;
    if (file.backing_path == base)
      violate(fmt::format("{} was folded into {} on which {} lies too", overlay, base, path));
    if (file.backing_path != overlay) continue;
    file.backing_path = base;
    touch(path);
  }
  touch(base);
  remove_file(overlay);
  return {};
}

datastore_driver::Usage State::usage_of(const std::string& directory) const {
  std::string area = "/";
  Bytes total = area_default;
  for (const auto& [prefix, size] : areas) {
    if (!is_below(directory, prefix) || prefix.size() < area.size()) continue;
    area = prefix;
    total = size;
  }
  Bytes used;
  for (const auto& [path, file] : files)
    if (is_below(path, area)) used = used + file.stored_size();
  used = std::min(used, total);
  return {.total = total, .free = total - used, .used = used};
}

Result<void> State::check_room(const std::string& path, Bytes need) const {
  const bool is_limited = std::any_of(areas.begin(), areas.end(), [&](const auto& area) {
    return is_below(path, area.first);
  });
  if (!is_limited || usage_of(path).free >= need) return {};
  return fail_because(Errc::kExhausted, "No space left on device", "no room to write {}", path);
}

void State::reindex(const DomainKey& key) {
  Domain* domain = find_domain(key);
  NEPH_ASSERT(domain != nullptr);
  for (const std::string& layer : domain->used_layers) {
    auto at = users.find(layer);
    at->second.erase(key);
    if (at->second.empty()) users.erase(at);
  }
  std::set<std::string> layers;
  if (domain->is_active()) {
    for (const Disk& disk : domain->disks) {
      // A layer that somebody removed under a running guest is still held open by it.
      const auto chain = chain_of(disk.path).value_or(std::vector<std::string>{disk.path});
      layers.insert(chain.begin(), chain.end());
    }
  }
  domain->used_layers.assign(layers.begin(), layers.end());
  for (const std::string& layer : layers) users[layer].insert(key);
  touch(key);
}

bool State::is_in_use(const std::string& path) const {
  return users.contains(path) || copies.contains(path);
}

std::string State::writer_of(const std::string& path) const {
  const auto at = users.find(path);
  if (at == users.end()) return {};
  for (const DomainKey& key : at->second)
    for (const Disk& disk : domains.at(key).disks)
      if (disk.path == path && !disk.is_readonly) return key.host + "/" + key.name;
  return {};
}

void State::expect_at_rest(const std::string& path, std::string_view what_for) {
  const std::string writer = writer_of(path);
  if (!writer.empty()) violate(fmt::format("{} of {} while {} writes it", what_for, path, writer));
}

void State::expect_unused(const std::string& path, std::string_view what_for) {
  if (const auto at = users.find(path); at != users.end()) {
    const DomainKey& key = *at->second.begin();
    violate(fmt::format("{} of {} while {}/{} runs on it", what_for, path, key.host, key.name));
  }
  if (copies.contains(path)) violate(fmt::format("{} of {} while it is copied", what_for, path));
}

void State::emit(const DomainKey& key, hypervisor_driver::GuestEvent::Kind kind,
                 hypervisor_driver::StopReason reason, std::string detail) {
  if (host(key.host).reach != Reach::kUp) return;
  const Domain* domain = find_domain(key);
  outbox.push_back({kind, key, domain == nullptr ? std::string{} : domain->uuid, reason,
                    std::move(detail), now});
}

}  // namespace neph::sim
