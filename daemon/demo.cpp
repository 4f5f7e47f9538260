#include "daemon/demo.h"

#include <algorithm>

#include "access/directory.h"
#include "compute/vm_template.h"

namespace neph::daemon {
namespace {

constexpr UserId kOneadmin{0};
constexpr DatastoreId kDefaultDatastore{1};
constexpr const char* kName = "demo";
constexpr int kDefaultUmask = 0177;

text::Template demo_image(const std::filesystem::path& file) {
  text::Template ask;
  ask.set("NAME", kName);
  ask.set("TYPE", "OS");
  ask.set("PATH", file.string());
  ask.set("FORMAT", "qcow2");
  ask.set("DEV_PREFIX", "vd");
  ask.set("PERSISTENT", "NO");
  ask.set("DESCRIPTION", "A small Debian guest for trying things out");
  return ask;
}

text::Template demo_template() {
  text::Template ask;
  ask.set("NAME", kName);
  ask.set("CPU", "0.25");
  ask.set("VCPU", "1");
  ask.set("MEMORY", "256");
  ask.set("DISK", text::Vector{{"IMAGE", kName}, {"IMAGE_UNAME", "oneadmin"}});
  ask.set("CONTEXT", text::Vector{{"SET_HOSTNAME", "$NAME"}});
  ask.set("GRAPHICS", text::Vector{{"TYPE", "VNC"}});
  return ask;
}

bool has_template(db::Txn& txn) {
  const auto ids = compute::list_templates(txn);
  return std::any_of(ids.begin(), ids.end(), [&](TemplateId id) {
    const auto found = compute::find_template(txn, id);
    return found && found->owner == kOneadmin && found->name == kName;
  });
}

}  // namespace

Result<void> ensure_demo(db::Txn& txn, datastore::ImageService& images,
                         const compute::Settings& settings, const std::filesystem::path& file) {
  const auto actor =
      access::actor_of(TRY(access::find_user(txn, kOneadmin)), GroupId{}, kDefaultUmask);
  if (!datastore::find_image_by_name(txn, kOneadmin, kName)) {
    std::error_code problem;
    if (!std::filesystem::is_regular_file(file, problem))
      return fail(Errc::kNotFound, "there is no demo image {}", file.string());
    (void)TRY(images.allocate(txn, actor, demo_image(file), kDefaultDatastore,
                              datastore::CapacityCheck::kSkipped));
  }
  if (!has_template(txn))
    (void)TRY(compute::create_template(txn, actor, settings, demo_template()));
  return {};
}

}  // namespace neph::daemon
