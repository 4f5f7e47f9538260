#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/crash/story.h"

namespace neph::crash {
namespace {

using datastore::ImageState;

Step allocates(std::string text) {
  return asks([text = std::move(text)](Stage& stage, db::Txn& txn) -> Result<void> {
    const auto attributes = text::Template::parse(text).value();
    TRY(stage.daemon().images.allocate(txn, stage.admin_, attributes, DatastoreId{1}));
    return {};
  });
}

Step verifies() {
  return asks([](Stage& stage, db::Txn& txn) -> Result<void> {
    TRY(stage.daemon().images.verify(txn, stage.admin_, stage.image_named(txn, "made")));
    return {};
  });
}

/// A file of a user's where users may take images from, gone with the program. A request looks for
/// it on the real file system, the driver in the world.
struct UsersFile {
  const std::string path = fmt::format("/var/tmp/neph-crash-{}", getpid());
  UsersFile() { std::ofstream(path) << "image"; }
  ~UsersFile() { std::filesystem::remove(path); }
};
const std::string& file_path() {
  static const UsersFile file;
  return file.path;
}

Step a_file() {
  return does([](Stage& stage) {
    stage.world().put_image(file_path(), datastore_driver::Format::kQcow2,
                            Bytes::megabytes(10), {{0, 3}, {1, 4}, {2, 5}});
  });
}

std::string from_file() {
  return fmt::format("NAME=\"made\"\nPATH=\"{}\"\nDRIVER=\"qcow2\"\nTYPE=\"OS\"", file_path());
}
const char* const kEmpty =
    "NAME=\"made\"\nSIZE=\"20\"\nTYPE=\"DATABLOCK\"\nDRIVER=\"qcow2\"\nPERSISTENT=\"YES\"";

}  // namespace

std::vector<Story> image_stories() {
  const auto ready = image_is("made", ImageState::kReady);
  const auto error = image_is("made", ImageState::kError);
  const auto gone = image_is_gone("made");
  const auto shares = has_sharing();
  return {
      {"an image from a file", {a_file()}, {allocates(from_file())}, {ready}},
      {"an empty image", {}, {allocates(kEmpty)}, {ready}},
      {"an image from a file, failed twice", {a_file(), meets(failing("ensure_copied", 2))},
       {allocates(from_file())}, {ready}},
      {"an image from a file that is refused",
       {a_file(), meets(failing("ensure_copied", sim::kAlways, Errc::kInvalid))},
       {allocates(from_file())}, {error}},
      {"an image whose making is cancelled",
       {a_file(), meets(failing("ensure_copied", sim::kAlways))},
       {allocates(from_file()), removes()}, {gone}},
      {"a clone", {}, {clones()}, {ready}},
      {"a clone with shared blocks, hashed afterwards", {shares}, {clones()}, {ready}},
      {"a VM waits for an image that is copied",
       {meets(failing("ensure_copied", 2))},
       {soon(clones()), creates("DISK=[IMAGE=\"made\"]"), finds()}, {ready, vm_is("RUNNING")}},
      {"an image is deleted", {clones()}, {removes()}, {gone}},
      {"an image is deleted at the second attempt",
       {clones(), meets(failing("ensure_deleted", 1))}, {removes()}, {gone}},
      {"an image is verified", {clones()}, {verifies()}, {ready}},
  };
}

}  // namespace neph::crash
