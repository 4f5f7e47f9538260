#include "drivers/datastore/sim/digest.h"

#include <openssl/sha.h>

#include <array>

namespace neph::datastore_driver {
namespace {

std::array<unsigned char, SHA256_DIGEST_LENGTH> digest_of(std::string_view text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return digest;
}

}  // namespace

std::string sha256_of(std::string_view text) {
  std::string hex;
  for (const unsigned char byte : digest_of(text)) hex += fmt::format("{:02x}", byte);
  return hex;
}

std::string sha256_of(const sim::File& file) {
  std::string text = fmt::format("{} {} {} {}\n", name_of(file.format), file.virtual_size.value,
                                 file.backing_path, file.ballast.value);
  for (const auto& [block, stamp] : file.blocks) text += fmt::format("{} {}\n", block, stamp);
  return sha256_of(text);
}

sim::Stamp stamp_of(std::string_view text) {
  const auto digest = digest_of(text);
  sim::Stamp stamp = 0;
  for (int i = 0; i < 8; ++i) stamp = stamp << 8 | digest[i];
  return stamp == 0 ? 1 : stamp;
}

}  // namespace neph::datastore_driver
