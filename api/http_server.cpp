#include "api/http_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "api/internal/http_reply.h"
#include "base/log.h"

namespace neph::api {
namespace {

using namespace internal;
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using asio::ip::tcp;

// The concrete executor instead of any_executor: no virtual call and no allocation per operation.
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;
template <class T = void>
using Awaitable = asio::awaitable<T, Executor>;
constexpr auto kToken = asio::as_tuple(asio::use_awaitable_t<Executor>{});

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::string_view kNothing;
constexpr Duration kSweepInterval{100};
constexpr Duration kLinger{2'000};
constexpr std::size_t kHeaderReadBytes = 4096;
constexpr std::size_t kBodyReadBytes = 64 * 1024;
/// Replies up to this size are sent even when no memory is left for larger ones: they are what a
/// change is acknowledged with.
constexpr std::size_t kSmallReplyBytes = 64 * 1024;
/// Connections beyond the limit that are told so at one time; more are closed without a word.
constexpr std::size_t kTurnedAwayMax = 128;

/// As http::string_body, but memory follows the bytes that came, not those that were announced: ten
/// thousand clients may announce 16 MiB each.
struct GrowingBody {
  using value_type = std::string;

  class reader {
   public:
    template <bool kIsRequest, class Fields>
    reader(http::header<kIsRequest, Fields>&, value_type& body) : body_(body) {}

    void init(const boost::optional<std::uint64_t>& length, error_code& problem) {
      body_.reserve(std::min<std::uint64_t>(length.value_or(0), kBodyReadBytes));
      problem = {};
    }
    template <class Buffers>
    std::size_t put(const Buffers& buffers, error_code& problem) {
      const auto before = body_.size();
      for (const auto& buffer : beast::buffers_range_ref(buffers)) {
        body_.append(static_cast<const char*>(buffer.data()), buffer.size());
      }
      problem = {};
      return body_.size() - before;
    }
    void finish(error_code& problem) { problem = {}; }

   private:
    value_type& body_;
  };
};
using Parser = http::request_parser<GrowingBody>;

std::string text_of(const tcp::endpoint& endpoint) {
  const auto address = endpoint.address().to_string();
  if (endpoint.address().is_v6()) return fmt::format("[{}]:{}", address, endpoint.port());
  return fmt::format("{}:{}", address, endpoint.port());
}

std::string peer_name(const Socket& socket) {
  error_code problem;
  const auto peer = socket.remote_endpoint(problem);
  return problem ? "unknown" : text_of(peer);
}

/// What is wrong with the header of a request that parsed; nullopt when it may send its body.
std::optional<Reply> objection_to(const Parser& parser) {
  const auto& request = parser.get();
  if (request.method() != http::verb::post) {
    return refusal(405, "Method Not Allowed", "XML-RPC is spoken here: use POST.",
                   "Allow: POST\r\n");
  }
  if (!parser.chunked() && !parser.content_length()) {
    return refusal(411, "Length Required", "Send a Content-Length or a chunked body.");
  }
  const auto expect = request[http::field::expect];
  if (!expect.empty() && !beast::iequals(expect, "100-continue")) {
    return refusal(417, "Expectation Failed", "Only 100-continue can be expected here.");
  }
  return std::nullopt;
}

bool waits_for_continue(const Parser& parser) {
  const auto& request = parser.get();
  return request.version() >= 11 && !request[http::field::expect].empty() && !parser.is_done();
}

struct Connection {
  Connection(Socket accepted, bool admitted)
      : socket(std::move(accepted)),
        wake(socket.get_executor(), Timer::time_point::max()),
        peer(peer_name(socket)),
        is_admitted(admitted) {}

  Socket socket;
  Timer wake;  ///< never expires; cancelled when the answer is there
  beast::flat_buffer buffer;
  std::string peer;
  std::optional<Reply> answer;
  std::uint64_t ticket = 0;  ///< number of the request that may be answered
  Duration deadline = Duration::max();
  std::size_t index = 0;  ///< in the reactor's list
  bool is_admitted;
  bool is_idle = false;
  bool is_late = false;  ///< the sweeper has cut it off since its last deadline was set

  void set_deadline(Duration at) {
    deadline = at;
    is_late = false;
  }
  /// Ends whatever the connection waits for.
  void interrupt() {
    error_code ignored;
    socket.cancel(ignored);
    wake.cancel();
  }
  void take_answer(std::uint64_t for_ticket, Reply reply) {
    if (for_ticket != ticket || answer) return;
    answer = std::move(reply);
    wake.cancel();
  }
};

Result<tcp::endpoint> endpoint_of(const HttpSettings& settings) {
  error_code problem;
  const auto address = asio::ip::make_address(settings.address, problem);
  if (problem) {
    return fail(Errc::kInvalid, "cannot listen on \"{}\": it is not an IP address",
                settings.address);
  }
  return tcp::endpoint(address, settings.port);
}

tl::unexpected<Error> cannot_listen(const tcp::endpoint& endpoint, const error_code& problem) {
  const auto where = text_of(endpoint);
  if (problem == asio::error::address_in_use) {
    return fail(Errc::kConflict, "cannot listen on {}: address in use", where);
  }
  const auto code = problem == asio::error::access_denied ? Errc::kDenied : Errc::kUnavailable;
  return fail(code, "cannot listen on {}: {}", where, problem.message());
}

}  // namespace

class HttpServer::Reactor : public std::enable_shared_from_this<Reactor> {
 public:
  Reactor(HttpSettings settings, const Clock& clock, Handler handler)
      : settings_(std::move(settings)), clock_(clock), handler_(std::move(handler)) {}

