#include "cli/http_transport.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <limits>

namespace neph::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

/// One exchange. Each step starts the next; `problem` keeps the first error, and the stream's
/// timer ends whatever hangs.
class Exchange {
 public:
  Exchange(const Endpoint& endpoint, std::string_view body, Duration time_limit)
      : time_limit_(time_limit), resolver_(context_), stream_(context_) {
    request_.method(http::verb::post);
    request_.version(11);
    request_.target(endpoint.path);
    request_.set(http::field::host, endpoint.host + ":" + endpoint.port);
    request_.set(http::field::content_type, "text/xml");
    request_.set(http::field::connection, "close");
    request_.body() = body;
    request_.prepare_payload();
    parser_.body_limit(std::numeric_limits<std::uint64_t>::max());
    host_ = endpoint.host;
    port_ = endpoint.port;
  }

  error_code run() {
    resolver_.async_resolve(host_, port_, [this](error_code error, const auto& addresses) {
      if (!has_failed(error)) connect(addresses);
    });
    // Resolving has no timer of its own, hence the limit on the loop as well.
    context_.run_for(time_limit_);
    return is_finished_ ? problem_ : error_code(beast::error::timeout);
  }

  const http::response<http::string_body>& answer() const { return parser_.get(); }

 private:
  bool has_failed(error_code error) {
    if (!error) return false;
    problem_ = error;
    is_finished_ = true;
    return true;
  }
  void connect(const tcp::resolver::results_type& addresses) {
    stream_.expires_after(time_limit_);
    stream_.async_connect(addresses, [this](error_code error, const tcp::endpoint&) {
      if (!has_failed(error)) write();
    });
  }
  void write() {
    http::async_write(stream_, request_, [this](error_code error, std::size_t) {
      if (!has_failed(error)) read();
    });
  }
  void read() {
    http::async_read(stream_, buffer_, parser_, [this](error_code error, std::size_t) {
      if (!has_failed(error)) is_finished_ = true;
    });
  }

  Duration time_limit_;
  asio::io_context context_;
  tcp::resolver resolver_;
  beast::tcp_stream stream_;
  http::request<http::string_body> request_;
  http::response_parser<http::string_body> parser_;
  beast::flat_buffer buffer_;
  std::string host_;
  std::string port_;
  error_code problem_;
  bool is_finished_ = false;
};

}  // namespace

Result<std::string> HttpTransport::post(std::string_view body) {
  try {
    Exchange exchange(endpoint_, body, time_limit_);
    if (const auto problem = exchange.run())
      return fail_because(Errc::kUnavailable, problem.message(),
                          "cannot reach nephd at {}: is it running? start it with ./run",
                          endpoint_.text());
    const auto& answer = exchange.answer();
    if (answer.result() == http::status::ok) return answer.body();
    return fail_because(Errc::kUnavailable, answer.body().substr(0, 80),
                        "{} answered HTTP {}", endpoint_.text(), answer.result_int());
  } catch (const std::exception& error) {
    return fail_because(Errc::kUnavailable, error.what(), "cannot call nephd at {}",
                        endpoint_.text());
  }
}

}  // namespace neph::cli
