#include "cli/http_transport.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_server.h"

namespace neph::cli {
namespace {

constexpr Duration kPatient{5'000};
constexpr Duration kImpatient{50};

/// A socket that listens on loopback, and perhaps a child that answers one request on it.
class Listener {
 public:
  Listener() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket_, plain, size), 0);
    EXPECT_EQ(::listen(socket_, 4), 0);
    EXPECT_EQ(::getsockname(socket_, plain, &size), 0);
    endpoint.port = std::to_string(ntohs(address.sin_port));
  }
  ~Listener() {
    close();
    if (child_ > 0) ::waitpid(child_, nullptr, 0);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }

  /// Forks, since the client keeps the only thread busy. Answers once `ending` was read.
  void answer_once(const std::string& ending, const std::string& answer) {
    child_ = ::fork();
    if (child_ != 0) return;
    const int peer = ::accept(socket_, nullptr, nullptr);
    std::string request;
    char block[4096];
    while (request.find(ending) == std::string::npos) {
      const auto count = ::read(peer, block, sizeof block);
      if (count <= 0) ::_exit(1);
      request.append(block, static_cast<std::size_t>(count));
    }
    const bool is_post = request.rfind("POST /RPC2 HTTP/1.1\r\n", 0) == 0;
    const std::string reply = is_post ? answer : "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n";
    ::_exit(::write(peer, reply.data(), reply.size()) > 0 ? 0 : 1);
  }

  Endpoint endpoint;

 private:
  int socket_;
  pid_t child_ = -1;
};

std::string http(const std::string& status, const std::string& body) {
  return "HTTP/1.1 " + status + "\r\nContent-Type: text/xml\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

TEST(HttpTransport, PostsACallAndReadsTheAnswer) {
  Listener listener;
  // Larger than every buffer on the way.
  const std::string body(3'000'000, 'x');
  listener.answer_once("</end>", http("200 OK", body));
  HttpTransport transport(listener.endpoint, kPatient);
  const auto answer = transport.post("<call></end>");
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(*answer, body);
}

TEST(HttpTransport, ReadsAChunkedAnswer) {
  Listener listener;
  listener.answer_once("</end>",
                       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  HttpTransport transport(listener.endpoint, kPatient);
  EXPECT_EQ(*transport.post("</end>"), "abcde");
}

TEST(HttpTransport, SaysWhatTheServerAnsweredInstead) {
  Listener listener;
  listener.answer_once("</end>", http("413 Too Large", "body over the limit"));
  HttpTransport transport(listener.endpoint, kPatient);
  const auto answer = transport.post("</end>");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::kUnavailable);
  EXPECT_NE(answer.error().message.find("answered HTTP 413"), std::string::npos);
  EXPECT_EQ(answer.error().cause, "body over the limit");
}

TEST(HttpTransport, SaysThatNobodyListens) {
  Listener listener;
  listener.close();
  HttpTransport transport(listener.endpoint, kPatient);
  const auto answer = transport.post("x");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::kUnavailable);
  EXPECT_EQ(answer.error().message, "cannot reach nephd at " + listener.endpoint.text() +
                                        ": is it running? start it with ./run");
}

TEST(HttpTransport, GivesUpOnAServerThatDoesNotAnswer) {
  Listener listener;
  HttpTransport transport(listener.endpoint, kImpatient);
  const auto answer = transport.post("x");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::kUnavailable);
}

TEST(HttpTransport, SurvivesAnAnswerThatIsCutOff) {
  Listener listener;
  listener.answer_once("</end>", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort");
  HttpTransport transport(listener.endpoint, kPatient);
  const auto answer = transport.post("</end>");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::kUnavailable);
}

}  // namespace
}  // namespace neph::cli
