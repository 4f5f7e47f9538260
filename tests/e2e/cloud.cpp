#include "tests/e2e/cloud.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <stdexcept>

#include "cli/credentials.h"
#include "cli/states.h"
#include "tests/e2e/waiting.h"
#include "text/template.h"

namespace neph::e2e {

namespace fs = std::filesystem;

namespace {

constexpr Duration kCallLimit{60'000};
/// Enough for the kernel of the demo guest, and for several guests at a time.
constexpr const char* kGuestMemoryMb = "160";
constexpr const char* kGuestCpu = "0.1";

fs::path make_folder() {
  // Short, for the sockets in it.
  std::string name = "/tmp/ne.XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no directory in /tmp");
  return name;
}

std::string template_of(const GuestAsk& ask, std::int64_t demo) {
  text::Template content;
  content.set("NAME", ask.name);
  content.set("CPU", kGuestCpu);
  content.set("MEMORY", kGuestMemoryMb);
  auto images = ask.images;
  if (images.empty()) images.push_back(demo);
  for (const auto image : images)
    content.add("DISK", text::Vector{{"IMAGE_ID", fmt::format("{}", image)}});
  text::Vector context;
  for (const auto& [key, value] : ask.context) context.set(key, value);
  if (!context.items().empty()) content.set("CONTEXT", std::move(context));
  return content.to_text() + "\n" + ask.more;
}

bool is_end(const std::string& phase) {
  return phase == "ready" || phase == "failed" || phase == "cancelled" || phase == "discarded";
}

}  // namespace

Cloud::Cloud(std::vector<std::string> settings)
    : folder_(make_folder()), state_(folder_ / "s") {
  settings.emplace_back("ACCELERATION=tcg");
  nephd_ = std::make_unique<NephdProcess>(state_, std::move(settings));
  nephd_->start();
  connect();
  await_image(demo_image(), "READY");
}

Cloud::~Cloud() {
  std::error_code ignored;
  if (::testing::Test::HasFailure() && ::getenv("NEPH_E2E_KEEP") != nullptr) {
    fs::copy(state_, folder_.string() + ".kept", fs::copy_options::recursive, ignored);
  }
  try {
    if (nephd_->is_running()) nephd_->kill();
    kill_and_await(processes_with(folder_.string() + "/"));
  } catch (const std::exception& problem) {
    ADD_FAILURE() << problem.what();
  }
  fs::remove_all(folder_, ignored);
}

void Cloud::connect() {
  const auto found = cli::find_credentials({.state = state_},
                                           [](std::string_view) { return std::nullopt; });
  if (!found) throw std::runtime_error(found.error().text());
  oneadmin_ = found->session;
  transport_ = std::make_unique<cli::HttpTransport>(found->endpoint, kCallLimit);
  become("");
}

void Cloud::become(const std::string& session) {
  rpc_ = std::make_unique<cli::RpcClient>(*transport_, session.empty() ? oneadmin_ : session);
}

void Cloud::restart() {
  nephd_->start();
  connect();
}

Result<cli::Value> Cloud::call(const std::string& method, const Values& arguments) {
  return rpc_->call(method, arguments);
}

std::int64_t Cloud::call_id(const std::string& method, const Values& arguments) {
  const auto id = rpc_->call_id(method, arguments);
  if (!id) throw std::runtime_error(method + ": " + id.error().text());
  return *id;
}

Element Cloud::document(const std::string& method, const Values& arguments) {
  auto found = rpc_->call_document(method, arguments);
  if (!found) throw std::runtime_error(method + ": " + found.error().text());
  return std::move(*found);
}

std::string Cloud::refusal(const std::string& method, const Values& arguments) {
  const auto answer = rpc_->call(method, arguments);
  if (answer) throw std::runtime_error(method + " was not refused");
  return answer.error().text();
}

std::int64_t Cloud::add_host(const std::string& name, const std::string& uri) {
  constexpr std::int64_t kMonitored = 2;
  const auto id = call_id("one.host.allocate", {name, "qemu", "qemu", -1});
  call_id("one.host.update", {id, fmt::format("LIBVIRT_URI=\"{}\"", uri), 1});
  await_host(id, kMonitored);
  return id;
}

void Cloud::await_host(std::int64_t id, std::int64_t state) {
  await(fmt::format("host {} to be in state {}", id, state),
        [&] { return document("one.host.info", {id}).number("STATE", -1) == state; });
}

std::int64_t Cloud::create_guest(const GuestAsk& ask) {
  const bool is_on_hold = false;
  return call_id("one.vm.allocate",
                 {template_of(ask, ask.images.empty() ? demo_image() : -1), is_on_hold});
}

std::string Cloud::state_of(std::int64_t id) { return cli::vm_state_name(vm(id)); }

void Cloud::await_state(std::int64_t id, const std::string& state) {
  await(fmt::format("VM {} to be {}", id, state), [&] {
    const auto document = vm(id);
    const auto now = cli::vm_state_name(document);
    if (now == state) return true;
    if (cli::has_vm_failed(document))
      throw std::runtime_error(fmt::format("VM {} is {} instead of {}: {}", id, now, state,
                                           document.get("USER_TEMPLATE/ERROR")));
    return false;
  });
}

void Cloud::act(std::int64_t id, const std::string& action) {
  call_id("one.vm.action", {action, id});
}

std::string Cloud::serial_log(std::int64_t id) {
  return read_file(vm(id).get("TEMPLATE/SERIAL_LOG"));
}

void Cloud::await_line(std::int64_t id, const std::string& text) {
  await(fmt::format("VM {} to say \"{}\"", id, text),
        [&] { return serial_log(id).find(text) != std::string::npos; });
}

std::string Cloud::await_ready(std::int64_t id, int boots) {
  const std::string end = fmt::format(" boots={}\r", boots);
  await_line(id, end);
  const std::string log = serial_log(id);
  const std::string key = "NEPH READY marker=";
  const auto at = log.rfind(key) + key.size();
  return log.substr(at, log.find(' ', at) - at);
}

fs::path Cloud::disk_path(std::int64_t id, int disk) {
  return state_ / "datastores" / "0" / fmt::format("{}", id) / fmt::format("disk.{}", disk);
}

std::vector<pid_t> Cloud::all_qemus() const {
  auto found = processes_with("guest=one-");
  // Another cloud on this machine has VMs of the same numbers.
  std::erase_if(found, [this](pid_t pid) {
    return read_file(fmt::format("/proc/{}/cmdline", pid)).find(folder_.string() + "/") ==
           std::string::npos;
  });
  return found;
}

std::optional<pid_t> Cloud::qemu_of(std::int64_t id) {
  const auto its_own = processes_with(fmt::format("guest=one-{},", id));
  for (const pid_t pid : all_qemus())
    if (std::ranges::find(its_own, pid) != its_own.end()) return pid;
  return std::nullopt;
}

void Cloud::kill_qemu(std::int64_t id) {
  const auto pid = qemu_of(id);
  if (!pid) throw std::runtime_error(fmt::format("VM {} has no QEMU", id));
  kill_and_await({*pid});
}

std::int64_t Cloud::demo_image() {
  const auto pool = document("one.imagepool.info", {-2, -1, -1});
  for (const Element* image : pool.all("IMAGE"))
    if (image->get("NAME") == "demo") return image->number("ID", -1);
  throw std::runtime_error("there is no image \"demo\"");
}

std::string Cloud::image_state(std::int64_t id) {
  return cli::image_state_name(image(id).number("STATE", -1));
}

fs::path Cloud::image_path(std::int64_t id) { return image(id).get("SOURCE"); }

void Cloud::await_image(std::int64_t id, const std::string& state) {
  await(fmt::format("image {} to be {}", id, state), [&] {
    const auto now = image_state(id);
    if (now == state) return true;
    if (now == "ERROR")
      throw std::runtime_error(
          fmt::format("image {} is in ERROR: {}", id, image(id).get("TEMPLATE/ERROR")));
    return false;
  });
}

std::int64_t Cloud::clone_demo(const std::string& name) {
  const auto id = call_id("one.image.clone", {demo_image(), name, -1});
  await_image(id, "READY");
  return id;
}

std::vector<Shot> Cloud::take_all(std::int64_t id, const std::string& disks,
                                  const std::string& name, const std::string& options) {
  const auto made = document("neph.snapshot.create", {id, disks, name, options});
  std::vector<Shot> shots;
  for (const Element* shot : made.all("SNAPSHOT"))
    shots.push_back({shot->number("ID", -1), shot->number("IMAGE_ID", -1)});
  return shots;
}

Shot Cloud::take(std::int64_t id, const std::string& name, const std::string& options) {
  return take_all(id, "0", name, options).at(0);
}

Element Cloud::snapshot(const Shot& shot) { return document("neph.snapshot.info", {shot.id}); }

void Cloud::await_phase(const Shot& shot, const std::string& phase) {
  await(fmt::format("snapshot {} to be {}", shot.id, phase), [&] {
    const auto document = snapshot(shot);
    const auto now = document.get("PHASE");
    if (now == phase) return true;
    if (is_end(now))
      throw std::runtime_error(fmt::format("snapshot {} is {} instead of {}: {} {}", shot.id, now,
                                           phase, document.get("ERROR"), document.get("REASON")));
    return false;
  });
}

std::vector<std::string> Cloud::leftovers() const {
  std::vector<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(state_ / "datastores")) {
    const std::string name = entry.path().filename();
    for (const char* mark : {".snap-", ".pin-", ".part"})
      if (name.find(mark) != std::string::npos) found.push_back(entry.path());
  }
  return found;
}

std::string Cloud::complaints() const {
  std::ifstream log(state_ / "nephd.log");
  std::string found;
  for (std::string line; std::getline(log, line);) {
    const bool is_complaint = line.find("warn") != std::string::npos ||
                              line.find("error") != std::string::npos;
    if (is_complaint) found += line + "\n";
  }
  return found;
}

std::unique_ptr<Cloud> SharedCloud::cloud_;

void SharedCloud::SetUp() {
  ASSERT_NE(cloud_, nullptr);
  cloud_->become("");
}

void SharedCloud::TearDown() {
  if (HasFailure() && cloud_) std::printf("nephd complained:\n%s", cloud_->complaints().c_str());
}

std::int64_t last_number(const std::string& text, const std::string& key) {
  const auto at = text.rfind(key + "=");
  if (at == std::string::npos) return -1;
  return std::strtoll(text.c_str() + at + key.size() + 1, nullptr, 10);
}

void note(const std::string& text) {
  std::printf("[   NOTE   ] %s\n", text.c_str());
  std::fflush(stdout);
}

}  // namespace neph::e2e
