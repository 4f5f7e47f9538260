#include "tests/contract/hypervisor/libvirt_kit.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "tests/support/command.h"
#include "tests/support/demo_image.h"
#include "tests/support/subreaper.h"

namespace neph::hypervisor_driver::contract {

namespace fs = std::filesystem;
using testing_support::run_command;

namespace {

struct BelowSubreaper {
  BelowSubreaper() { testing_support::run_below_a_subreaper(); }
};
const BelowSubreaper kBelowSubreaper;

fs::path make_directory(const std::string& prefix) {
  std::string name = "/tmp/" + prefix + ".XXXXXX";
  NEPH_ASSERT(::mkdtemp(name.data()) != nullptr);
  return name;
}

/// Removes the embedded host's directory with the program, unless somebody lent it.
struct EmbedRoot {
  EmbedRoot() {
    const char* lent = std::getenv("NEPH_TEST_EMBED_ROOT");
    is_lent = lent != nullptr;
    path = is_lent ? fs::path(lent) : make_directory("nlv");
  }
  ~EmbedRoot() {
    std::error_code ignored;
    if (!is_lent) fs::remove_all(path, ignored);
  }
  fs::path path;
  bool is_lent = false;
};

/// A UUID that is the same for the same name, and another one in every kit.
std::string uuid_for(const std::string& name, const std::string& salt) {
  const auto high = std::hash<std::string>{}(name + salt);
  const auto low = std::hash<std::string>{}(salt + name);
  return fmt::format("{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}", high & 0xffffffff,
                     (high >> 32) & 0xffff, (high >> 48) & 0xfff, low & 0xfff,
                     (low >> 12) & 0xffffffffffff);
}

}  // namespace

const fs::path& embed_root() {
  static const EmbedRoot root;
  return root.path;
}

bool wait_for(Clock& clock, const std::function<bool()>& holds) {
  const auto end = clock.monotonic() + Duration{60000};
  while (!holds()) {
    if (clock.monotonic() > end) return false;
    clock.sleep_for(Duration{20});
  }
  return true;
}

void end_domains(Driver& driver, const HostRef& host) {
  const auto list = driver.list_domains(host);
  if (!list) return;
  for (const auto& fact : *list) {
    const DomainRef ref{host, fact.name, fact.uuid};
    (void)driver.ensure_destroyed(ref);
    (void)driver.ensure_undefined(ref);
  }
}

EmbedKit::EmbedKit(Leftovers leftovers, std::string uri)
    : leftovers_(leftovers), uri_(std::move(uri)), directory_(make_directory("nlvdisks")) {
  driver_ = std::make_unique<LibvirtDriver>(
      LibvirtDriver::Config{.embed_root = embed_root(), .acceleration = Acceleration::kTcg},
      clock_);
}

EmbedKit::~EmbedKit() {
  if (leftovers_ == Leftovers::kLeave) return;
  end_domains(*driver_, host());
  driver_.reset();
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

std::optional<HostRef> EmbedKit::dead_host() {
  return HostRef{HostId{2}, "dead", "qemu+tcp://127.0.0.1:1/system"};
}

bool EmbedKit::can(Talent talent) const {
  const bool needs_guest = talent == Talent::kAgent || talent == Talent::kGuest;
  return !needs_guest || std::getenv("NEPH_TEST_NO_GUEST") == nullptr;
}

DomainSpec EmbedKit::domain(const std::string& name) {
  const auto disk = directory_ / (name + ".qcow2");
  const auto made = run_command(fmt::format("qemu-img create -q -f qcow2 {} 64M", disk.string()));
  EXPECT_EQ(made.status, 0) << made.output;
  return {.name = name,
          .uuid = uuid_for(name, directory_),
          .title = "a <test> & more",
          .memory = Bytes::megabytes(64),
          .architecture = "x86_64",
          .machine = "pc",
          .disks = {{.path = disk, .format = "qcow2", .target = "vda", .boot_order = 1}},
          .serial_log_path = directory_ / (name + ".log")};
}

DomainSpec EmbedKit::domain_with_agent(const std::string& name) {
  return guest(name, {{"MARKER", name}});
}

DomainSpec EmbedKit::guest(const std::string& name, const Context& context) {
  const auto& image = testing_support::demo_image();
  auto spec = domain(name);
  auto& disk = spec.disks[0];
  const auto made = run_command(fmt::format("qemu-img create -q -f qcow2 -b {} -F qcow2 {}",
                                            image.disk.string(), disk.path));
  EXPECT_EQ(made.status, 0) << made.output;
  disk.backing = {{image.disk, "qcow2"}};
  const auto iso = directory_ / (name + ".iso");
  testing_support::write_context(iso, context);
  spec.disks.push_back(
      {.path = iso, .format = "raw", .target = "hda", .device = DiskDevice::kCdrom});
  spec.memory = Bytes::megabytes(160);
  return spec;
}

bool EmbedKit::wait_until(const std::function<bool()>& holds) { return wait_for(clock_, holds); }

std::string EmbedKit::serial_log(const DomainSpec& spec) const {
  std::ifstream stream(spec.serial_log_path);
  return {std::istreambuf_iterator<char>(stream), {}};
}

PretendKit::PretendKit() : driver_({}, clock_), keeper_({}, clock_) {
  end_domains(keeper_, host());
}

PretendKit::~PretendKit() { end_domains(driver_, host()); }

DomainSpec PretendKit::domain(const std::string& name) {
  return {.name = name,
          .uuid = uuid_for(name, "pretended"),
          .memory = Bytes::megabytes(64),
          .architecture = "i686",
          .has_guest_agent = false,
          .disks = {{.path = "/nowhere/disk", .format = "qcow2", .target = "vda"}}};
}

bool PretendKit::wait_until(const std::function<bool()>& holds) { return wait_for(clock_, holds); }

}  // namespace neph::hypervisor_driver::contract
