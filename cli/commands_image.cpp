#include <CLI/CLI.hpp>
#include <array>
#include <filesystem>
#include <ostream>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/selectors.h"
#include "cli/templates.h"
#include "cli/wait.h"

namespace neph::cli {
namespace {

constexpr const char* kDefaultDatastore = "1";
constexpr std::int64_t kSameDatastore = -1;

std::string subject_of_image(std::int64_t image) { return fmt::format("image {}", image); }
std::string show_image(std::int64_t image) { return fmt::format("neph image show {}", image); }

Result<ExitCode> wait_for_image(Desk& desk, const WaitChoice& wait, std::int64_t image) {
  return wait_if_wanted(desk, wait, subject_of_image(image), show_image(image),
                        look_at_image(desk.rpc, image));
}

struct NewImage {
  ImageAsk image;
  std::string datastore = kDefaultDatastore;
  WaitChoice wait;
};

/// nephd reads the file, and does not run in the caller's directory.
std::string path_for_server(const std::string& path) {
  std::error_code error;
  const bool is_here = std::filesystem::exists(path, error);
  return is_here ? std::filesystem::absolute(path, error).lexically_normal().string() : path;
}

Result<ExitCode> create_image(Desk& desk, const NewImage& ask) {
  ImageAsk image = ask.image;
  if (image.path.empty() == image.size_mb.empty())
    return fail(Errc::kInvalid, "an image is made from --path P, or empty with --size MB");
  if (image.type.empty()) image.type = image.path.empty() ? "DATABLOCK" : "OS";
  if (!image.path.empty()) image.path = path_for_server(image.path);
  const auto datastore = TRY(resolve(desk.rpc, Kind::kDatastore, ask.datastore));
  const auto id = TRY(desk.rpc.call_id("one.image.allocate",
                                       {image_template(image).to_text(), datastore}));
  print_id(desk, id);
  return wait_for_image(desk, ask.wait, id);
}

void add_image_create(CLI::App& group, Command& chosen) {
  auto ask = std::make_shared<NewImage>();
  CLI::App* verb = group.add_subcommand("create", "Make one from a file, or an empty one");
  verb->add_option("--name", ask->image.name, "Its name")->required();
  verb->add_option("--path", ask->image.path, "File on nephd's machine");
  verb->add_option("--size", ask->image.size_mb, "Size in MB")->check(CLI::PositiveNumber);
  verb->add_option("--type", ask->image.type, "OS, DATABLOCK or CDROM");
  verb->add_option("--datastore,-d", ask->datastore, "Id or name of its datastore");
  verb->add_option("--format", ask->image.format, "raw or qcow2: what the file is");
  verb->add_option("--prefix", ask->image.prefix, "Bus it is attached to: vd, sd");
  verb->add_option("--description", ask->image.description, "A remark");
  verb->add_flag("--persistent", ask->image.is_persistent, "VMs change the image itself");
  add_wait_options(*verb, ask->wait);
  verb->callback([ask, &chosen] {
    chosen = [ask](Desk& desk) { return create_image(desk, *ask); };
  });
}

void add_clone(CLI::App& group, Command& chosen) {
  struct Ask {
    std::string source;
    std::string name;
    std::string datastore;
    WaitChoice wait;
  };
  auto ask = std::make_shared<Ask>();
  CLI::App* verb = group.add_subcommand("clone", "Copy it");
  verb->add_option("ID", ask->source, "Id or name")->required();
  verb->add_option("NAME", ask->name, "Name of the copy")->required();
  verb->add_option("--datastore,-d", ask->datastore, "Id or name of the copy's datastore");
  add_wait_options(*verb, ask->wait);
  verb->callback([ask, &chosen] {
    chosen = [ask](Desk& desk) -> Result<ExitCode> {
      const auto source = TRY(resolve(desk.rpc, Kind::kImage, ask->source));
      const auto datastore =
          TRY(resolve_or(desk.rpc, Kind::kDatastore, ask->datastore, kSameDatastore));
      const auto id =
          TRY(desk.rpc.call_id("one.image.clone", {source, ask->name, datastore}));
      print_id(desk, id);
      return wait_for_image(desk, ask->wait, id);
    };
  });
}

/// Prints what the finished check found; a corrupt image is not an operation that failed, but it
/// must not look like success to a script.
Result<ExitCode> print_verdict(Desk& desk, std::int64_t image, std::int64_t job) {
  const Element document = TRY(desk.rpc.call_document("neph.job.info", {job}));
  const std::string result = document.get("RESULT");
  desk.around.out << fmt::format("image {}: {}\n", image, result);
  return result.find("corrupt") == std::string::npos ? ExitCode::kOk : ExitCode::kWaitedFailed;
}

void add_verify(CLI::App& group, Command& chosen) {
  struct Ask {
    std::vector<std::string> targets;
    WaitChoice wait;
  };
  auto ask = std::make_shared<Ask>();
  CLI::App* verb = group.add_subcommand("verify", "Compare its bytes with its checksum");
  verb->add_option("ID", ask->targets, "Ids, names or ranges: 5 or 1..3,web")->required();
  add_wait_options(*verb, ask->wait);
  verb->callback([ask, &chosen] {
    chosen = [ask](Desk& desk) {
      const auto verify = [&](std::int64_t image) -> Result<ExitCode> {
        const auto job = TRY(desk.rpc.call_id("neph.image.verify", {image}));
        if (!ask->wait.is_wanted) desk.around.out << fmt::format("JOB: {}\n", job);
        if (!ask->wait.is_wanted) return ExitCode::kOk;
        const auto waited = TRY(wait_if_wanted(
            desk, ask->wait, fmt::format("check of image {}", image), show_image(image),
            look_at_job(desk.rpc, job)));
        return waited == ExitCode::kOk ? print_verdict(desk, image, job) : waited;
      };
      return for_each_target(desk, Kind::kImage, ask->targets, verify);
    };
  });
}

}  // namespace

void add_image_commands(CLI::App& group, Command& chosen) {
  add_image_create(group, chosen);
  add_clone(group, chosen);
  add_verify(group, chosen);
  const auto verbs = std::to_array<SimpleVerb>({
      {Kind::kImage, "delete", "one.image.delete", "Delete it", {}},
      {Kind::kImage, "persistent", "one.image.persistent", "VMs change the image itself", {true}},
      {Kind::kImage, "nonpersistent", "one.image.persistent", "VMs change a copy", {false}},
      {Kind::kImage, "enable", "one.image.enable", "Let VMs use it", {true}},
      {Kind::kImage, "disable", "one.image.enable", "Keep VMs from using it", {false}},
  });
  for (const auto& verb : verbs) add_simple(group, verb, chosen);
  add_rename(group, Kind::kImage, "one.image.rename", chosen);
  add_chmod(group, Kind::kImage, "one.image.chmod", chosen);
  add_chown(group, Kind::kImage, "one.image.chown", chosen);
  add_update(group, Kind::kImage, "one.image.update", chosen);
}

}  // namespace neph::cli
