#include "tests/support/lossy_disk.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace neph {
namespace {

using Content = std::vector<unsigned char>;
using Effect = LossyDisk::Effect;
using Region = std::shared_ptr<std::array<unsigned char, 32768>>;

/// A write, or a truncation to `offset` when there is no data.
struct Change {
  std::int64_t offset = 0;
  Content data;
};

void put_into(Content& bytes, const Change& change) {
  const auto offset = static_cast<std::size_t>(change.offset);
  if (change.data.empty()) {
    bytes.resize(std::min(bytes.size(), offset));
    return;
  }
  bytes.resize(std::max(bytes.size(), offset + change.data.size()));
  std::copy(change.data.begin(), change.data.end(),
            bytes.begin() + static_cast<std::ptrdiff_t>(offset));
}

struct Node {
  Content synced;
  Content current;
  std::vector<Change> unsynced;
  std::vector<Region> shared;  ///< shared memory: nothing of it is ever written down

  void change(Change change) {
    put_into(current, change);
    unsynced.push_back(std::move(change));
  }
  void sync() {
    for (const Change& change : unsynced) put_into(synced, change);
    unsynced.clear();
  }
};
using NodePtr = std::shared_ptr<Node>;
using Directory = std::map<std::string, NodePtr>;

/// A file made, or removed when there is no node.
struct NameChange {
  std::string name;
  NodePtr node;
};

/// How much a power cut takes: everything, nothing, or something between.
class Luck {
 public:
  explicit Luck(std::uint64_t seed) : random_(seed) {
    static constexpr std::array kShares = {0.0, 0.1, 0.5, 0.9, 1.0};
    kept_ = kShares[pick(kShares.size())];
    sector_ = pick(2) == 0 ? 512 : 4096;
    has_noise_ = pick(4) == 0;
  }
  std::size_t pick(std::size_t count) { return random_() % count; }

  /// What is left of a file.
  Content survive(Node& node) {
    Content left = std::move(node.synced);
    for (const Change& change : node.unsynced) {
      if (change.data.empty()) {
        if (is_kept()) put_into(left, change);
        continue;
      }
      for (std::size_t at = 0; at < change.data.size();) at = survive(left, change, at);
    }
    return left;
  }

 private:
  bool is_kept() { return static_cast<double>(random_() % 1000) < kept_ * 1000; }

  /// One sector's part of a write. \returns where the next one begins
  std::size_t survive(Content& left, const Change& change, std::size_t at) {
    const std::size_t offset = static_cast<std::size_t>(change.offset) + at;
    const std::size_t end =
        std::min(change.data.size(), at + sector_ - offset % sector_);
    if (!is_kept()) return end;
    const std::size_t size = left.size();
    Change part{static_cast<std::int64_t>(offset),
                Content(change.data.begin() + static_cast<std::ptrdiff_t>(at),
                      change.data.begin() + static_cast<std::ptrdiff_t>(end))};
    put_into(left, part);
    for (std::size_t gap = size; has_noise_ && gap < offset; ++gap)
      left[gap] = static_cast<unsigned char>(random_());
    return end;
  }

  std::mt19937_64 random_;
  double kept_ = 0;
  std::size_t sector_ = 512;
  bool has_noise_ = false;
};

constexpr std::string_view kRoot = "/lossy/";

}  // namespace

struct LossyDisk::Disk {
  int number = 0;
  bool is_on = true;
  std::uint64_t run = 0;  ///< counts power cuts: what was opened in an earlier run is dead
  Directory names;
  Directory synced_names;
  std::vector<NameChange> unsynced_names;
  Watcher watcher;

  /// \returns false when the power is off, perhaps since this moment
  bool allow(Effect effect, std::string_view file) {
    if (!is_on) return false;
    if (watcher) watcher(effect, file);
    return is_on;
  }
  static void keep(Directory& directory, const NameChange& change) {
    if (change.node) directory[change.name] = change.node;
    else directory.erase(change.name);
  }
  void change_name(NameChange change) {
    keep(names, change);
    unsynced_names.push_back(std::move(change));
  }
  /// The first so many changes, in order.
  void sync_names(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) keep(synced_names, unsynced_names[i]);
    unsynced_names.erase(unsynced_names.begin(),
                         unsynced_names.begin() + static_cast<std::ptrdiff_t>(count));
  }
  /// A file that is synced is found again, and so is all that was done to names before.
  void sync_name_of(const Node* node) {
    for (std::size_t i = unsynced_names.size(); i > 0; --i)
      if (unsynced_names[i - 1].node.get() == node) return sync_names(i);
  }
  void lose(std::uint64_t seed) {
    Luck luck(seed);
    sync_names(luck.pick(unsynced_names.size() + 1));
    unsynced_names.clear();
    names.clear();
    for (auto& [name, node] : synced_names) {
      auto left = std::make_shared<Node>();
      left->synced = luck.survive(*node);
      left->current = left->synced;
      node = left;
    }
    names = synced_names;
    is_on = false;
    ++run;
  }
};

