#include "access/internal/secrets.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "access/authenticator.h"

namespace neph::access {
namespace {

void ensure_sodium() {
  static const int outcome = sodium_init();
  NEPH_ASSERT(outcome >= 0);
}

std::string to_hex(const unsigned char* bytes, std::size_t count) {
  std::string hex(count * 2 + 1, '\0');
  sodium_bin2hex(hex.data(), hex.size(), bytes, count);
  hex.pop_back();
  return hex;
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

bool is_sha256_hex(std::string_view text) {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return text.size() == 2 * crypto_hash_sha256_BYTES && std::ranges::all_of(text, is_digit);
}

}  // namespace

Result<std::string> hash_password(const std::string& password) {
  ensure_sodium();
  std::array<char, crypto_pwhash_STRBYTES> hash{};
  const int outcome = crypto_pwhash_str_alg(
      hash.data(), password.data(), password.size(), crypto_pwhash_OPSLIMIT_INTERACTIVE,
      crypto_pwhash_MEMLIMIT_INTERACTIVE, crypto_pwhash_ALG_ARGON2ID13);
  if (outcome != 0) return fail(Errc::kExhausted, "No memory is left to hash a password");
  return std::string(hash.data());
}

std::string random_word(std::size_t bytes) {
  ensure_sodium();
  std::vector<unsigned char> random(bytes);
  randombytes_buf(random.data(), random.size());
  return to_hex(random.data(), random.size());
}

std::string server_cipher_hash(const std::string& password) {
  if (is_sha256_hex(password)) return password;
  ensure_sodium();
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256(hash.data(), bytes_of(password), password.size());
  return to_hex(hash.data(), hash.size());
}

namespace internal {
namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kIvBytes = 16;
constexpr std::size_t kBlockBytes = 16;
constexpr std::size_t kTokenBytesMax = 4096;
/// Larger keys take milliseconds for each call.
constexpr int kRsaBitsMax = 4096;

std::optional<std::vector<unsigned char>> from_base64(std::string_view text) {
  if (text.empty() || text.size() > kTokenBytesMax) return std::nullopt;
  std::vector<unsigned char> bytes(text.size());
  std::size_t count = 0;
  // Encoders like to break lines.
  const int outcome = sodium_base642bin(bytes.data(), bytes.size(), text.data(), text.size(),
                                        "\r\n", &count, nullptr, sodium_base64_VARIANT_ORIGINAL);
  if (outcome != 0) return std::nullopt;
  bytes.resize(count);
  return bytes;
}

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

/// nullptr when the text is no RSA key, or one that is too large.
Key parse_public_key(const std::string& text) {
  Key key(nullptr, &EVP_PKEY_free);
  const auto bytes = from_base64(text);
  if (!bytes) return key;
  const unsigned char* next = bytes->data();
  key.reset(d2i_PUBKEY(nullptr, &next, static_cast<long>(bytes->size())));
  const bool is_usable = key != nullptr && EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_RSA &&
                         EVP_PKEY_get_bits(key.get()) <= kRsaBitsMax;
  if (!is_usable) key.reset();
  return key;
}

}  // namespace

bool is_password_of(const std::string& hash, const std::string& password) {
  ensure_sodium();
  return crypto_pwhash_str_verify(hash.c_str(), password.data(), password.size()) == 0;
}

bool is_same_secret(std::string_view a, std::string_view b) {
  ensure_sodium();
  // Digests of one length hide the lengths of the texts, too.
  std::array<unsigned char, crypto_generichash_BYTES> left{};
  std::array<unsigned char, crypto_generichash_BYTES> right{};
  crypto_generichash(left.data(), left.size(), bytes_of(a), a.size(), nullptr, 0);
  crypto_generichash(right.data(), right.size(), bytes_of(b), b.size(), nullptr, 0);
  return sodium_memcmp(left.data(), right.data(), left.size()) == 0;
}

std::string keyed_digest(const std::string& key, std::string_view text) {
  std::string digest(crypto_generichash_BYTES, '\0');
  crypto_generichash(reinterpret_cast<unsigned char*>(digest.data()), digest.size(),
                     bytes_of(text), text.size(), bytes_of(key), key.size());
  return digest;
}

std::string new_digest_key() {
  ensure_sodium();
  std::string key(crypto_generichash_KEYBYTES, '\0');
  randombytes_buf(key.data(), key.size());
  return key;
}

std::optional<std::string> decrypt_server_token(const std::string& hash, std::string_view token) {
  const auto sealed = from_base64(token);
  if (!sealed || sealed->empty() || hash.size() < kKeyBytes) return std::nullopt;
  static_assert(kIvBytes < kKeyBytes);
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(
      EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  std::string text(sealed->size() + kBlockBytes, '\0');
  auto* out = reinterpret_cast<unsigned char*>(text.data());
  int head = 0;
  int tail = 0;
  const bool is_good =
      context != nullptr &&
      EVP_DecryptInit_ex(context.get(), EVP_aes_256_cbc(), nullptr, bytes_of(hash),
                         bytes_of(hash)) == 1 &&
      EVP_DecryptUpdate(context.get(), out, &head, sealed->data(),
                        static_cast<int>(sealed->size())) == 1 &&
      EVP_DecryptFinal_ex(context.get(), out + head, &tail) == 1;
  if (!is_good) return std::nullopt;
  text.resize(static_cast<std::size_t>(head + tail));
  return text;
}

std::optional<std::string> open_with_public_key(const std::string& public_key,
                                                std::string_view secret) {
  const auto sealed = from_base64(secret);
  const Key key = parse_public_key(public_key);
  if (!sealed || key == nullptr) return std::nullopt;
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new(key.get(), nullptr), &EVP_PKEY_CTX_free);
  std::string text(static_cast<std::size_t>(EVP_PKEY_get_size(key.get())), '\0');
  std::size_t size = text.size();
  const bool is_good =
      context != nullptr && EVP_PKEY_verify_recover_init(context.get()) == 1 &&
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) == 1 &&
      EVP_PKEY_verify_recover(context.get(), reinterpret_cast<unsigned char*>(text.data()), &size,
                              sealed->data(), sealed->size()) == 1;
  if (!is_good) return std::nullopt;
  text.resize(size);
  return text;
}

}  // namespace internal
}  // namespace neph::access
