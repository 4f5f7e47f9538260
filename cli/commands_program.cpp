#include <CLI/CLI.hpp>
#include <ostream>

#include "cli/commands.h"
#include "cli/demo.h"

namespace neph::cli {

void add_program_commands(CLI::App& app, Command& chosen) {
  CLI::App* version = app.add_subcommand("version", "Versions of neph and of the server's API");
  version->callback([&chosen] {
    chosen = [](Desk& desk) -> Result<ExitCode> {
      desk.around.out << "neph " NEPH_VERSION << std::endl;
      const auto server = TRY(desk.rpc.call_text("one.system.version", {}));
      desk.around.out << "API of OpenNebula " << server << '\n';
      return ExitCode::kOk;
    };
  });
  auto ask = std::make_shared<DemoAsk>();
  CLI::App* demo = app.add_subcommand("demo", "Play the story: a guest becomes two images");
  demo->add_option("--image", ask->image, "Id or name of the demo image");
  demo->add_flag("--clean", ask->is_clean, "Delete the new images at the end");
  demo->add_flag("--keep", ask->is_kept, "Leave the VMs there when a step fails");
  demo->callback([ask, &chosen] {
    chosen = [ask](Desk& desk) { return play_demo(desk, *ask); };
  });
}

}  // namespace neph::cli
