#include "cli/pool_xml.h"

#include <fmt/ranges.h>

namespace neph::cli {

std::string image_pool_xml(const std::vector<std::string>& images) {
  return fmt::format("<IMAGE_POOL>{}</IMAGE_POOL>", fmt::join(images, ""));
}

}  // namespace neph::cli
