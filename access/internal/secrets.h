#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

/// The cryptography behind sessions: libsodium and OpenSSL stay inside of the .cpp files. Pure
/// functions, for any thread.
namespace neph::access::internal {

/// Takes as long as hash_password().
[[nodiscard]] bool is_password_of(const std::string& hash, const std::string& password);
/// Without telling by its duration where the texts differ.
[[nodiscard]] bool is_same_secret(std::string_view a, std::string_view b);
/// Keyed digest of a text; keys come from new_digest_key().
[[nodiscard]] std::string keyed_digest(const std::string& key, std::string_view text);
[[nodiscard]] std::string new_digest_key();

/// Decrypts a token of server_cipher: base64 of AES-256-CBC. Key and IV are the first 32 and 16
/// characters of the stored hash, taken as they are (OpenNebula 7.4, ServerCipherAuth).
/// \returns "server_user:target:expiry", nullopt for anything that was not made with this hash
[[nodiscard]] std::optional<std::string> decrypt_server_token(const std::string& hash,
                                                              std::string_view token);

/// Opens what a private RSA key sealed: base64 of PKCS #1 v1.5. `public_key` is the body of
/// its PEM file without line breaks (OpenNebula 7.4, SshAuth).
/// \returns nullopt for anything that was not made with that key, and for a key that is none
[[nodiscard]] std::optional<std::string> open_with_public_key(const std::string& public_key,
                                                              std::string_view secret);

}  // namespace neph::access::internal