namespace {

using Disk = LossyDisk::Disk;

/// What the VFS knows of the disks there are.
struct Machine {
  sqlite3_vfs* system = nullptr;
  std::map<int, Disk*> disks;
  int last = 0;
};
Machine& machine() {
  static Machine instance;
  return instance;
}

/// The disk of "/lossy/<number>/<name>".
Disk* disk_of(const char* path) {
  const std::string_view text = path == nullptr ? "" : path;
  if (!text.starts_with(kRoot)) return nullptr;
  const auto at = machine().disks.find(std::atoi(path + kRoot.size()));
  return at == machine().disks.end() ? nullptr : at->second;
}

/// What SQLite keeps of an open file. Made and ended by hand: SQLite gives the memory.
struct OpenFile {
  sqlite3_file base;
  struct Inside {
    Disk* disk = nullptr;
    std::uint64_t run = 0;
    std::string name;
    NodePtr node;
    std::vector<Region> shared;  ///< outlives a power cut as long as somebody may look at it
  };
  Inside* inside;

  static Inside& of(sqlite3_file* file) { return *reinterpret_cast<OpenFile*>(file)->inside; }
};

bool is_alive(const OpenFile::Inside& file) {
  return file.disk->is_on && file.disk->run == file.run;
}
bool may(const OpenFile::Inside& file, Effect effect) {
  return is_alive(file) && file.disk->allow(effect, file.name);
}

int file_close(sqlite3_file* file) {
  delete reinterpret_cast<OpenFile*>(file)->inside;
  return SQLITE_OK;
}

int file_read(sqlite3_file* handle, void* to, int amount, sqlite3_int64 offset) {
  const auto& file = OpenFile::of(handle);
  if (!is_alive(file)) return SQLITE_IOERR_READ;
  const Content& bytes = file.node->current;
  const auto size = static_cast<sqlite3_int64>(bytes.size());
  const auto there = static_cast<std::size_t>(
      std::clamp<sqlite3_int64>(size - offset, 0, amount));
  std::memset(to, 0, static_cast<std::size_t>(amount));
  if (there > 0) std::memcpy(to, bytes.data() + offset, there);
  return there == static_cast<std::size_t>(amount) ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

int file_write(sqlite3_file* handle, const void* from, int amount, sqlite3_int64 offset) {
  const auto& file = OpenFile::of(handle);
  if (!may(file, Effect::kWrite)) return SQLITE_IOERR_WRITE;
  const auto* data = static_cast<const unsigned char*>(from);
  file.node->change({offset, Content(data, data + amount)});
  return SQLITE_OK;
}

int file_truncate(sqlite3_file* handle, sqlite3_int64 size) {
  const auto& file = OpenFile::of(handle);
  if (!may(file, Effect::kTruncate)) return SQLITE_IOERR_TRUNCATE;
  file.node->change({size, {}});
  return SQLITE_OK;
}

int file_sync(sqlite3_file* handle, int) {
  const auto& file = OpenFile::of(handle);
  if (!may(file, Effect::kSync)) return SQLITE_IOERR_FSYNC;
  file.node->sync();
  file.disk->sync_name_of(file.node.get());
  return SQLITE_OK;
}

int file_size(sqlite3_file* handle, sqlite3_int64* size) {
  const auto& file = OpenFile::of(handle);
  if (!is_alive(file)) return SQLITE_IOERR_FSTAT;
  *size = static_cast<sqlite3_int64>(file.node->current.size());
  return SQLITE_OK;
}

int file_lock(sqlite3_file*, int) { return SQLITE_OK; }
int file_is_reserved(sqlite3_file*, int* is_reserved) {
  *is_reserved = 0;
  return SQLITE_OK;
}
int file_control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
// As SQLite's own VFS on a disk of today says.
int file_sector_size(sqlite3_file*) { return 4096; }
int file_characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

int file_map_shared(sqlite3_file* handle, int index, int, int extends, void volatile** where) {
  auto& file = OpenFile::of(handle);
  *where = nullptr;
  if (!is_alive(file)) return SQLITE_IOERR_SHMMAP;
  auto& regions = file.node->shared;
  const auto at = static_cast<std::size_t>(index);
  if (at >= regions.size() && extends == 0) return SQLITE_OK;
  while (at >= regions.size()) regions.push_back(std::make_shared<Region::element_type>());
  file.shared = regions;
  *where = regions[at]->data();
  return SQLITE_OK;
}
int file_lock_shared(sqlite3_file*, int, int, int) { return SQLITE_OK; }
void file_barrier(sqlite3_file*) {}
int file_unmap_shared(sqlite3_file* handle, int removes) {
  auto& file = OpenFile::of(handle);
  if (removes != 0) file.node->shared.clear();
  file.shared.clear();
  return SQLITE_OK;
}

constexpr sqlite3_io_methods kFileMethods = {
    .iVersion = 2,
    .xClose = &file_close,
    .xRead = &file_read,
    .xWrite = &file_write,
    .xTruncate = &file_truncate,
    .xSync = &file_sync,
    .xFileSize = &file_size,
    .xLock = &file_lock,
    .xUnlock = &file_lock,
    .xCheckReservedLock = &file_is_reserved,
    .xFileControl = &file_control,
    .xSectorSize = &file_sector_size,
    .xDeviceCharacteristics = &file_characteristics,
    .xShmMap = &file_map_shared,
    .xShmLock = &file_lock_shared,
    .xShmBarrier = &file_barrier,
    .xShmUnmap = &file_unmap_shared,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

int vfs_open(sqlite3_vfs*, const char* path, sqlite3_file* handle, int flags, int* given) {
  Disk* disk = disk_of(path);
  if (disk == nullptr)
    return machine().system->xOpen(machine().system, path, handle, flags, given);
  handle->pMethods = nullptr;
  if (!disk->is_on) return SQLITE_CANTOPEN;
  auto found = disk->names.find(path);
  if (found == disk->names.end()) {
    const bool is_wanted = (flags & SQLITE_OPEN_CREATE) != 0;
    if (!is_wanted || !disk->allow(Effect::kCreate, path)) return SQLITE_CANTOPEN;
    disk->change_name({path, std::make_shared<Node>()});
    found = disk->names.find(path);
  }
  auto* file = reinterpret_cast<OpenFile*>(handle);
  file->inside = new OpenFile::Inside{disk, disk->run, path, found->second, {}};
  handle->pMethods = &kFileMethods;
  if (given != nullptr) *given = flags;
  return SQLITE_OK;
}

int vfs_delete(sqlite3_vfs*, const char* path, int syncs_directory) {
  Disk* disk = disk_of(path);
  if (disk == nullptr) return machine().system->xDelete(machine().system, path, syncs_directory);
  if (!disk->is_on) return SQLITE_IOERR_DELETE;
  if (!disk->names.contains(path)) return SQLITE_IOERR_DELETE_NOENT;
  if (!disk->allow(Effect::kRemove, path)) return SQLITE_IOERR_DELETE;
  disk->change_name({path, nullptr});
  if (syncs_directory != 0) disk->sync_names(disk->unsynced_names.size());
  return SQLITE_OK;
}

int vfs_access(sqlite3_vfs*, const char* path, int flags, int* answer) {
  Disk* disk = disk_of(path);
  if (disk == nullptr) return machine().system->xAccess(machine().system, path, flags, answer);
  if (!disk->is_on) return SQLITE_IOERR_ACCESS;
  const auto found = disk->names.find(path);
  // An empty file does not count as one, as in SQLite's own VFS.
  const bool is_there = found != disk->names.end() &&
                        (flags != SQLITE_ACCESS_EXISTS || !found->second->current.empty());
  *answer = is_there ? 1 : 0;
  return SQLITE_OK;
}

int vfs_full_path(sqlite3_vfs*, const char* path, int size, char* full) {
  if (disk_of(path) == nullptr)
    return machine().system->xFullPathname(machine().system, path, size, full);
  if (std::strlen(path) >= static_cast<std::size_t>(size)) return SQLITE_CANTOPEN;
  std::strcpy(full, path);
  return SQLITE_OK;
}

/// Everything else is the system's.
void install_vfs() {
  if (machine().system != nullptr) return;
  machine().system = sqlite3_vfs_find(nullptr);
  static sqlite3_vfs vfs = *machine().system;
  vfs.szOsFile = std::max(vfs.szOsFile, static_cast<int>(sizeof(OpenFile)));
  vfs.pNext = nullptr;
  vfs.zName = "lossy";
  vfs.xOpen = &vfs_open;
  vfs.xDelete = &vfs_delete;
  vfs.xAccess = &vfs_access;
  vfs.xFullPathname = &vfs_full_path;
  sqlite3_vfs_register(&vfs, 1);
}

}  // namespace

LossyDisk::LossyDisk() : disk_(std::make_unique<Disk>()) {
  install_vfs();
  disk_->number = ++machine().last;
  machine().disks[disk_->number] = disk_.get();
}

LossyDisk::~LossyDisk() { machine().disks.erase(disk_->number); }

std::filesystem::path LossyDisk::path(std::string_view name) const {
  return fmt::format("{}{}/{}", kRoot, disk_->number, name);
}

void LossyDisk::put(std::string_view name, const std::vector<unsigned char>& content) {
  auto node = std::make_shared<Node>();
  node->synced = content;
  node->current = content;
  disk_->names[path(name).string()] = node;
  disk_->synced_names[path(name).string()] = node;
}

void LossyDisk::watch(Watcher watcher) { disk_->watcher = std::move(watcher); }
void LossyDisk::power_cut(std::uint64_t seed) {
  if (disk_->is_on) disk_->lose(seed);
}
void LossyDisk::power_on() { disk_->is_on = true; }
bool LossyDisk::is_on() const { return disk_->is_on; }

}  // namespace neph
