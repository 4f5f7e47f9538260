#include <algorithm>
#include <optional>

#include "access/directory.h"
#include "access/quota.h"
#include "base/log.h"
#include "compute/disk_tree.h"
#include "compute/host.h"
#include "compute/vm_template.h"
#include "snapshots/internal/moment.h"
#include "snapshots/internal/records.h"
#include "snapshots/snapshot_service.h"

/// How a request becomes rows. What makes an image of them: the jobs in internal/.
namespace neph::snapshots {
namespace {

using datastore::Fires;
using datastore::Grade;

/// When the instant comes.
enum class Start { kNow, kAtRest, kLater };

/// One disk of a request.
struct Part {
  compute::VmDisk disk;
  std::optional<datastore::Image> source;  ///< none for a volatile disk
  datastore::Datastore datastore;
  std::string name;
};

struct Plan {
  compute::Vm vm;
  Start start = Start::kNow;
  Grade grade = Grade::kNone;  ///< of a disk at rest
  std::vector<Part> parts;
};

Grade grade_at_rest(const compute::Vm& vm) {
  return vm.rest_grade == Grade::kNone ? Grade::kUnknown : vm.rest_grade;
}

Result<void> check_host(db::Txn& txn, const compute::Vm& vm) {
  const auto host = TRY(compute::find_host(txn, vm.host));
  if (host.is_reachable) return {};
  return fail(Errc::kWrongState, "host {} cannot be reached: {}", host.name,
              host.error.empty() ? "no reason known" : host.error);
}

/// Decides by the state when the instant comes, or why it cannot.
Result<void> plan_start(db::Txn& txn, Plan& plan, Kind kind) {
  const bool is_hot = kind == Kind::kHot;
  plan.start = is_hot ? Start::kNow : Start::kLater;
  switch (moment_of(plan.vm)) {
    case Moment::kAbsent:
      return fail(Errc::kWrongState, "{}: it has no disks yet", words_of(plan.vm));
    case Moment::kGone:
    case Moment::kRemoved:
      return fail(Errc::kWrongState, "{}: its disks are gone or going", words_of(plan.vm));
    case Moment::kRunning:
      if (is_hot) CHECK_OK(check_host(txn, plan.vm));
      return {};
    case Moment::kUnknown:
      if (is_hot) return fail(Errc::kWrongState, "{}: its host is silent", words_of(plan.vm));
      return {};
    case Moment::kPaused:
      if (is_hot)
        return fail(Errc::kWrongState, "{}: its host holds it, resume it first",
                    words_of(plan.vm));
      return {};
    case Moment::kMoving:
    case Moment::kStopping:
      return {};
    case Moment::kSaved:
      if (!is_hot) return {};
      plan.start = Start::kAtRest;
      plan.grade = Grade::kCrash;
      return {};
    case Moment::kAtRest:
      plan.start = Start::kAtRest;
      plan.grade = grade_at_rest(plan.vm);
      return {};
  }
  return {};
}

Result<void> check_disk(const compute::VmDisk& disk, const Request& ask) {
  using compute::DiskKind;
  const auto refuse = [&](std::string_view why) {
    return fail(Errc::kInvalid, "disk {} of VM {} cannot be saved: {}", disk.id, disk.vm, why);
  };
  if (disk.kind == DiskKind::kCdrom) return refuse("it is a CD-ROM, its image is there already");
  if (disk.kind == DiskKind::kContext) return refuse("it holds the context");
  if (disk.kind == DiskKind::kVolatile) {
    if (compute::is_swap(disk)) return refuse("it is swap space");
    if (!ask.datastore.is_set())
      return refuse("it is volatile, so say in which datastore its image shall be");
  }
  if (disk.attributes.has("ATTACH"))
    return fail(Errc::kWrongState, "disk {} of VM {} is being attached or detached", disk.id,
                disk.vm);
  if (!disk.is_present)
    return fail(Errc::kWrongState, "disk {} of VM {} has not been made yet", disk.id, disk.vm);
  return {};
}

Result<datastore::Datastore> find_target(db::Txn& txn, const compute::VmDisk& disk,
                                         const std::optional<datastore::Image>& source,
                                         const Request& ask) {
  DatastoreId id = ask.datastore;
  if (!id.is_set()) id = source ? source->datastore : disk.image_datastore;
  auto found = TRY(datastore::find_datastore(txn, id));
  if (found.type != datastore::DatastoreType::kImage)
    return fail(Errc::kInvalid, "datastore {} does not hold images", found.name);
  if (!found.is_enabled) return fail(Errc::kWrongState, "datastore {} is disabled", found.name);
  return found;
}

Result<Part> plan_part(db::Txn& txn, DiskId disk, const Request& ask) {
  Part part;
  part.disk = TRY(compute::find_disk(txn, ask.vm, disk));
  CHECK_OK(check_disk(part.disk, ask));
  if (part.disk.image.is_set()) {
    if (auto source = datastore::find_image(txn, part.disk.image)) part.source = *source;
  }
  part.datastore = TRY(find_target(txn, part.disk, part.source, ask));
  part.name = ask.disks.size() == 1 ? ask.name : fmt::format("{}-disk{}", ask.name, disk);
  CHECK_OK(access::check_name("image", part.name));
  return part;
}

Result<Plan> plan_request(db::Txn& txn, const Request& ask) {
  if (ask.disks.empty()) return fail(Errc::kInvalid, "no disk is named");
  Plan plan;
  plan.vm = TRY(compute::find_vm(txn, ask.vm));
  for (const DiskId disk : ask.disks) {
    if (std::count(ask.disks.begin(), ask.disks.end(), disk) > 1)
      return fail(Errc::kInvalid, "disk {} is named twice", disk);
    plan.parts.push_back(TRY(plan_part(txn, disk, ask)));
  }
  CHECK_OK(plan_start(txn, plan, ask.kind));
  return plan;
}

bool is_same(const Snapshot& first, const Part& part, const access::Actor& actor,
             const Request& ask) {
  return first.owner == actor.user && first.image_name == part.name && first.fires == ask.when;
}

/// Whether `other` is what this request repeats; an error where the two cannot be together.
Result<bool> is_repeated(const Snapshot& other, const Part& part, const access::Actor& actor,
                         const Request& ask) {
  if (ask.kind == Kind::kHot) {
    if (!is_capturing(other)) return false;
    return fail(Errc::kConflict, "disk {} of VM {} is being saved already: snapshot {} is {}",
                part.disk.id, ask.vm, other.id, name_of(other.phase));
  }
  if (other.kind == Kind::kHot) return false;
  if (is_same(other, part, actor, ask)) return true;
  return fail(Errc::kConflict,
              "disk {} of VM {} is to be saved already, by snapshot {} into image {} \"{}\"",
              part.disk.id, ask.vm, other.id, other.image, other.image_name);
}

/// The snapshots that this request repeats; empty: it is a new one.
Result<std::vector<Snapshot>> find_repeated(db::Txn& txn, const access::Actor& actor,
                                            const Plan& plan, const Request& ask) {
  std::vector<Snapshot> same;
  for (const Part& part : plan.parts) {
    for (const Snapshot& other : list_open_of_disk(txn, ask.vm, part.disk.id))
      if (TRY(is_repeated(other, part, actor, ask))) same.push_back(other);
  }
  if (!same.empty() && same.size() < plan.parts.size())
    return fail(Errc::kConflict, "some of these disks are to be saved already, by snapshot {}",
                same.front().id);
  return same;
}

Result<void> check_room(db::Txn& txn, const access::Actor& actor, const Plan& plan) {
  std::vector<access::QuotaCharge> charges;
  for (const Part& part : plan.parts) {
    const auto clash = datastore::find_image_by_name(txn, actor.user, part.name);
    if (clash)
      return fail(Errc::kConflict, "NAME is already taken by IMAGE {}.", clash->id);
    const auto store = fmt::format("{}", part.datastore.id);
    const auto size = static_cast<double>(part.disk.size_mb);
    charges.push_back({"DATASTORE", store, "SIZE", size});
    charges.push_back({"DATASTORE", store, "IMAGES", 1});
  }
  return access::check_quota(txn, actor.user, actor.group, charges);
}

Result<datastore::ImageType> type_of(const Part& part, const Request& ask) {
  using datastore::ImageType;
  const ImageType fallback = part.source ? part.source->type : ImageType::kDatablock;
  if (ask.image_type.empty()) return fallback;
  const ImageType type = TRY(datastore::image_type_from(ask.image_type));
  if (type == ImageType::kOs || type == ImageType::kDatablock || type == ImageType::kCdrom)
    return type;
  return fail(Errc::kInvalid, "a disk cannot become an image of type {}", ask.image_type);
}

text::Template attributes_of(const Part& part, const compute::Vm& vm, const Request& ask) {
  text::Template attributes;
  if (part.source) {
    attributes = part.source->attributes;
    for (const char* own : {"SNAPSHOT", "SAVED_IMAGE_ID", "SAVED_DISK_ID", "SAVED_VM_ID",
                            "SAVED_TEMPLATE_ID", "SAVE_AS", "SAVE_AS_HOT", "ERROR", "DESCRIPTION"})
      attributes.erase(own);
    // The copy is qcow2, whatever the source was.
    for (const char* format : {"DRIVER", "FORMAT"})
      if (attributes.has(format)) attributes.set(format, "qcow2");
    attributes.set("SAVED_IMAGE_ID", fmt::format("{}", part.source->id));
  } else if (part.disk.target.size() >= 2) {
    attributes.set("DEV_PREFIX", part.disk.target.substr(0, 2));
  }
  attributes.set("SAVED_DISK_ID", fmt::format("{}", part.disk.id));
  attributes.set("SAVED_VM_ID", fmt::format("{}", vm.id));
  if (!ask.description.empty()) attributes.set("DESCRIPTION", ask.description);
  return attributes;
}

struct Asked {
  const access::Actor& actor;
  const Request& ask;
  const Settings& settings;
  const compute::Settings& vm_settings;
};

Result<ImageId> insert_locked(db::Txn& txn, const Asked& by, const Plan& plan, const Part& part) {
  datastore::Image image;
  image.name = part.name;
  image.owner = by.actor.user;
  image.group = by.actor.group;
  image.permissions = access::initial_permissions(by.actor);
  image.type = TRY(type_of(part, by.ask));
  image.is_persistent = by.ask.is_persistent.value_or(by.settings.is_persistent);
  if (image.type == datastore::ImageType::kCdrom) image.is_persistent = false;
  image.state = datastore::ImageState::kLocked;
  image.datastore = part.datastore.id;
  image.size_mb = part.disk.size_mb;
  image.source = datastore::new_image_path(part.datastore);
  image.format = datastore_driver::Format::kQcow2;
  image.registered = txn.at();
  image.attributes = attributes_of(part, plan.vm, by.ask);
  txn.touch(ObjectKind::kUser, image.owner);
  txn.touch(ObjectKind::kGroup, image.group);
  return datastore::insert_image(txn, std::move(image));
}

Phase first_phase(const Plan& plan) {
  if (plan.start == Start::kLater) return Phase::kArmed;
  const bool is_ready = plan.start == Start::kAtRest || moment_of(plan.vm) == Moment::kRunning;
  return is_ready ? Phase::kPinning : Phase::kWaiting;
}

Result<Snapshot> insert_part(db::Txn& txn, const Asked& by, const Plan& plan, const Part& part,
                             SnapshotId set) {
  const Request& ask = by.ask;
  Snapshot snapshot;
  snapshot.set = set;
  snapshot.owner = by.actor.user;
  snapshot.group = by.actor.group;
  snapshot.vm = ask.vm;
  snapshot.disk = part.disk.id;
  snapshot.image = TRY(insert_locked(txn, by, plan, part));
  snapshot.image_name = part.name;
  snapshot.datastore = part.datastore.id;
  snapshot.kind = ask.kind;
  snapshot.fires = ask.kind == Kind::kHot ? Fires::kByItself : ask.when;
  snapshot.quiesce = ask.quiesce;
  snapshot.phase = first_phase(plan);
  snapshot.captures_crashed = ask.captures_crashed;
  snapshot.requested = txn.at();
  snapshot.host = plan.vm.host;
  snapshot.description = ask.description;
  if (snapshot.phase == Phase::kWaiting)
    snapshot.reason = fmt::format("waiting for the guest: {}", words_of(plan.vm));
  snapshot.id = insert_snapshot(txn, snapshot);
  if (!snapshot.set.is_set()) snapshot.set = snapshot.id;
  save_provenance(txn, TRY(datastore::find_image(txn, snapshot.image)), snapshot);
  datastore::Hold hold;
  hold.snapshot = snapshot.id;
  hold.vm = ask.vm;
  hold.disk = part.disk.id;
  hold.fires = snapshot.fires;
  hold.state = datastore::HoldState::kArmed;
  datastore::place_hold(txn, hold);
  if (plan.start == Start::kAtRest)
    datastore::mark_due(txn, snapshot.id, txn.at(), plan.grade);
  if (snapshot.phase == Phase::kArmed) mark_disk(txn, snapshot, SaveAs::kShown);
  return snapshot;
}

bool shows_disk(const text::Vector& vector, const Part& part) {
  if (!part.source) return false;
  const auto id = fmt::format("{}", part.source->id);
  return vector.get("IMAGE_ID") == id ||
         (!vector.has("IMAGE_ID") && vector.get("IMAGE") == part.source->name);
}

/// The template with the disk replaced by the new image.
text::Template with_disk(const text::Template& original, const Part& part, ImageId image) {
  text::Template copy;
  std::int64_t number = 0;
  std::int64_t chosen = -1;
  const auto disks = original.vectors("DISK");
  for (const auto* disk : disks) {
    if (shows_disk(*disk, part) && (chosen < 0 || number == part.disk.id.value)) chosen = number;
    ++number;
  }
  number = 0;
  for (const auto& attribute : original.attributes()) {
    const auto* vector = std::get_if<text::Vector>(&attribute.value);
    if (vector == nullptr) {
      copy.add(attribute.name, std::get<std::string>(attribute.value));
      continue;
    }
    text::Vector changed = *vector;
    if (attribute.name == "DISK" && number++ == chosen) {
      for (const char* old : {"IMAGE", "IMAGE_UNAME", "IMAGE_UID"}) changed.erase(old);
      changed.set("IMAGE_ID", fmt::format("{}", image));
    }
    copy.add(attribute.name, std::move(changed));
  }
  return copy;
}

/// one.vm.savedisk with clone_template, as OpenNebula 4.12 has it.
Result<void> clone_template(db::Txn& txn, const Asked& by, const Plan& plan,
                            const Snapshot& snapshot) {
  if (!plan.vm.made_from.is_set())
    return fail(Errc::kInvalid, "VM {} was not made from a template", plan.vm.id);
  const auto original = TRY(compute::find_template(txn, plan.vm.made_from));
  CHECK_OK(access::authorize(txn, by.actor, access::Op::kUse, compute::subject_of(original)));
  access::Subject fresh;
  fresh.kind = access::Resource::kTemplate;
  fresh.owner = by.actor.user;
  fresh.group = by.actor.group;
  CHECK_OK(access::authorize(txn, by.actor, access::Op::kCreate, fresh));
  auto copy = with_disk(original.attributes, plan.parts.front(), snapshot.image);
  copy.set("NAME", fmt::format("{}-{}", snapshot.image_name, snapshot.image));
  const TemplateId made = TRY(compute::create_template(txn, by.actor, by.vm_settings, copy));
  auto image = TRY(datastore::find_image(txn, snapshot.image));
  image.attributes.set("SAVED_TEMPLATE_ID", fmt::format("{}", made));
  datastore::save_image(txn, image);
  return {};
}

/// A restore point has an instant and a grade of its own, and lies still already.
Result<Snapshot> insert_restore_point(db::Txn& txn, const Asked& by, const Plan& plan,
                                      const datastore::DiskSnapshot& from) {
  const Part& part = plan.parts.front();
  Snapshot snapshot;
  snapshot.owner = by.actor.user;
  snapshot.group = by.actor.group;
  snapshot.vm = plan.vm.id;
  snapshot.disk = part.disk.id;
  snapshot.image = TRY(insert_locked(txn, by, plan, part));
  snapshot.image_name = part.name;
  snapshot.datastore = part.datastore.id;
  snapshot.quiesce = by.ask.quiesce;
  snapshot.phase = Phase::kWaiting;
  snapshot.reason = "waiting for a copy slot";
  snapshot.requested = txn.at();
  snapshot.captured = from.created;
  snapshot.grade = from.grade;
  snapshot.pin = PinKind::kLayer;
  snapshot.pin_path = from.path;
  snapshot.host = plan.vm.host;
  snapshot.description = by.ask.description;
  snapshot.id = insert_snapshot(txn, snapshot);
  snapshot.set = snapshot.id;
  save_snapshot(txn, snapshot);
  save_provenance(txn, TRY(datastore::find_image(txn, snapshot.image)), snapshot);
  datastore::place_hold(txn, {snapshot.id, plan.vm.id, part.disk.id, Fires::kByItself,
                              datastore::HoldState::kPinned, txn.at(), from.grade});
  enqueue_copy(txn, snapshot);
  return find_snapshot(txn, snapshot.id);
}

Result<std::vector<Snapshot>> save_restore_point(db::Txn& txn, const Asked& by,
                                                 std::int64_t number) {
  Plan plan;
  plan.vm = TRY(compute::find_vm(txn, by.ask.vm));
  plan.parts.push_back(TRY(plan_part(txn, by.ask.disks.front(), by.ask)));
  Part& part = plan.parts.front();
  const auto from = datastore::find_disk_snapshot(txn, compute::tree_of(part.disk), number);
  if (!from)
    return fail(Errc::kNotFound, "disk {} of VM {} has no disk snapshot {}", part.disk.id,
                plan.vm.id, number);
  part.disk.size_mb = from->size_mb;
  CHECK_OK(check_rights(txn, by.actor, plan.vm, part.datastore));
  CHECK_OK(check_room(txn, by.actor, plan));
  return std::vector<Snapshot>{TRY(insert_restore_point(txn, by, plan, *from))};
}

void note_on_armed(db::Txn& txn, VmId vm, DiskId disk, const std::string& what) {
  for (Snapshot& snapshot : list_open_of_disk(txn, vm, disk)) {
    if (snapshot.phase != Phase::kArmed) continue;
    snapshot.reason = fmt::format("{} at {}", what, txn.at().seconds());
    save_snapshot(txn, snapshot);
  }
}

}  // namespace

void SnapshotService::note_revert(db::Txn& txn, VmId vm, DiskId disk,
                                  std::string_view to_what) {
  note_on_armed(txn, vm, disk, fmt::format("the disk was taken back {}", to_what));
}

void SnapshotService::note_system_revert(db::Txn& txn, VmId vm, std::int64_t restore_point) {
  for (const auto& disk : compute::list_disks(txn, vm)) {
    note_on_armed(txn, vm, disk.id,
                  fmt::format("the VM was taken back to its system snapshot {}", restore_point));
  }
}

Result<std::vector<Snapshot>> SnapshotService::request(db::Txn& txn, const access::Actor& actor,
                                                       const Request& ask) {
  const Asked by{actor, ask, settings_, vms_.settings()};
  if (ask.restore_point) return save_restore_point(txn, by, *ask.restore_point);
  const Plan plan = TRY(plan_request(txn, ask));
  for (const Part& part : plan.parts)
    CHECK_OK(check_rights(txn, actor, plan.vm, part.datastore));
  auto repeated = TRY(find_repeated(txn, actor, plan, ask));
  if (!repeated.empty()) return repeated;
  CHECK_OK(check_room(txn, actor, plan));
  std::vector<Snapshot> made;
  SnapshotId set;
  for (const Part& part : plan.parts) {
    made.push_back(TRY(insert_part(txn, by, plan, part, set)));
    set = made.front().id;
  }
  if (ask.clones_template) CHECK_OK(clone_template(txn, by, plan, made.front()));
  enqueue_pin(txn, made);
  log::info("snapshot.requested", {{"snapshot", set},
                                   {"vm", ask.vm},
                                   {"kind", name_of(ask.kind)},
                                   {"phase", name_of(made.front().phase)}});
  return list_set(txn, set);
}

}  // namespace neph::snapshots
