#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/result.h"

namespace neph::api {

/// Every limit of the server. What is too large, too slow or too many is refused by these; there is
/// nothing a client can do to use more.
struct HttpSettings {
  std::string address = "127.0.0.1";  ///< an IPv4 or IPv6 address, no name
  std::uint16_t port = 2633;          ///< 0 for any free one
  std::size_t body_bytes_max = 16 * 1048576;
  std::size_t header_bytes_max = 16 * 1024;
  std::size_t connections_max = 10'000;
  /// Bodies being received or answered and large replies being sent, of all connections together.
  std::size_t bytes_in_flight_max = 512 * 1048576;
  Duration idle_timeout{60'000};     ///< between requests, and until the first one
  Duration header_timeout{10'000};   ///< from the first byte of a request to the end of its header
  Duration stall_timeout{30'000};    ///< a body or a reply of which no byte moves
  std::size_t bytes_per_second_min = 4096;  ///< of a body or a reply, once stall_timeout has passed
  Duration answer_timeout{300'000};  ///< for the handler
  Duration drain_timeout{10'000};    ///< for requests in flight when the server stops
};

/// HTTP/1.1 for XML-RPC and nothing else: POST on any path, as OpenNebula's server, with
/// keep-alive, pipelining, chunked bodies and Expect: 100-continue. The requests of one connection
/// are handled one after the other, pipelined ones too: a POST may depend on the one before it, and
/// RFC 9112 (9.3.2) lets only safe methods run side by side.
///
/// One thread, the reactor, serves all connections. A connection that waits for a request costs a
/// socket and a few hundred bytes. start(), stop() and the destructor belong to one thread; port()
/// and connections() may be called from any, after start().
class HttpServer {
 public:
  /// Takes the reply, a complete XML-RPC document. May be called from any thread, also after the
  /// server has stopped, once; dropping every copy uncalled answers 500.
  using Answer = std::function<void(std::string body)>;
  /// Called on the reactor, so it must not block. `peer` is "address:port".
  using Handler = std::function<void(std::string body, std::string peer, Answer answer)>;

  /// \param clock  measures the time-outs; outlives the server
  HttpServer(HttpSettings settings, const Clock& clock, Handler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Listens and starts the reactor. To be called once.
  /// \returns kInvalid (not an address), kConflict (address in use), kDenied (privileged port),
  ///          kUnavailable (whatever else the system says)
  [[nodiscard]] Result<void> start();
  /// Accepts nothing more, lets requests in flight finish for drain_timeout, then cuts them off.
  /// Blocks until the reactor has ended. Repeatable.
  void stop();

  [[nodiscard]] std::uint16_t port() const;
  /// Open connections, refused ones that are being told so not counted.
  [[nodiscard]] std::size_t connections() const;

 private:
  class Reactor;
  std::shared_ptr<Reactor> reactor_;
  std::thread thread_;
};

}  // namespace neph::api
