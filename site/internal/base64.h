#pragma once

#include <string>
#include <string_view>

namespace neph::site {

/// RFC 4648 with padding, in one line: what hooks find in $TEMPLATE and $API.
[[nodiscard]] std::string base64(std::string_view bytes);

}  // namespace neph::site
