#include "cli/credentials.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

namespace neph::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kScheme = "http://";

struct Found {
  std::string value;
  std::string from;
};

std::string trimmed(std::string text) {
  const auto last = text.find_last_not_of(" \t\r\n");
  text.erase(last == std::string::npos ? 0 : last + 1);
  const auto first = text.find_first_not_of(" \t\r\n");
  return text.substr(first == std::string::npos ? 0 : first);
}

std::optional<std::string> read_file(const fs::path& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  const std::string content = trimmed(text.str());
  if (content.empty()) return std::nullopt;
  return content;
}

/// The files to look into when neither option nor variable names the thing itself.
std::vector<fs::path> places(const Variables& variables, std::string_view file,
                             std::string_view home_file) {
  std::vector<fs::path> paths;
  if (const auto state = variables("NEPH_STATE")) paths.push_back(fs::path(*state) / file);
  if (const auto home = variables("HOME")) paths.push_back(fs::path(*home) / ".one" / home_file);
  paths.push_back(fs::path("var") / file);
  return paths;
}

std::optional<Found> first_readable(const std::vector<fs::path>& paths) {
  for (const auto& path : paths)
    if (const auto content = read_file(path)) return Found{*content, path.string()};
  return std::nullopt;
}

Result<Found> from_named_file(const fs::path& path, std::string_view named_by) {
  if (const auto content = read_file(path)) return Found{*content, path.string()};
  return fail(Errc::kUnavailable, "cannot read {}, which {} names", path.string(), named_by);
}

Result<Found> find_session(const CredentialOptions& options, const Variables& variables) {
  if (!options.auth.empty()) {
    if (const auto content = read_file(options.auth)) return Found{*content, options.auth};
    return Found{options.auth, "--auth"};
  }
  if (!options.state.empty())
    return from_named_file(fs::path(options.state) / "one_auth", "--state");
  if (const auto file = variables("ONE_AUTH")) return from_named_file(*file, "ONE_AUTH");
  if (auto found = first_readable(places(variables, "one_auth", "one_auth")))
    return std::move(*found);
  return fail(Errc::kUnavailable,
              "no credentials in ONE_AUTH, ~/.one/one_auth or ./var/one_auth: start nephd with "
              "./run, or name its state directory with --state");
}

std::string find_endpoint(const CredentialOptions& options, const Variables& variables) {
  if (!options.endpoint.empty()) return options.endpoint;
  if (!options.state.empty()) {
    // Empty is fine: a state directory of a daemon that has not started yet.
    return read_file(fs::path(options.state) / "endpoint").value_or("");
  }
  if (auto url = variables("ONE_XMLRPC")) return std::move(*url);
  const auto found = first_readable(places(variables, "endpoint", "one_endpoint"));
  return found ? found->value : "";
}

Result<void> split_authority(std::string_view authority, Endpoint& endpoint) {
  const bool is_bracketed = authority.starts_with('[');
  const auto bracket = authority.find(']');
  if (is_bracketed && bracket == std::string_view::npos)
    return fail(Errc::kInvalid, "the endpoint's address has no closing bracket");
  const auto host_end = is_bracketed ? bracket + 1 : authority.find(':');
  endpoint.host = is_bracketed ? authority.substr(1, bracket - 1) : authority.substr(0, host_end);
  endpoint.port = "80";
  if (host_end < authority.size()) endpoint.port = authority.substr(host_end + 1);
  const bool is_number = endpoint.port.find_first_not_of("0123456789") == std::string::npos;
  if (endpoint.host.empty() || endpoint.port.empty() || !is_number)
    return fail(Errc::kInvalid, "\"{}\" is not HOST:PORT", authority);
  return {};
}

}  // namespace

Result<Endpoint> Endpoint::parse(std::string_view url) {
  if (!url.starts_with(kScheme))
    return fail(Errc::kInvalid, "endpoint \"{}\" is not of the form http://HOST:PORT/RPC2", url);
  const auto rest = url.substr(kScheme.size());
  const auto slash = rest.find('/');
  Endpoint endpoint;
  CHECK_OK(split_authority(rest.substr(0, slash), endpoint));
  const bool has_path = slash != std::string_view::npos && slash + 1 < rest.size();
  if (has_path) endpoint.path = rest.substr(slash);
  return endpoint;
}

std::string Endpoint::text() const {
  const bool is_v6 = host.find(':') != std::string::npos;
  return fmt::format("http://{}{}{}:{}{}", is_v6 ? "[" : "", host, is_v6 ? "]" : "", port, path);
}

Result<Credentials> find_credentials(const CredentialOptions& options,
                                     const Variables& variables) {
  Credentials found;
  const std::string url = find_endpoint(options, variables);
  if (!url.empty()) found.endpoint = TRY(Endpoint::parse(url));
  auto session = TRY(find_session(options, variables));
  // Only the first line counts: other clients of the same file end it there.
  found.session = trimmed(session.value.substr(0, session.value.find('\n')));
  found.session_from = std::move(session.from);
  if (found.session.find(':') == std::string::npos)
    return fail(Errc::kInvalid, "{} does not hold USER:PASSWORD", found.session_from);
  return found;
}

}  // namespace neph::cli
