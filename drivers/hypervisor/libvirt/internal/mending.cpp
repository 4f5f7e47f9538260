#include "drivers/hypervisor/libvirt/internal/mending.h"

#include <signal.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <pugixml.hpp>
#include <string_view>
#include <system_error>

#include "base/log.h"

namespace neph::hypervisor_driver::virt {

namespace {

namespace fs = std::filesystem;

/// Written before the guest had a process: libvirt 9.0 takes such a guest for active, comes back to
/// nothing, and keeps its job lock for ever.
bool has_no_process(const pugi::xml_node& status) {
  return std::string_view(status.attribute("pid").value()) == "0";
}

pugi::xml_node fold_of(const pugi::xml_node& status, const pugi::xml_node& disk) {
  const std::string_view target = disk.child("target").attribute("dev").value();
  return status.child("blockjobs").find_child([&](const pugi::xml_node& each) {
    return each.child("disk").attribute("dst").value() == target;
  });
}

pugi::xml_node find_below(const pugi::xml_node& disk, std::string_view path) {
  auto layer = disk.child("backingStore");
  while (layer && layer.child("source").attribute("file").value() != path)
    layer = layer.child("backingStore");
  return layer;
}

/// The disk stands on the layer that it was folded into.
void put_on(pugi::xml_node disk, const pugi::xml_node& base) {
  pugi::xml_document kept;
  const auto format = kept.append_copy(base.child("format")).attribute("type");
  const auto source = kept.append_copy(base.child("source"));
  const auto below = kept.append_copy(base.child("backingStore"));
  disk.child("driver").attribute("type") = format.value();
  disk.insert_copy_before(source, disk.child("source"));
  disk.remove_child(disk.child("source").next_sibling("source"));
  disk.insert_copy_before(below, disk.child("backingStore"));
  disk.remove_child(disk.child("backingStore").next_sibling("backingStore"));
}

/// Written when a fold of the top layer had ended, and QEMU had forgotten its job: libvirt 9.0
/// leaves out what the mirror is for, cannot read what it has written, and loses sight of a guest
/// that runs. What it had not done yet is done here.
bool end_folds(pugi::xml_node status) {
  bool is_changed = false;
  for (auto disk : status.child("domain").child("devices").children("disk")) {
    const auto job = disk.child("mirror").attribute("job");
    if (!job || *job.value() != '\0') continue;
    const auto fold = fold_of(status, disk);
    const auto base =
        find_below(disk, disk.child("mirror").child("source").attribute("file").value());
    const bool is_pivoted = std::string_view(fold.attribute("newstate").value()) == "completed";
    disk.remove_child("mirror");
    if (is_pivoted && base) put_on(disk, base);
    status.child("blockjobs").remove_child(fold);
    is_changed = true;
  }
  return is_changed;
}

void mend_statuses(const fs::path& root) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(root / "run" / "qemu", ignored)) {
    const fs::path file = entry.path();
    pugi::xml_document document;
    if (file.extension() != ".xml" || !document.load_file(file.c_str())) continue;
    const auto status = document.child("domstatus");
    const fs::path mended = file.string() + ".mended";
    if (has_no_process(status)) {
      log::warn("hypervisor.start_cut_short", {{"domain", file.stem().string()}});
      fs::remove(file, ignored);
    } else if (end_folds(status) && document.save_file(mended.c_str())) {
      log::warn("hypervisor.fold_cut_short", {{"domain", file.stem().string()}});
      fs::rename(mended, file, ignored);
    }
  }
}

bool is_at_work_in(const std::string& pid, const fs::path& folder) {
  std::ifstream stream("/proc/" + pid + "/cmdline", std::ios::binary);
  const std::string words{std::istreambuf_iterator<char>(stream), {}};
  return words.find(folder.string() + "/") != std::string::npos;
}

/// QEMUs without a guest that libvirt asked what they can do. They outlive whoever asked.
void end_orphaned_probes(const fs::path& root) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(root / "lib" / "qemu", ignored)) {
    const fs::path folder = entry.path();
    if (!folder.filename().string().starts_with("qmp-")) continue;
    int pid = 0;
    std::ifstream(folder / "qmp.pid") >> pid;
    if (pid > 1 && is_at_work_in(std::to_string(pid), folder)) ::kill(pid, SIGKILL);
    fs::remove_all(folder, ignored);
  }
}

}  // namespace

void mend_after_kill(const std::string& root) {
  mend_statuses(root);
  end_orphaned_probes(root);
}

}  // namespace neph::hypervisor_driver::virt
