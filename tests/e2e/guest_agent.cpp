#include "tests/e2e/guest_agent.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>

namespace neph::e2e {

namespace fs = std::filesystem;

namespace {

constexpr timeval kAnswerLimit{30, 0};
constexpr long kSyncNumber = 4711;

class Connection {
 public:
  explicit Connection(const fs::path& path) : socket_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{.sun_family = AF_UNIX};
    if (path.native().size() >= sizeof address.sun_path)
      throw std::runtime_error("too long for a socket: " + path.string());
    std::memcpy(address.sun_path, path.c_str(), path.native().size() + 1);
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &kAnswerLimit, sizeof kAnswerLimit);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error(fmt::format("{}: {}", path.string(), std::strerror(errno)));
  }
  ~Connection() { ::close(socket_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void send(const std::string& text) {
    if (::send(socket_, text.data(), text.size(), MSG_NOSIGNAL) < 0)
      throw std::runtime_error("the agent's socket is closed");
  }
  /// The next line that holds `wanted`: what was asked by others before is passed over.
  std::string line_with(const std::string& wanted) {
    while (true) {
      const auto end = unread_.find('\n');
      if (end == std::string::npos) {
        read_more();
        continue;
      }
      const auto line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      if (line.find(wanted) != std::string::npos) return line;
    }
  }

 private:
  void read_more() {
    char bytes[512];
    const auto got = ::recv(socket_, bytes, sizeof bytes, 0);
    if (got <= 0) throw std::runtime_error("the agent does not answer");
    unread_.append(bytes, static_cast<std::size_t>(got));
  }

  int socket_;
  std::string unread_;
};

}  // namespace

fs::path agent_socket_below(const fs::path& state) {
  constexpr auto kReadable = fs::directory_options::skip_permission_denied;
  for (const auto& entry : fs::recursive_directory_iterator(state, kReadable))
    if (entry.path().filename() == "org.qemu.guest_agent.0") return entry.path();
  throw std::runtime_error("no agent's socket below " + state.string());
}

std::string freeze_status(const fs::path& socket) {
  Connection agent(socket);
  // 0xFF ends what a client that died may have left half said.
  agent.send(fmt::format("\xFF{{\"execute\":\"guest-sync\",\"arguments\":{{\"id\":{}}}}}\n",
                         kSyncNumber));
  agent.line_with(fmt::format("{}", kSyncNumber));
  agent.send("{\"execute\":\"guest-fsfreeze-status\"}\n");
  const auto answer = agent.line_with("return");
  return answer.find("frozen") != std::string::npos ? "frozen" : "thawed";
}

}  // namespace neph::e2e
