#include "drivers/datastore/driver.h"

namespace neph::datastore_driver {

Result<Format> format_from(std::string_view name) {
  if (name == "raw") return Format::kRaw;
  if (name == "qcow2") return Format::kQcow2;
  return fail(Errc::kInvalid, "format \"{}\" is not one of raw, qcow2", name);
}

}  // namespace neph::datastore_driver
