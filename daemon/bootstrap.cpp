#include "daemon/bootstrap.h"

#include <sodium.h>

#include <array>
#include <fstream>

#include "access/authenticator.h"
#include "access/users.h"
#include "base/log.h"
#include "compute/host.h"
#include "daemon/files.h"
#include "site/vdc.h"

namespace neph::daemon {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPasswordBytes = 16;
constexpr std::string_view kEmbeddedUri = "qemu:///embed";

struct Password {
  std::string text;
  bool is_fresh = false;
};

/// The password in a file of "<name>:<password>".
Result<std::string> password_in(const fs::path& file, const std::string& name) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  const std::string begin = name + ":";
  const bool is_whole = line.starts_with(begin) &&
                        access::check_password(std::string_view(line).substr(begin.size()));
  if (!is_whole) {
    return fail(Errc::kInvalid, "{} does not hold {}:PASSWORD; correct or remove it",
                file.string(), name);
  }
  return line.substr(begin.size());
}

Result<Password> ensure_password(const fs::path& file, const std::string& name) {
  std::error_code problem;
  if (fs::exists(file, problem)) return Password{TRY(password_in(file, name)), false};
  CHECK_OK(ensure_directory(file.parent_path(), Privacy::kOwner));
  const std::string password = access::random_word(kPasswordBytes);
  CHECK_OK(replace_file(file, fmt::format("{}:{}\n", name, password), Readers::kOwner));
  return Password{password, true};
}

/// The key of server_cipher is made from this text, so it cannot be a hash with a salt.
std::string server_hash(const std::string& password) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256(digest.data(), reinterpret_cast<const unsigned char*>(password.data()),
                     password.size());
  std::string hex;
  for (const unsigned char byte : digest) hex += fmt::format("{:02x}", byte);
  return hex;
}

void insert_embedded_host(db::Txn& txn, const Config& config) {
  compute::Host host;
  host.name = config.embedded_host_name;
  host.cluster = ClusterId{0};
  host.im_mad = "qemu";
  host.vm_mad = "qemu";
  host.uri = kEmbeddedUri;
  // An update that keeps this attribute keeps the host inside nephd.
  host.attributes.set("LIBVIRT_URI", std::string(kEmbeddedUri));
  compute::insert_host(txn, std::move(host));
}

Result<void> fill(db::Txn& txn, const access::Bootstrap& people, const Config& config,
                  const datastore::ImageService& images) {
  CHECK_OK(access::bootstrap(txn, people));
  compute::bootstrap_clusters(txn);
  site::bootstrap_vdcs(txn);
  CHECK_OK(images.bootstrap(txn));
  if (config.embedded_host == EmbeddedHost::kYes) insert_embedded_host(txn, config);
  return {};
}

bool has_users(db::Database& database, Instant now) {
  bool has_some = false;
  database.read(now, [&](db::Txn& txn) { has_some = !access::list_users(txn).empty(); });
  return has_some;
}

}  // namespace

fs::path one_auth_path(const Config& config) { return config.state / "one_auth"; }
fs::path server_auth_path(const Config& config) {
  return config.state / ".one" / "sunstone_auth";
}

Result<Bootstrapped> ensure_bootstrapped(db::Database& database, Instant now,
                                         const Config& config,
                                         const datastore::ImageService& images) {
  if (has_users(database, now)) return Bootstrapped{};
  CHECK_OK(access::check_name("host", config.embedded_host_name));
  const auto oneadmin = TRY(ensure_password(one_auth_path(config), "oneadmin"));
  const auto serveradmin = TRY(ensure_password(server_auth_path(config), "serveradmin"));
  access::Bootstrap people;
  people.oneadmin_hash = TRY(access::hash_password(oneadmin.text));
  people.serveradmin_hash = server_hash(serveradmin.text);
  CHECK_OK(database.transact_one(now, [&](db::Txn& txn) {
    return fill(txn, people, config, images);
  }));
  log::info("daemon.new_store", {{"state", config.state.string()}});
  return Bootstrapped{StoreAge::kNew, oneadmin.is_fresh ? oneadmin.text : std::string()};
}

}  // namespace neph::daemon
