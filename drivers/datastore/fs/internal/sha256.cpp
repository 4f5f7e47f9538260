#include "drivers/datastore/fs/internal/sha256.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

namespace neph::datastore_driver::fs {

// The calls below fail only when memory is out or the library is broken; there is no going on
// from either.
Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  NEPH_ASSERT(context_ != nullptr);
  NEPH_ASSERT(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
}

void Sha256::add(std::span<const char> bytes) {
  NEPH_ASSERT(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
}

void Sha256::add_zeros(std::int64_t count) {
  static constexpr std::array<char, 65536> kZeros{};
  while (count > 0) {
    const auto step = std::min<std::int64_t>(count, kZeros.size());
    add({kZeros.data(), static_cast<std::size_t>(step)});
    count -= step;
  }
}

std::string Sha256::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  NEPH_ASSERT(EVP_DigestFinal_ex(context_.get(), digest.data(), &size) == 1);
  std::string text;
  for (unsigned int i = 0; i < size; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

}  // namespace neph::datastore_driver::fs
