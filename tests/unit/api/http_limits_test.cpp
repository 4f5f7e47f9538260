#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "api/http_server.h"
#include "tests/unit/api/http_client.h"

namespace neph::api {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

/// A server whose limits the test may change before start() and whose clock it turns.
class HttpLimits : public testing::Test {
 protected:
  HttpLimits() { settings_.port = 0; }

  void start(HttpServer::Handler handler = [](std::string body, std::string,
                                              HttpServer::Answer answer) { answer(body); }) {
    server_ = std::make_unique<HttpServer>(settings_, clock_, std::move(handler));
    const auto started = server_->start();
    ASSERT_TRUE(started) << started.error().text();
  }
  RawClient connect() { return RawClient(server_->port()); }

  /// By the time this returns, the server has read what was sent on other connections before.
  void expect_alive() {
    auto client = connect();
    client.send(post("alive"));
    EXPECT_EQ(read_reply(client).body, "alive");
  }

  /// Lets time pass until the server has no connection left.
  void expect_gone() {
    EXPECT_TRUE(comes_true([&] {
      clock_.advance(Duration{100});
      return server_->connections() == 0;
    }));
  }

  HandClock clock_;
  HttpSettings settings_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpLimits, RefusesABodyThatIsAnnouncedTooLarge) {
  start();
  auto client = connect();
  client.send("POST /RPC2 HTTP/1.1\r\nHost: x\r\nContent-Length: 16777217\r\n\r\n");
  const auto all = client.read_all();
  EXPECT_THAT(all, StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(all, HasSubstr("16777216 bytes"));
  EXPECT_THAT(all, HasSubstr("Connection: close"));
  expect_alive();
}

TEST_F(HttpLimits, TellsAClientThatIsStillSendingThatItsBodyIsTooLarge) {
  start();
  auto client = connect();
  std::thread sender([&] { client.send(post(std::string(17 * 1048576, 'x'))); });
  EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 413 "));
  sender.join();
  expect_alive();
}

TEST_F(HttpLimits, DoesNotInviteABodyThatIsTooLarge) {
  start();
  auto client = connect();
  client.send("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n");
  EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 413 "));
}

TEST_F(HttpLimits, RefusesAChunkedBodyThatGrowsTooLarge) {
  settings_.body_bytes_max = 1000;
  start();
  auto client = connect();
  std::string request = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 11; ++i) request += "64\r\n" + std::string(100, 'x') + "\r\n";
  client.send(request);
  EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 413 "));
}

TEST_F(HttpLimits, AcceptsABodyOfExactlyTheLimit) {
  settings_.body_bytes_max = 1000;
  start();
  auto client = connect();
  client.send(post(std::string(1000, 'x')));
  EXPECT_EQ(read_reply(client).body.size(), 1000U);
}

TEST_F(HttpLimits, RefusesAHeaderThatIsTooLarge) {
  start();
  auto client = connect();
  client.send("POST / HTTP/1.1\r\nX-Long: " + std::string(20'000, 'x') + "\r\n\r\n");
  EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 431 "));
}

TEST_F(HttpLimits, RefusesAHeaderThatNeverEnds) {
  start();
  auto client = connect();
  client.send("POST / HTTP/1.1\r\n");
  std::string lines;
  for (int i = 0; i < 2'000; ++i) lines += "X-Line: and another\r\n";
  client.send(lines);
  EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 431 "));
}

TEST_F(HttpLimits, RefusesAChunkLineOrATrailerThatNeverEnds) {
  start();
  const std::string head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string before : {"5;", "0\r\nX-Trailer: "}) {
    auto client = connect();
    std::thread sender([&] { client.send(head + before + std::string(1'000'000, 'x')); });
    EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 431 "));
    sender.join();
  }
}

TEST_F(HttpLimits, CutsASlowHeaderOff) {
  start();
  auto client = connect();
  client.send("POST / HTTP/1.1\r\nX-Slow: ");
  expect_alive();
  clock_.advance(Duration{10'001});
  const auto all = client.read_all();
  EXPECT_THAT(all, StartsWith("HTTP/1.1 408 "));
}

TEST_F(HttpLimits, DoesNotLetAHeaderBuyTimeWithMoreBytes) {
  start();
  auto client = connect();
  client.send("POST / HTTP/1.1\r\n");
  expect_alive();
  for (int i = 0; i < 3; ++i) {
    clock_.advance(Duration{3'000});
    client.send("X-Slow: yes\r\n");
    expect_alive();
  }
  clock_.advance(Duration{1'001});
  EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 408 "));
}

TEST_F(HttpLimits, CutsABodyOffThatStandsStill) {
  start();
  auto client = connect();
  client.send("POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf");
  expect_alive();
  clock_.advance(Duration{30'001});
  EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 408 "));
}

TEST_F(HttpLimits, CutsABodyOffThatOnlyTrickles) {
  start();
  auto client = connect();
  client.send("POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n");
  expect_alive();
  for (int i = 0; i < 3; ++i) {
    client.send("x");
    expect_alive();
    clock_.advance(Duration{10'001});
  }
  EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 408 "));
}

TEST_F(HttpLimits, ClosesIdleConnectionsWithoutAWord) {
  start();
  auto fresh = connect();
  auto used = connect();
  used.send(post("x"));
  EXPECT_EQ(read_reply(used).body, "x");
  expect_alive();
  clock_.advance(Duration{60'001});
  EXPECT_TRUE(fresh.is_closed());
  EXPECT_TRUE(used.is_closed());
}

TEST_F(HttpLimits, CutsAClientOffThatDoesNotReadItsReply) {
  start([](std::string, std::string, const HttpServer::Answer& answer) {
    answer(std::string(64 * 1048576, 'x'));
  });
  auto client = connect();
  client.send(post("x"));
  EXPECT_THAT(client.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
  expect_gone();
  EXPECT_LT(client.read_all().size(), 64U * 1048576U);
}

TEST_F(HttpLimits, AnswersForAHandlerThatTakesTooLong) {
  std::vector<HttpServer::Answer> kept;
  start([&](std::string body, std::string, HttpServer::Answer answer) {
    if (body == "alive") return answer(body);
    kept.push_back(std::move(answer));
  });
  auto client = connect();
  client.send(post("x"));
  expect_alive();
  clock_.advance(Duration{300'001});
  const auto reply = read_reply(client);
  EXPECT_THAT(reply.head, StartsWith("HTTP/1.1 500 "));
  kept.at(0)("too late");
  client.send(post("alive"));
  EXPECT_EQ(read_reply(client).body, "alive");
  server_->stop();
}

TEST_F(HttpLimits, RefusesConnectionsBeyondTheLimitAndTakesThemAgainLater) {
  settings_.connections_max = 3;
  start();
  std::vector<RawClient> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(connect());
    clients.back().send(post("in"));
    ASSERT_EQ(read_reply(clients.back()).body, "in");
  }
  auto refused = connect();
  refused.send(post("out"));
  const auto all = refused.read_all();
  EXPECT_THAT(all, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(all, HasSubstr("Retry-After: "));
  EXPECT_EQ(server_->connections(), 3U);
  clients.pop_back();
  ASSERT_TRUE(comes_true([&] { return server_->connections() == 2; }));
  expect_alive();
}

TEST_F(HttpLimits, BoundsTheBodiesOfAllConnectionsTogether) {
  settings_.bytes_in_flight_max = 1'000;
  start();
  auto first = connect();
  first.send("POST / HTTP/1.1\r\nContent-Length: 900\r\n\r\nx");
  expect_alive();
  auto second = connect();
  second.send(post(std::string(200, 'y')));
  EXPECT_THAT(second.read_all(), StartsWith("HTTP/1.1 503 "));
  first.send(std::string(899, 'x'));
  EXPECT_EQ(read_reply(first).body, std::string(900, 'x'));
  auto third = connect();
  third.send(post(std::string(200, 'y')));
  EXPECT_EQ(read_reply(third).body, std::string(200, 'y'));
}

TEST_F(HttpLimits, BoundsTheLargeRepliesOfAllConnectionsTogether) {
  settings_.bytes_in_flight_max = 10'000'000;
  start([](std::string, std::string, const HttpServer::Answer& answer) {
    answer(std::string(8'000'000, 'x'));
  });
  auto first = connect();
  first.send(post("x"));
  EXPECT_THAT(first.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
  auto second = connect();
  second.send(post("x"));
  EXPECT_THAT(read_reply(second).head, StartsWith("HTTP/1.1 503 "));
}

TEST_F(HttpLimits, ServesWhileFiveHundredConnectionsAreIdle) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const auto before = limit;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 4096);  // both ends live in this process
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  start();
  {
    std::vector<RawClient> idle;
    for (int i = 0; i < 500; ++i) idle.push_back(connect());
    expect_alive();
    EXPECT_GE(server_->connections(), 500U);
    for (auto& client : idle) client.send(post("awake"));
    for (auto& client : idle) ASSERT_EQ(read_reply(client).body, "awake");
  }
  EXPECT_TRUE(comes_true([&] { return server_->connections() == 0; }));
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

}  // namespace
}  // namespace neph::api
