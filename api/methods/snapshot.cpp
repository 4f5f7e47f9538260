#include <algorithm>
#include <array>
#include <utility>

#include "api/internal/methods.h"
#include "api/internal/snapshot_xml.h"
#include "base/numbers.h"
#include "base/words.h"
#include "compute/vm.h"

/// neph.snapshot.*, and the two calls of OpenNebula that save a disk.
namespace neph::api {
namespace {

using datastore::Fires;
using hypervisor_driver::Quiesce;
using snapshots::Kind;

struct CreateSnapshot {
  VmId vm;
  std::string disks;
  std::string name;
  std::string options;
};
struct ListSnapshots {
  std::int64_t filter = -2;
  VmId vm;
};
struct OnSnapshot {
  SnapshotId snapshot;
};
struct DiscardSnapshot {
  SnapshotId snapshot;
  std::string image_name;
};
struct SaveDisk {
  VmId vm;
  DiskId disk;
  std::string name;
  std::string type;
  bool hot = false;
  bool clone_template = false;
};
struct SaveDiskAs {
  VmId vm;
  DiskId disk;
  std::string name;
  std::string type;
  std::int64_t snapshot = -1;
};

// Options.

template <class T, std::size_t N>
using Words = std::array<std::pair<std::string_view, T>, N>;
constexpr Words<Kind, 2> kKinds = {{{"HOT", Kind::kHot}, {"DEFERRED", Kind::kDeferred}}};
constexpr Words<Fires, 2> kMoments = {{{"FIRST_STOP", Fires::kFirstStop}, {"END", Fires::kEnd}}};
constexpr Words<Quiesce, 3> kQuiesce = {
    {{"REQUIRE", Quiesce::kRequire}, {"TRY", Quiesce::kTry}, {"NEVER", Quiesce::kNever}}};
constexpr std::array<std::string_view, 7> kOptions = {
    "KIND", "WHEN", "QUIESCE", "DATASTORE_ID", "DESCRIPTION", "PERSISTENT", "CAPTURE_CRASHED"};

/// Leaves `into` alone when the option is not there.
template <class T, std::size_t N>
Result<void> read_word(const text::Template& options, std::string_view name,
                       const Words<T, N>& words, T& into) {
  const std::string* given = options.find(name);
  if (given == nullptr) return {};
  const std::string wanted = upper(*given);
  std::string known;
  for (const auto& [word, value] : words) {
    if (word == wanted) {
      into = value;
      return {};
    }
    known += (known.empty() ? "" : ", ") + std::string(word);
  }
  return fail(Errc::kInvalid, "{} \"{}\" is not one of {}", name, *given, known);
}

Result<std::int64_t> read_number(std::string_view what, std::string_view text) {
  const auto number = natural_from(text);
  if (!number) return fail(Errc::kInvalid, "{} \"{}\" is not a number", what, text);
  return *number;
}

Result<std::vector<DiskId>> read_disks(std::string_view list) {
  std::vector<DiskId> disks;
  while (true) {
    const auto comma = std::min(list.find(','), list.size());
    disks.push_back(DiskId{TRY(read_number("disk", without_blanks(list.substr(0, comma))))});
    if (comma == list.size()) return disks;
    list.remove_prefix(comma + 1);
  }
}

Result<void> check_options(const text::Template& options, Kind kind) {
  for (const auto& option : options.attributes()) {
    if (std::find(kOptions.begin(), kOptions.end(), option.name) == kOptions.end())
      return fail(Errc::kInvalid, "there is no option {}", option.name);
  }
  if (kind == Kind::kDeferred) return {};
  for (const char* own : {"WHEN", "CAPTURE_CRASHED"}) {
    if (options.has(own))
      return fail(Errc::kInvalid, "{} belongs to a deferred snapshot, this one is hot", own);
  }
  return {};
}

Result<snapshots::Request> read_request(const CreateSnapshot& ask) {
  snapshots::Request request;
  request.vm = ask.vm;
  request.disks = TRY(read_disks(ask.disks));
  request.name = ask.name;
  const auto options = TRY(text::Template::parse(ask.options));
  CHECK_OK(read_word(options, "KIND", kKinds, request.kind));
  CHECK_OK(check_options(options, request.kind));
  CHECK_OK(read_word(options, "WHEN", kMoments, request.when));
  CHECK_OK(read_word(options, "QUIESCE", kQuiesce, request.quiesce));
  if (const auto* id = options.find("DATASTORE_ID"))
    request.datastore = DatastoreId{TRY(read_number("DATASTORE_ID", *id))};
  request.description = options.get("DESCRIPTION");
  if (options.has("PERSISTENT")) request.is_persistent = options.is_yes("PERSISTENT");
  request.captures_crashed = options.is_yes("CAPTURE_CRASHED");
  return request;
}

// Rights.

/// Its own owner, the owner of the VM whose disk it keeps, and administrators.
constexpr auto may_decide = [](Call& call, const auto& ask) -> Result<void> {
  const auto snapshot = TRY(snapshots::find_snapshot(call.txn(), ask.snapshot));
  const auto& actor = call.actor();
  if (actor.is_admin() || snapshot.owner == actor.user) return {};
  const auto vm = compute::find_vm(call.txn(), snapshot.vm);
  if (vm && vm->owner == actor.user) return {};
  return fail(Errc::kDenied, "Not authorized to perform MANAGE SNAPSHOT [{}].", ask.snapshot);
};

Result<void> may_see_snapshot(Call& call, const OnSnapshot& ask) {
  const auto found = call.view().find(ObjectKind::kSnapshot, ask.snapshot.value);
  if (!found) return fail(Errc::kNotFound, "Error getting snapshot [{}].", ask.snapshot);
  // The entry's subject is the snapshot's owner with the number of its VM.
  const auto vm = call.view().find(ObjectKind::kVm, (*found)->subject.id);
  if (vm && (*vm)->subject.owner == call.actor().user) return {};
  return access::authorize(call.actor(), access::Op::kUse, (*found)->subject, call.view().acls);
}

// neph.snapshot.*

Result<std::string> create(Call& call, const CreateSnapshot& ask) {
  const auto made =
      TRY(call.services().snapshots.request(call.txn(), call.actor(), TRY(read_request(ask))));
  return made_snapshots_xml(made);
}

Result<std::string> list_snapshots(Call& call, const ListSnapshots& ask) {
  view::ListAsk which;
  which.filter = ask.filter;
  auto entries = TRY(view::select(call.view(), ObjectKind::kSnapshot, call.actor(), which));
  std::erase_if(entries, [&](const view::EntryPtr& entry) {
    return ask.vm.is_set() && entry->subject.id != ask.vm.value;
  });
  return view::pool_document("SNAPSHOT_POOL", entries, false);
}

Result<std::string> show_snapshot(Call& call, const OnSnapshot& ask) {
  const auto entry = TRY(call.view().find(ObjectKind::kSnapshot, ask.snapshot.value));
  return call.services().publisher.with_progress(*entry);
}

Result<SnapshotId> cancel(Call& call, const OnSnapshot& ask) {
  CHECK_OK(call.services().snapshots.cancel(call.txn(), ask.snapshot));
  return ask.snapshot;
}
Result<SnapshotId> retry(Call& call, const OnSnapshot& ask) {
  CHECK_OK(call.services().snapshots.retry(call.txn(), ask.snapshot));
  return ask.snapshot;
}
Result<SnapshotId> capture(Call& call, const OnSnapshot& ask) {
  CHECK_OK(call.services().snapshots.capture(call.txn(), ask.snapshot));
  return ask.snapshot;
}
Result<SnapshotId> discard(Call& call, const DiscardSnapshot& ask) {
  CHECK_OK(call.services().snapshots.discard(call.txn(), ask.snapshot, ask.image_name));
  return ask.snapshot;
}

// OpenNebula's calls.

Result<ImageId> save_disk(Call& call, const SaveDisk& ask) {
  snapshots::Request request;
  request.vm = ask.vm;
  request.disks = {ask.disk};
  request.name = ask.name;
  request.image_type = ask.type;
  request.kind = ask.hot ? Kind::kHot : Kind::kDeferred;
  request.clones_template = ask.clone_template;
  const auto made = TRY(call.services().snapshots.request(call.txn(), call.actor(), request));
  return made.front().image;
}

Result<ImageId> save_disk_as(Call& call, const SaveDiskAs& ask) {
  snapshots::Request request;
  request.vm = ask.vm;
  request.disks = {ask.disk};
  request.name = ask.name;
  request.image_type = ask.type;
  if (ask.snapshot >= 0) request.restore_point = ask.snapshot;
  const auto made = TRY(call.services().snapshots.request(call.txn(), call.actor(), request));
  return made.front().image;
}

void add_own_methods(Registry<Call>& registry) {
  registry.add({method("neph.snapshot.create", &create)
                    .writes()
                    .args("vm", "disks", "name", "options")
                    .required(3)
                    .needs("MANAGE VM", on_vm<access::Op::kManage>)
                    .doc("Makes images of disks of a VM, all at one instant: \"0\" or \"0,1\". "
                         "Several images are named NAME-disk<n>. Options: KIND = HOT or DEFERRED, "
                         "WHEN = FIRST_STOP or END, QUIESCE = REQUIRE, TRY or NEVER, "
                         "DATASTORE_ID, DESCRIPTION, PERSISTENT, CAPTURE_CRASHED. Also needs "
                         "CREATE IMAGE and USE DATASTORE, now and at the instant.")
                    .answers("SNAPSHOTS with ID, IMAGE_ID and DISK_ID of each"),
                method("neph.snapshot.list", &list_snapshots)
                    .reads()
                    .args("filter", "vm")
                    .required(0)
                    .for_anyone()
                    .doc("Lists snapshots, of one VM or of all. The filter is that of the pools.")
                    .answers("SNAPSHOT_POOL document"),
                method("neph.snapshot.info", &show_snapshot)
                    .reads()
                    .args("snapshot")
                    .needs("owner of it or of the VM, or administrator", &may_see_snapshot)
                    .doc("Shows a snapshot: phase, grade, instants, progress, why it waits.")
                    .answers("SNAPSHOT document")});
}

void add_decisions(Registry<Call>& registry) {
  const std::string right = "owner of it or of the VM, or administrator";
  registry.add({method("neph.snapshot.cancel", &cancel)
                    .writes()
                    .args("snapshot")
                    .needs(right, may_decide)
                    .doc("Gives up a snapshot that is not ready. Its image goes once the worker "
                         "has stopped and cleaned up.")
                    .answers("id of the snapshot"),
                method("neph.snapshot.retry", &retry)
                    .writes()
                    .args("snapshot")
                    .needs(right, may_decide)
                    .doc("Goes on with a snapshot that failed or waits; what was captured stays.")
                    .answers("id of the snapshot"),
                method("neph.snapshot.discard", &discard)
                    .writes()
                    .args("snapshot", "image_name")
                    .needs(right, may_decide)
                    .doc("Gives up a snapshot together with the disk that is kept for it. The "
                         "name of its image must be said.")
                    .answers("id of the snapshot"),
                method("neph.snapshot.capture", &capture)
                    .writes()
                    .args("snapshot")
                    .needs(right, may_decide)
                    .doc("Takes an armed snapshot now although the guest crashed.")
                    .answers("id of the snapshot")});
}

void add_saves(Registry<Call>& registry) {
  registry.add({method("one.vm.savedisk", &save_disk)
                    .writes()
                    .args("vm", "disk", "name", "type", "hot", "clone_template")
                    .required(4)
                    .needs("MANAGE VM", on_vm<access::Op::kManage>)
                    .legacy_code(Errc::kWrongState, kActionCode)
                    .legacy_code(Errc::kInvalid, kActionCode)
                    .legacy_code(Errc::kConflict, kAllocateCode)
                    .doc("Saves a disk as a new image: at the next stop, or at once when hot. The "
                         "call of OpenNebula 4.12.")
                    .answers("id of the new image"),
                method("one.vm.disksaveas", &save_disk_as)
                    .writes()
                    .args("vm", "disk", "name", "type", "snapshot")
                    .required(4)
                    .needs("MANAGE VM", on_vm<access::Op::kManage>)
                    .legacy_code(Errc::kWrongState, kInternalCode)
                    .legacy_code(Errc::kInvalid, kInternalCode)
                    .legacy_code(Errc::kConflict, kAllocateCode)
                    .doc("Saves a disk as a new image, as it is now, or as one of its disk "
                         "snapshots shows it.")
                    .answers("id of the new image")});
}

}  // namespace

void add_snapshot_methods(Registry<Call>& registry) {
  add_own_methods(registry);
  add_decisions(registry);
  add_saves(registry);
}

}  // namespace neph::api
