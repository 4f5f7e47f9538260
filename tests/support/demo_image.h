#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/command.h"

/// The small real guest for tests: made once per build directory by tools/make-demo-image.sh,
/// which tells what is in it and what its context may say.
namespace neph::testing_support {

struct DemoImage {
  std::filesystem::path disk;      ///< bootable qcow2; put overlays over it, never write to it
  std::filesystem::path iowriter;  ///< judges copies of /data/A and /data/B
};

/// Offset of the ext4 file system with /data inside the disk.
constexpr long long kDemoDataOffset = 51380224;

/// NEPH_TEST_GUEST names a directory with an image made before (demo.qcow2, iowriter). Throws
/// with the script's words when there is no image to be had.
inline const DemoImage& demo_image() {
  static const DemoImage image = [] {
    namespace fs = std::filesystem;
    const char* given = std::getenv("NEPH_TEST_GUEST");
    fs::path directory = given != nullptr ? given : "";
    if (directory.empty()) {
      const auto source = fs::path(__FILE__).parent_path().parent_path().parent_path();
      directory = fs::read_symlink("/proc/self/exe").parent_path() / "demo-image";
      const auto made = run_command("'" + (source / "tools/make-demo-image.sh").string() + "' '" +
                                    directory.string() + "' </dev/null");
      if (made.status != 0) throw std::runtime_error("no demo image: " + made.output);
    }
    return DemoImage{directory / "demo.qcow2", directory / "iowriter"};
  }();
  return image;
}

/// A cdrom with OpenNebula's context.sh, from which the demo guest takes its orders.
inline void write_context(const std::filesystem::path& iso,
                          const std::vector<std::pair<std::string, std::string>>& context) {
  const auto folder = iso.string() + ".d";
  std::filesystem::create_directories(folder);
  std::ofstream script(folder + "/context.sh");
  for (const auto& [key, value] : context) script << key << "='" << value << "'\n";
  script.close();
  const auto made = run_command("genisoimage -quiet -V CONTEXT -J -r -o '" + iso.string() + "' '" +
                                folder + "'");
  std::filesystem::remove_all(folder);
  if (made.status != 0) throw std::runtime_error("no context cdrom: " + made.output);
}

}  // namespace neph::testing_support