  Result<void> listen();
  void run();
  void drain();  ///< from any thread

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::size_t admitted() const { return admitted_; }

 private:
  class Claim;
  class OwedAnswer;

  Awaitable<> accept_all();
  Awaitable<> sweep();
  Awaitable<> converse(std::shared_ptr<Connection> connection);
  Awaitable<> turn_away(std::shared_ptr<Connection> connection);
  Awaitable<Then> serve_one(const std::shared_ptr<Connection>& shared);
  Awaitable<Reply> answer_of(const std::shared_ptr<Connection>& shared, std::string body);
  Awaitable<Then> refuse(Connection& connection, Reply reply);
  Awaitable<Then> give_up(Connection& connection, error_code problem);
  Awaitable<error_code> read_header(Connection& connection, Parser& parser);
  Awaitable<error_code> read_body(Connection& connection, Parser& parser, Claim& claim);
  Awaitable<error_code> write(Connection& connection, std::string_view head, std::string_view body);
  Awaitable<> hang_up(Connection& connection);

  void admit(Socket socket);
  void forget(Connection& connection);
  void allow(Connection& connection, Duration length) const {
    connection.set_deadline(clock_.monotonic() + length);
  }
  void allow_transfer(Connection& connection, Duration begun, std::size_t moved) const;

  const HttpSettings settings_;
  const Clock& clock_;
  const Handler handler_;
  asio::io_context io_{1};
  Acceptor acceptor_{io_};
  Timer tick_{io_};
  std::vector<Connection*> connections_;
  std::array<char, 16 * 1024> discarded_{};
  std::size_t bytes_in_flight_ = 0;
  std::uint16_t port_ = 0;
  std::atomic<std::size_t> admitted_ = 0;
  Duration drain_deadline_ = Duration::max();
  bool is_draining_ = false;
  bool has_told_full_ = false;
};

/// The duty to answer one request. Whoever holds the last copy of the handler's Answer fulfils it:
/// by an answer, or by dropping it.
class HttpServer::Reactor::OwedAnswer {
 public:
  OwedAnswer(std::shared_ptr<Reactor> reactor, const std::shared_ptr<Connection>& connection)
      : reactor_(std::move(reactor)), connection_(connection), ticket_(connection->ticket) {}
  OwedAnswer(const OwedAnswer&) = delete;
  OwedAnswer& operator=(const OwedAnswer&) = delete;
  ~OwedAnswer() { give(refusal(500, "Internal Server Error", "The request was not answered.")); }

  void give(Reply reply) {
    if (is_given_.exchange(true)) return;
    // The queue belongs to the reactor, and an answer that comes after its end stays there: with
    // anything but weak references in it, neither would ever be freed.
    auto hand_over = [connection = connection_, ticket = ticket_,
                      reply = std::move(reply)]() mutable {
      if (auto alive = connection.lock()) alive->take_answer(ticket, std::move(reply));
    };
    asio::dispatch(reactor_->io_.get_executor(), std::move(hand_over));
  }

 private:
  std::shared_ptr<Reactor> reactor_;
  std::weak_ptr<Connection> connection_;
  std::uint64_t ticket_;
  std::atomic<bool> is_given_ = false;
};

/// A share of bytes_in_flight_max, given back at the end of its life.
class HttpServer::Reactor::Claim {
 public:
  explicit Claim(Reactor& reactor) : reactor_(reactor) {}
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;
  ~Claim() { reactor_.bytes_in_flight_ -= bytes_; }

