#include "drivers/hypervisor/libvirt/internal/uri.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

namespace neph::hypervisor_driver::virt {

namespace {

/// libvirtd's registered ports.
constexpr std::string_view kTlsPort = "16514";
constexpr std::string_view kTcpPort = "16509";

struct Parts {
  std::string_view scheme, authority, path, query;
};

Result<Parts> split(std::string_view text) {
  const auto colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0)
    return fail(Errc::kInvalid, "\"{}\" is no libvirt URI.", text);
  Parts parts{.scheme = text.substr(0, colon)};
  auto rest = text.substr(colon + 3);
  if (const auto mark = rest.find('?'); mark != std::string_view::npos) {
    parts.query = rest.substr(mark + 1);
    rest = rest.substr(0, mark);
  }
  const auto slash = rest.find('/');
  parts.authority = rest.substr(0, slash);
  if (slash != std::string_view::npos) parts.path = rest.substr(slash);
  return parts;
}

std::string_view query_value(std::string_view query, std::string_view key) {
  while (!query.empty()) {
    const auto pair = query.substr(0, query.find('&'));
    if (pair.size() > key.size() && pair.starts_with(key) && pair[key.size()] == '=')
      return pair.substr(key.size() + 1);
    if (pair.size() == query.size()) break;
    query.remove_prefix(pair.size() + 1);
  }
  return {};
}

void fill_address(HostUri& uri, std::string_view authority, std::string_view default_port) {
  if (const auto at = authority.rfind('@'); at != std::string_view::npos)
    authority.remove_prefix(at + 1);
  uri.tcp_port = default_port;
  if (authority.starts_with('[')) {
    const auto end = authority.find(']');
    if (end == std::string_view::npos) return;
    uri.tcp_host = authority.substr(1, end - 1);
    authority.remove_prefix(end + 1);
  } else {
    uri.tcp_host = authority.substr(0, authority.find(':'));
    authority.remove_prefix(uri.tcp_host.size());
  }
  if (authority.size() > 1 && authority[0] == ':') uri.tcp_port = authority.substr(1);
}

Result<HostUri> embedded(const Parts& parts, const std::string& text, const std::string& root) {
  HostUri uri{.kind = HostUri::Kind::kEmbedded, .text = text};
  uri.embed_root = query_value(parts.query, "root");
  if (uri.embed_root.empty()) {
    uri.embed_root = root;
    uri.text = fmt::format("qemu:///embed?root={}", root);
  }
  if (!uri.embed_root.starts_with('/'))
    return fail(Errc::kInvalid, "The embedded host needs a directory with an absolute path.");
  return uri;
}

struct CloseFd {
  int fd;
  ~CloseFd() { ::close(fd); }
};

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

std::string words_of(int error) { return std::strerror(error); }

/// 0, or the errno of the attempt.
int try_connect(const addrinfo& address, Duration limit) {
  const CloseFd socket{
      ::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, address.ai_protocol)};
  if (socket.fd < 0) return errno;
  if (::connect(socket.fd, address.ai_addr, address.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd wanted{.fd = socket.fd, .events = POLLOUT, .revents = 0};
  const int ready = ::poll(&wanted, 1, static_cast<int>(limit.count()));
  if (ready < 0) return errno;
  if (ready == 0) return ETIMEDOUT;
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(socket.fd, SOL_SOCKET, SO_ERROR, &error, &length);
  return error;
}

}  // namespace

Result<HostUri> parse_uri(const std::string& text, const std::string& embed_root) {
  const auto parts = TRY(split(text));
  if (parts.scheme == "test") return HostUri{.kind = HostUri::Kind::kPretend, .text = text};
  if (parts.scheme == "qemu" && parts.authority.empty() && parts.path == "/embed")
    return embedded(parts, text, embed_root);
  HostUri uri{.kind = HostUri::Kind::kRemote, .text = text};
  if (parts.authority.empty()) return uri;
  // libvirt's rule: a host name without a transport means TLS.
  if (parts.scheme.ends_with("+tls") || parts.scheme.find('+') == std::string_view::npos)
    fill_address(uri, parts.authority, kTlsPort);
  else if (parts.scheme.ends_with("+tcp"))
    fill_address(uri, parts.authority, kTcpPort);
  return uri;
}

Result<void> probe_tcp(const std::string& host, const std::string& port, Duration limit) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int code = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); code != 0)
    return fail_because(Errc::kUnavailable, ::gai_strerror(code), "No address of host {}.", host);
  const std::unique_ptr<addrinfo, FreeAddresses> list(found);
  int error = EHOSTUNREACH;
  for (const addrinfo* entry = list.get(); entry != nullptr; entry = entry->ai_next) {
    error = try_connect(*entry, limit);
    if (error == 0) return {};
    // The limit is for the host, not for each of its addresses.
    if (error == ETIMEDOUT) break;
  }
  return fail_because(Errc::kUnavailable, words_of(error), "Nobody answers at {} port {}.", host,
                      port);
}

}  // namespace neph::hypervisor_driver::virt
