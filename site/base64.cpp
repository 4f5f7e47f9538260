#include "site/internal/base64.h"

#include <sodium.h>

#include "base/result.h"

namespace neph::site {

std::string base64(std::string_view bytes) {
  constexpr int kVariant = sodium_base64_VARIANT_ORIGINAL;
  std::string text(sodium_base64_encoded_len(bytes.size(), kVariant), '\0');
  sodium_bin2base64(text.data(), text.size(),
                    reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), kVariant);
  text.pop_back();  // the zero that ends a C string
  return text;
}

}  // namespace neph::site