  /// False when the server has not that much left.
  [[nodiscard]] bool covers(std::size_t bytes) {
    if (bytes <= bytes_) return true;
    const auto more = bytes - bytes_;
    if (reactor_.bytes_in_flight_ + more > reactor_.settings_.bytes_in_flight_max) return false;
    reactor_.bytes_in_flight_ += more;
    bytes_ = bytes;
    return true;
  }

 private:
  Reactor& reactor_;
  std::size_t bytes_ = 0;
};

Result<void> HttpServer::Reactor::listen() {
  const auto endpoint = TRY(endpoint_of(settings_));
  error_code problem;
  const auto step = [&](auto&& action) {
    if (!problem) action();
  };
  step([&] { acceptor_.open(endpoint.protocol(), problem); });
  step([&] { acceptor_.set_option(Acceptor::reuse_address(true), problem); });
  step([&] { acceptor_.bind(endpoint, problem); });
  step([&] { acceptor_.listen(Acceptor::max_listen_connections, problem); });
  if (problem) return cannot_listen(endpoint, problem);
  const auto bound = acceptor_.local_endpoint(problem);
  if (problem) return cannot_listen(endpoint, problem);
  port_ = bound.port();
  log::info("http.listening", {{"address", text_of(bound)}});
  return {};
}

void HttpServer::Reactor::run() {
  asio::co_spawn(io_.get_executor(), accept_all(), asio::detached);
  asio::co_spawn(io_.get_executor(), sweep(), asio::detached);
  io_.run();
}

void HttpServer::Reactor::drain() {
  asio::post(io_.get_executor(), [this] {
    is_draining_ = true;
    drain_deadline_ = clock_.monotonic() + settings_.drain_timeout;
    error_code ignored;
    acceptor_.close(ignored);
    for (Connection* const connection : connections_) {
      if (connection->is_idle) connection->interrupt();
    }
    tick_.cancel();
  });
}

Awaitable<> HttpServer::Reactor::accept_all() {
  Timer pause{io_.get_executor()};
  while (!is_draining_) {
    Socket socket{io_.get_executor()};
    const auto [problem] = co_await acceptor_.async_accept(socket, kToken);
    if (!problem) {
      admit(std::move(socket));
    } else if (!is_draining_) {
      // Usually out of descriptors: connections that end meanwhile give some back.
      log::warn("http.accept_failed", {{"problem", problem.message()}});
      pause.expires_after(kSweepInterval);
      co_await pause.async_wait(kToken);
    }
  }
}

/// One timer for all connections, which only note their deadlines: a timer each would cost every
/// request two walks through the timer queue.
Awaitable<> HttpServer::Reactor::sweep() {
  while (!is_draining_ || !connections_.empty()) {
    const auto now = clock_.monotonic();
    const bool is_over = now >= drain_deadline_;
    for (Connection* const connection : connections_) {
      if (!is_over && now < connection->deadline) continue;
      connection->is_late = true;
      connection->interrupt();
      error_code ignored;
      if (is_over) connection->socket.close(ignored);
    }
    tick_.expires_after(kSweepInterval);
    co_await tick_.async_wait(kToken);
  }
}

void HttpServer::Reactor::admit(Socket socket) {
  const bool is_full = admitted_ >= settings_.connections_max;
  if (is_full && !has_told_full_) {
    log::warn("http.full", {{"connections", settings_.connections_max}});
  }
  has_told_full_ = is_full;
  if (is_full && connections_.size() - admitted_ >= kTurnedAwayMax) return;
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  auto connection = std::make_shared<Connection>(std::move(socket), !is_full);
  connection->index = connections_.size();
  connections_.push_back(connection.get());
  if (!is_full) ++admitted_;
  auto conversation = is_full ? turn_away(connection) : converse(connection);
  asio::co_spawn(io_.get_executor(), std::move(conversation),
                 [this, connection](std::exception_ptr problem) {
                   if (problem) log::error("http.conversation_broke", {{"peer", connection->peer}});
                   forget(*connection);
                 });
}

void HttpServer::Reactor::forget(Connection& connection) {
  if (connection.is_admitted) --admitted_;
  connections_.back()->index = connection.index;
  connections_[connection.index] = connections_.back();
  connections_.pop_back();
  error_code ignored;
  connection.socket.close(ignored);
  if (is_draining_ && connections_.empty()) tick_.cancel();
}

Awaitable<> HttpServer::Reactor::turn_away(std::shared_ptr<Connection> connection) {
  auto refused = refuse(*connection, refusal(503, "Service Unavailable",
                                             "Too many connections; try again later.",
                                             "Retry-After: 5\r\n"));
  co_await std::move(refused);
  co_await hang_up(*connection);
}

Awaitable<> HttpServer::Reactor::converse(std::shared_ptr<Connection> connection) {
  auto then = Then::kGoOn;
  while (then == Then::kGoOn && !is_draining_) {
    if (connection->buffer.size() == 0) {
      connection->buffer.shrink_to_fit();  // thousands may be idle
      allow(*connection, settings_.idle_timeout);
      connection->is_idle = true;
      const auto [problem] = co_await connection->socket.async_wait(Socket::wait_read, kToken);
      connection->is_idle = false;
      if (problem) co_return;
    }
    then = co_await serve_one(connection);
  }
  if (then == Then::kHangUp) co_await hang_up(*connection);
}

Awaitable<Then> HttpServer::Reactor::serve_one(const std::shared_ptr<Connection>& shared) {
  Connection& connection = *shared;
  Parser parser;
  parser.header_limit(static_cast<std::uint32_t>(settings_.header_bytes_max));
  parser.body_limit(settings_.body_bytes_max);
  Claim claim(*this);
  auto problem = co_await read_header(connection, parser);
  if (problem) co_return co_await give_up(connection, problem);
  if (auto objection = objection_to(parser)) {
    co_return co_await refuse(connection, std::move(*objection));
  }
  problem = co_await read_body(connection, parser, claim);
  if (problem) co_return co_await give_up(connection, problem);

  auto body = std::move(parser.get().body());
  auto reply = co_await answer_of(shared, std::move(body));
  if (reply.body.size() > kSmallReplyBytes && !claim.covers(reply.body.size())) {
    reply = refusal(503, "Service Unavailable", "Too many large replies; try again later.");
  }
  const auto then = parser.get().keep_alive() && !is_draining_ ? Then::kGoOn : Then::kHangUp;
  const auto head = head_of(reply, then);
  problem = co_await write(connection, head, reply.body);
  co_return problem ? Then::kHangUp : then;
}

Awaitable<error_code> HttpServer::Reactor::read_header(Connection& connection, Parser& parser) {
  allow(connection, settings_.header_timeout);
  for (;;) {
    error_code problem = http::error::need_more;
    if (connection.buffer.size() > 0) {
      const auto used = parser.put(connection.buffer.data(), problem);
      connection.buffer.consume(used);
    }
    if (parser.is_header_done() || problem != http::error::need_more) co_return problem;
    const auto room = connection.buffer.prepare(kHeaderReadBytes);
    const auto [failed, count] = co_await connection.socket.async_read_some(room, kToken);
    if (failed) co_return failed;
    connection.buffer.commit(count);
  }
}

Awaitable<error_code> HttpServer::Reactor::read_body(Connection& connection, Parser& parser,
                                                     Claim& claim) {
  const auto begun = clock_.monotonic();
  std::size_t moved = 0;
  bool owes_continue = waits_for_continue(parser);
  parser.eager(true);
  while (!parser.is_done()) {
    error_code problem;
    if (connection.buffer.size() > 0) {
      const auto used = parser.put(connection.buffer.data(), problem);
      connection.buffer.consume(used);
    }
    if (problem && problem != http::error::need_more) co_return problem;
    const auto announced = parser.content_length().value_or(0);
    const auto held = std::max<std::size_t>(announced, parser.get().body().size());
    if (!claim.covers(held)) co_return asio::error::no_memory;
    if (parser.is_done()) break;
    // What is left unparsed is the line before a chunk or a trailer, for which Beast has no limit.
    if (connection.buffer.size() > settings_.header_bytes_max) co_return http::error::header_limit;
    if (std::exchange(owes_continue, false)) {
      problem = co_await write(connection, kContinue, kNothing);
      if (problem) co_return problem;
    }
    allow_transfer(connection, begun, moved);
    const auto room = connection.buffer.prepare(kBodyReadBytes);
    const auto [failed, count] = co_await connection.socket.async_read_some(room, kToken);
    if (failed) co_return failed;
    connection.buffer.commit(count);
    moved += count;
  }
  co_return error_code{};
}

/// A transfer may stall for a while, and must keep a least pace over its whole length: a byte now
/// and then would hold its memory for ever.
void HttpServer::Reactor::allow_transfer(Connection& connection, Duration begun,
                                         std::size_t moved) const {
  const Duration earned{static_cast<std::int64_t>(moved * 1000 / settings_.bytes_per_second_min)};
  const auto by_stall = clock_.monotonic() + settings_.stall_timeout;
  connection.set_deadline(std::min(by_stall, begun + settings_.stall_timeout + earned));
}

Awaitable<Reply> HttpServer::Reactor::answer_of(const std::shared_ptr<Connection>& shared,
                                                std::string body) {
  Connection& connection = *shared;
  ++connection.ticket;
  connection.answer.reset();
  allow(connection, settings_.answer_timeout);
  {
    auto owed = std::make_shared<OwedAnswer>(shared_from_this(), shared);
    handler_(std::move(body), connection.peer,
             [owed](std::string text) { owed->give(Reply{.body = std::move(text)}); });
  }
  while (!connection.answer && !connection.is_late) co_await connection.wake.async_wait(kToken);
  ++connection.ticket;  // what comes from now on comes too late
  if (!connection.answer) {
    co_return refusal(500, "Internal Server Error", "The request was not answered in time.");
  }
  auto reply = std::move(*connection.answer);
  connection.answer.reset();
  co_return reply;
}

Awaitable<Then> HttpServer::Reactor::refuse(Connection& connection, Reply reply) {
  const auto head = head_of(reply, Then::kHangUp);
  co_await write(connection, head, reply.body);
  co_return Then::kHangUp;
}

/// Tells the client why its request is not taken, where there is somebody to tell.
Awaitable<Then> HttpServer::Reactor::give_up(Connection& connection, error_code problem) {
  Reply reply = refusal(400, "Bad Request", "The request is not HTTP/1.1: " + problem.message());
  if (connection.is_late) {
    reply = refusal(408, "Request Timeout", "The request came too slowly.");
  } else if (problem == http::error::header_limit) {
    reply = refusal(431, "Request Header Fields Too Large", "The header is too large.");
  } else if (problem == http::error::body_limit) {
    reply = refusal(413, "Content Too Large",
                    fmt::format("The body is larger than {} bytes.", settings_.body_bytes_max));
  } else if (problem == asio::error::no_memory) {
    reply = refusal(503, "Service Unavailable", "Too many large requests; try again later.",
                    "Retry-After: 5\r\n");
  } else if (problem.category() != make_error_code(http::error::need_more).category()) {
    co_return Then::kHangUp;  // the client has gone
  }
  log::debug("http.refused", {{"peer", connection.peer}, {"status", reply.status}});
  co_return co_await refuse(connection, std::move(reply));
}

Awaitable<error_code> HttpServer::Reactor::write(Connection& connection, std::string_view head,
                                                 std::string_view body) {
  const auto begun = clock_.monotonic();
  std::size_t moved = 0;
  while (moved < head.size() + body.size()) {
    allow_transfer(connection, begun, moved);
    const auto head_done = std::min(moved, head.size());
    const std::array<asio::const_buffer, 2> rest = {
        asio::buffer(head.substr(head_done)), asio::buffer(body.substr(moved - head_done))};
    const auto [problem, count] = co_await connection.socket.async_write_some(rest, kToken);
    if (problem) co_return problem;
    moved += count;
  }
  co_return error_code{};
}

/// Closes so that the last reply arrives: closing a socket with unread bytes resets the connection,
/// and the client loses what it has not read yet. So end our side, and read until the client ends
/// its own.
Awaitable<> HttpServer::Reactor::hang_up(Connection& connection) {
  error_code problem;
  connection.socket.shutdown(Socket::shutdown_send, problem);
  allow(connection, kLinger);
  while (!problem && !connection.is_late) {
    const auto room = asio::buffer(discarded_);
    const auto [failed, count] = co_await connection.socket.async_read_some(room, kToken);
    problem = failed;
  }
}

HttpServer::HttpServer(HttpSettings settings, const Clock& clock, Handler handler)
    : reactor_(std::make_shared<Reactor>(std::move(settings), clock, std::move(handler))) {}

HttpServer::~HttpServer() { stop(); }

Result<void> HttpServer::start() {
  CHECK_OK(reactor_->listen());
  thread_ = std::thread([reactor = reactor_.get()] { reactor->run(); });
  return {};
}

void HttpServer::stop() {
  if (!thread_.joinable()) return;
  reactor_->drain();
  thread_.join();
}

std::uint16_t HttpServer::port() const { return reactor_->port(); }
std::size_t HttpServer::connections() const { return reactor_->admitted(); }

}  // namespace neph::api
