#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace neph::datastore_driver::fs {

/// A running SHA-256. One thread at a time.
class Sha256 {
 public:
  Sha256();
  void add(std::span<const char> bytes);
  /// As if so many zeros had been added: what a hole reads as.
  void add_zeros(std::int64_t count);
  /// Lower case hex; once.
  [[nodiscard]] std::string hex();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace neph::datastore_driver::fs
