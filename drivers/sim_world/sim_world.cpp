#include "drivers/sim_world/sim_world.h"

#include <utility>

#include "base/log.h"
#include "drivers/sim_world/guests.h"

namespace neph::sim {

using hypervisor_driver::StopReason;
using Kind = hypervisor_driver::GuestEvent::Kind;

SimWorld::SimWorld(Clock& clock, WorldConfig config) : clock_(clock), config_(std::move(config)) {
  state_.evidence = config_.evidence;
  if (config_.journal_path.empty()) return;
  auto journal = Journal::open(config_.journal_path, state_);
  if (journal) {
    journal_ = std::move(*journal);
  } else {
    log::error("sim.journal_unusable", {{"error", journal.error().text()}});
  }
}

void SimWorld::catch_up() {
  state_.now = clock_.now();
  while (!state_.pending.empty() && state_.pending.begin()->first <= state_.now) {
    const PendingAct due = state_.pending.begin()->second;
    state_.pending.erase(state_.pending.begin());
    const Domain* domain = state_.find_domain(due.key);
    if (domain != nullptr && domain->boots == due.boots) perform(state_, due.key, due.act);
  }
}

void SimWorld::keep() {
  if (journal_ == nullptr) {
    state_.touched_hosts.clear();
    state_.touched_domains.clear();
    state_.touched_files.clear();
    state_.touched_directories.clear();
    return;
  }
  if (auto saved = journal_->save(state_); !saved) {
    log::error("sim.journal_unusable", {{"error", saved.error().text()}});
    journal_.reset();
  }
}

void SimWorld::deliver() {
  const std::scoped_lock delivery(delivery_mutex_);
  std::vector<WorldEvent> events;
  {
    const std::scoped_lock lock(mutex_);
    events.swap(state_.outbox);
  }
  for (const WorldEvent& event : events)
    for (const auto& [owner, listener] : listeners_) listener(event);
}

void SimWorld::listen(const void* owner, Listener listener) {
  const std::scoped_lock delivery(delivery_mutex_);
  std::erase_if(listeners_, [owner](const auto& entry) { return entry.first == owner; });
  if (listener) listeners_.emplace_back(owner, std::move(listener));
}

template <class Look>
auto SimWorld::look(Look&& regard) const {
  const std::scoped_lock lock(mutex_);
  return regard(state_);
}

Result<DomainKey> SimWorld::find(State& state, const GuestRef& guest) {
  std::optional<DomainKey> found;
  for (const auto& [key, domain] : state.domains) {
    if (key.name != guest.name) continue;
    if (!guest.host.empty() && key.host != guest.host) continue;
    if (!found || domain.is_active()) found = key;
  }
  if (!found) return fail(Errc::kNotFound, "no host has a domain {}", guest.name);
  return *found;
}

void SimWorld::add_host(const std::string& name, const Host& host) {
  (void)change([&](State& state) {
    state.host(name) = host;
    state.touched_hosts.insert(name);
    return 0;
  });
}

void SimWorld::change_reach(const std::string& name, Reach reach) {
  (void)change([&](State& state) {
    const Reach before = state.host(name).reach;
    if (before == reach) return 0;
    // The loss is heard first, then nothing more; the return is heard after the host is back.
    if (before == Reach::kUp) state.emit({name, {}}, Kind::kHostLost);
    state.host(name).reach = reach;
    if (reach == Reach::kDown) {
      for (auto& [key, domain] : state.domains)
        if (key.host == name) power_off(state, key, StopReason::kUnknown);
    }
    if (reach == Reach::kUp) state.emit({name, {}}, Kind::kHostBack);
    return 0;
  });
}

Result<void> SimWorld::guest_writes(const GuestRef& guest, const std::string& target,
                                    std::int64_t block, Stamp stamp) {
  return change([&](State& state) -> Result<void> {
    return write_block(state, TRY(find(state, guest)), {target, block, stamp});
  });
}

Result<void> SimWorld::act(const GuestRef& guest, GuestAct what) {
  return change([&](State& state) -> Result<void> {
    const DomainKey key = TRY(find(state, guest));
    if (!state.domains.at(key).is_active())
      return fail(Errc::kWrongState, "guest {} does not run", key.name);
    perform(state, key, what);
    return {};
  });
}

Result<void> SimWorld::guest_shuts_down(const GuestRef& guest) {
  return act(guest, GuestAct::kShutDown);
}
Result<void> SimWorld::guest_crashes(const GuestRef& guest) { return act(guest, GuestAct::kCrash); }
Result<void> SimWorld::guest_pauses(const GuestRef& guest) { return act(guest, GuestAct::kPause); }
Result<void> SimWorld::qemu_dies(const GuestRef& guest) { return act(guest, GuestAct::kDie); }

Result<void> SimWorld::later(Duration delay, const GuestRef& guest, GuestAct what) {
  return change([&](State& state) -> Result<void> {
    const DomainKey key = TRY(find(state, guest));
    state.pending.emplace(state.now + delay, PendingAct{key, state.domains.at(key).boots, what});
    return {};
  });
}

void SimWorld::set_conduct(const std::string& domain_name, const Conduct& conduct) {
  (void)change([&](State& state) {
    state.conducts[domain_name] = conduct;
    return 0;
  });
}

void SimWorld::guest_ignores_acpi(const std::string& domain_name) {
  (void)change([&](State& state) {
    state.conducts[domain_name].acpi = Acpi::kIgnored;
    return 0;
  });
}

void SimWorld::set_agent(const std::string& domain_name, Agent agent) {
  (void)change([&](State& state) {
    state.conducts[domain_name].agent = agent;
    return 0;
  });
}

Result<void> SimWorld::domain_vanishes(const GuestRef& guest) {
  return change([&](State& state) -> Result<void> {
    vanish(state, TRY(find(state, guest)));
    return {};
  });
}

void SimWorld::run_due() {
  (void)change([](State&) { return 0; });
}

std::optional<Instant> SimWorld::next_due() const {
  return look([](const State& state) -> std::optional<Instant> {
    if (state.pending.empty()) return std::nullopt;
    return state.pending.begin()->first;
  });
}

void SimWorld::put_file(const std::string& path, File file) {
  (void)change([&](State& state) {
    state.put_file(path, std::move(file));
    return 0;
  });
}

void SimWorld::put_image(const std::string& path, datastore_driver::Format format,
                         Bytes virtual_size, Blocks blocks) {
  File file;
  file.format = format;
  file.virtual_size = virtual_size;
  file.blocks = std::move(blocks);
  put_file(path, std::move(file));
}

void SimWorld::set_space(const std::string& directory, Bytes total) {
  (void)change([&](State& state) {
    state.areas[directory] = total;
    return 0;
  });
}

void SimWorld::set_sharing(Sharing sharing) {
  (void)change([&](State& state) {
    state.sharing = sharing;
    return 0;
  });
}

Result<Content> SimWorld::content_of(const std::string& path) const {
  return look([&](State& state) { return state.flatten(path); });
}

Result<Content> SimWorld::guest_content(const GuestRef& guest, const std::string& target) const {
  return look([&](State& state) -> Result<Content> {
    const DomainKey key = TRY(find(state, guest));
    const Disk* disk = state.domains.at(key).find_disk(target);
    if (disk == nullptr) return fail(Errc::kNotFound, "{} has no disk {}", key.name, target);
    return state.flatten(disk->path);
  });
}

Result<Content> SimWorld::content_when_pinned(const std::string& overlay_path) const {
  return TRY(find_pinned(overlay_path)).content;
}

Result<Rested> SimWorld::find_rested(const std::string& guest, const std::string& target) const {
  return look([&](const State& state) -> Result<Rested> {
    const auto at = state.rested.find({guest, target});
    if (at == state.rested.end()) return fail(Errc::kNotFound, "{} never stopped", guest);
    return at->second;
  });
}

Result<Pinned> SimWorld::find_pinned(const std::string& overlay_path) const {
  return look([&](const State& state) -> Result<Pinned> {
    const auto at = state.pinned.find(overlay_path);
    if (at == state.pinned.end()) return fail(Errc::kNotFound, "{} pins nothing", overlay_path);
    return at->second;
  });
}

std::optional<File> SimWorld::find_file(const std::string& path) const {
  return look([&](State& state) -> std::optional<File> {
    const File* file = state.find_file(path);
    return file == nullptr ? std::nullopt : std::optional<File>(*file);
  });
}

std::vector<std::string> SimWorld::list_files() const {
  return look([](const State& state) {
    std::vector<std::string> paths;
    for (const auto& [path, file] : state.files) paths.push_back(path);
    return paths;
  });
}

std::optional<Domain> SimWorld::find_domain(const GuestRef& guest) const {
  return look([&](State& state) -> std::optional<Domain> {
    const auto key = find(state, guest);
    return key ? std::optional<Domain>(state.domains.at(*key)) : std::nullopt;
  });
}

std::map<DomainKey, Domain> SimWorld::list_domains() const {
  return look([](const State& state) { return state.domains; });
}

Reach SimWorld::reach_of(const std::string& host) const {
  return look([&](const State& state) {
    const auto at = state.hosts.find(host);
    return at == state.hosts.end() ? Reach::kUp : at->second.reach;
  });
}

void SimWorld::inject(Fault fault) {
  const std::scoped_lock lock(mutex_);
  faults_.inject(std::move(fault));
}

void SimWorld::clear_faults() {
  const std::scoped_lock lock(mutex_);
  faults_.clear();
}

std::vector<std::string> SimWorld::violations() const {
  return look([](const State& state) { return state.violations; });
}

Result<Struck> SimWorld::begin(const Scene& scene) {
  if (config_.call.count() > 0) clock_.sleep_for(config_.call);
  if (tracer_) tracer_(scene, Moment::kBefore);
  const Struck struck = change([&](State&) { return faults_.strike(scene); });
  const bool is_host_struck = !scene.host.empty();
  if (is_host_struck && struck.find(FaultKind::kHostUnreachable)) cut_host(scene.host);
  if (is_host_struck && struck.find(FaultKind::kHostHangs)) hang_host(scene.host);
  if (is_host_struck && struck.find(FaultKind::kHostDies)) kill_host(scene.host);
  if (!scene.domain.empty() && struck.find(FaultKind::kDomainVanishes))
    (void)domain_vanishes({scene.domain, scene.host});
  if (const Fault* fault = struck.find(FaultKind::kError)) return tl::unexpected(fault->error);
  return struck;
}

}  // namespace neph::sim
