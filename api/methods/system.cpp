#include "api/internal/configuration_xml.h"
#include "api/internal/methods.h"

namespace neph::api {
namespace {

Result<std::string> show_version(Call& call) { return call.services().version; }

Result<std::string> show_configuration(Call& call) {
  return configuration_document(call.services().configuration);
}

}  // namespace

void add_system_methods(Registry<Call>& registry) {
  registry.add(
      {method("one.system.version", &show_version)
           .reads()
           .for_anyone()
           .doc("Tells which version of OpenNebula's API this is.")
           .answers("version, such as 7.4.0"),
       method("one.system.config", &show_configuration)
           .reads()
           .for_anyone()
           .doc("Shows the configuration without passwords, keys and tokens.")
           .answers("OPENNEBULA_CONFIGURATION document")});
}

}  // namespace neph::api
