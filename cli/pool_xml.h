#pragma once

#include <string>
#include <vector>

namespace neph::cli {

/// The documents of images as the document of a pool, which is what lists are printed from.
[[nodiscard]] std::string image_pool_xml(const std::vector<std::string>& images);

}  // namespace neph::cli
