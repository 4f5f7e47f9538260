#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>
#include <system_error>

#include "drivers/datastore/fs/fs_driver.h"
#include "drivers/datastore/fs/internal/command.h"
#include "drivers/datastore/fs/internal/file.h"

// ensure_iso: the context CD-ROM of a VM.
namespace neph::datastore_driver {
namespace {

constexpr std::size_t kLabelMax = 32;  // ECMA-119 8.4.7
constexpr std::size_t kNameMax = 64;   // Joliet: 64 characters of UCS-2

/// A directory that goes, with everything in it, on the way out.
class Staging {
 public:
  explicit Staging(std::string path) : path_(std::move(path)) {}
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  ~Staging() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }
  /// Makes the directory afresh, for our eyes only: a context holds passwords.
  Result<void> begin() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
    if (error) return fs::fail_errno(error.value(), "remove", path_);
    if (::mkdir(path_.c_str(), 0700) != 0) return fs::fail_errno(errno, "make", path_);
    return {};
  }

 private:
  std::string path_;
};

std::string safe_name(const std::string& name) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  std::string safe = name;
  std::replace_if(
      safe.begin(), safe.end(),
      [&](char c) { return kAllowed.find(c) == std::string_view::npos; }, '_');
  return safe;
}

Result<void> stage(const Staging& staging, const std::vector<ContextFile>& files) {
  std::set<std::string> names;
  for (const ContextFile& file : files) {
    const std::string name = safe_name(file.name);
    if (name.empty() || name == "." || name == ".." || name.size() > kNameMax)
      return fail(Errc::kInvalid, "\"{}\" is no name for a file on a CD-ROM", file.name);
    if (!names.insert(name).second)
      return fail(Errc::kInvalid, "two files of a CD-ROM would be called {}", name);
    const std::string path = staging.path() + "/" + name;
    std::ofstream out(path, std::ios::binary);
    out << file.content;
    out.close();
    if (!out) return fs::fail_errno(errno, "write", path);
  }
  return {};
}

}  // namespace

Result<std::string> FsDriver::find_iso_tool() const {
  if (!config_.iso_tool.empty()) return fs::find_program(config_.iso_tool);
  for (const char* name : {"genisoimage", "xorrisofs", "mkisofs"})
    if (auto found = fs::find_program(name)) return found;
  return fail(Errc::kUnavailable, "none of genisoimage, xorrisofs and mkisofs is installed");
}

Result<void> FsDriver::ensure_iso(const std::string& path, const std::string& label,
                                  const std::vector<ContextFile>& files) {
  CHECK_OK(fs::check_path(path));
  if (label.empty() || label.size() > kLabelMax || label.front() == '-')
    return fail(Errc::kInvalid, "\"{}\" is no label for a CD-ROM", label);
  const std::string tool = TRY(find_iso_tool());
  Staging staging(path + ".files");
  CHECK_OK(staging.begin());
  CHECK_OK(stage(staging, files));
  const std::string part = fs::part_name(path);
  CHECK_OK(fs::remove_file(part));
  fs::Unfinished unfinished(part);
  NoProgress progress;
  TRY(fs::run_command(
      {{tool, "-quiet", "-J", "-r", "-V", label, "-o", part, staging.path()}, part},
      {clock_, config_.stall_limit}, progress));
  CHECK_OK(fs::settle(part));
  CHECK_OK(fs::rename_durably(part, path));
  unfinished.keep();
  return {};
}

}  // namespace neph::datastore_driver
