#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "base/clock.h"

namespace neph::api {

/// A clock that the test turns while the server's thread reads it.
class HandClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override { return Instant{monotonic().count()}; }
  [[nodiscard]] Duration monotonic() const override { return Duration{ms_.load()}; }
  void sleep_for(Duration length) override { advance(length); }
  void advance(Duration by) { ms_ += by.count(); }

 private:
  std::atomic<std::int64_t> ms_ = 1'000'000;
};

/// Waits until something has happened on another thread, for half a minute at most.
template <class Condition>
bool comes_true(Condition condition) {
  const SystemClock clock;
  const auto last = clock.monotonic() + Duration{30'000};
  while (!condition() && clock.monotonic() < last) std::this_thread::yield();
  return condition();
}

/// One TCP connection that sends and receives plain bytes; what it waits for comes within ten
/// seconds or the test fails.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    timeval patience{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    is_connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  }
  RawClient(RawClient&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)),
        is_connected_(other.is_connected_),
        ended_(other.ended_),
        pending_(std::move(other.pending_)) {}
  RawClient& operator=(RawClient&&) = delete;
  ~RawClient() {
    if (fd_ >= 0) ::close(fd_);
  }

  [[nodiscard]] bool is_connected() const { return is_connected_; }
  /// Number of bytes that went out: less than all when the server closed.
  std::size_t send(std::string_view bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const auto count = ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) break;
      sent += static_cast<std::size_t>(count);
    }
    return sent;
  }
  /// The next bytes up to and with `mark`; what came until then if the connection ends first.
  std::string read_until(std::string_view mark) {
    for (;;) {
      const auto found = pending_.find(mark);
      if (found != std::string::npos) return take(found + mark.size());
      if (!receive()) return take(pending_.size());
    }
  }
  std::string read(std::size_t count) {
    while (pending_.size() < count && receive()) {
    }
    return take(std::min(count, pending_.size()));
  }
  /// Everything until the server closes.
  std::string read_all() {
    while (receive()) {
    }
    return take(pending_.size());
  }
  /// True when the server has closed and nothing is left to read.
  bool is_closed() { return read_all().empty() && ended_; }

 private:
  bool receive() {
    char chunk[65536];
    const auto count = ::recv(fd_, chunk, sizeof chunk, 0);
    ended_ = count == 0 || (count < 0 && errno == ECONNRESET);
    if (count <= 0) return false;
    pending_.append(chunk, static_cast<std::size_t>(count));
    return true;
  }
  std::string take(std::size_t count) {
    auto taken = pending_.substr(0, count);
    pending_.erase(0, count);
    return taken;
  }

  int fd_;
  bool is_connected_ = false;
  bool ended_ = false;
  std::string pending_;
};

struct HttpReply {
  std::string head;
  std::string body;
};

inline std::string post(std::string_view body, std::string_view more_headers = {}) {
  return "POST /RPC2 HTTP/1.1\r\nHost: here\r\nContent-Type: text/xml\r\n" +
         std::string(more_headers) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

inline HttpReply read_reply(RawClient& client) {
  HttpReply reply{client.read_until("\r\n\r\n"), {}};
  const auto at = reply.head.find("Content-Length: ");
  if (at == std::string::npos) return reply;
  const auto length = std::strtoul(reply.head.c_str() + at + 16, nullptr, 10);
  reply.body = client.read(length);
  return reply;
}

}  // namespace neph::api
