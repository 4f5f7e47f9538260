#include "api/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/unit/api/http_client.h"

namespace neph::api {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Ask {
  std::string body;
  std::string peer;
  HttpServer::Answer answer;
};

/// Requests that wait for the test to answer them, from the test's own thread.
class Inbox {
 public:
  HttpServer::Handler handler() {
    return [this](std::string body, std::string peer, HttpServer::Answer answer) {
      const std::lock_guard lock(mutex_);
      asks_.push_back({std::move(body), std::move(peer), std::move(answer)});
      came_.notify_all();
    };
  }
  /// The next request; an empty one when none comes within ten seconds.
  Ask next() {
    std::unique_lock lock(mutex_);
    came_.wait_for(lock, std::chrono::seconds(10), [this] { return !asks_.empty(); });
    if (asks_.empty()) return {};
    auto ask = std::move(asks_.front());
    asks_.pop_front();
    return ask;
  }
  std::size_t waiting() {
    const std::lock_guard lock(mutex_);
    return asks_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<Ask> asks_;
};

void echo(std::string body, std::string, HttpServer::Answer answer) { answer("<" + body + ">"); }

HttpSettings on_any_port() {
  HttpSettings settings;
  settings.port = 0;
  return settings;
}

/// A server that is running, and the clock its time-outs follow.
struct Running {
  explicit Running(HttpServer::Handler handler, HttpSettings settings = on_any_port())
      : server(std::move(settings), clock, std::move(handler)) {
    const auto started = server.start();
    EXPECT_TRUE(started) << started.error().text();
  }
  RawClient connect() { return RawClient(server.port()); }
  bool has_connections(std::size_t count) {
    return comes_true([&] { return server.connections() == count; });
  }

  HandClock clock;
  HttpServer server;
};

TEST(HttpServer, AnswersAPost) {
  Running running(&echo);
  auto client = running.connect();
  client.send(post("hello"));
  const auto reply = read_reply(client);
  EXPECT_THAT(reply.head, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(reply.head, HasSubstr("Content-Type: text/xml"));
  EXPECT_THAT(reply.head, HasSubstr("Connection: keep-alive"));
  EXPECT_EQ(reply.body, "<hello>");
}

TEST(HttpServer, AnswersOnAnyPathAndWithoutAContentType) {
  Running running(&echo);
  auto client = running.connect();
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab");
  EXPECT_EQ(read_reply(client).body, "<ab>");
  client.send("POST /elsewhere?x=1 HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
              "Content-Length: 2\r\n\r\ncd");
  EXPECT_EQ(read_reply(client).body, "<cd>");
}

TEST(HttpServer, KeepsTheConnectionForManyRequests) {
  Running running(&echo);
  auto client = running.connect();
  for (int i = 0; i < 100; ++i) {
    client.send(post(std::to_string(i)));
    ASSERT_EQ(read_reply(client).body, "<" + std::to_string(i) + ">");
  }
}

TEST(HttpServer, ClosesWhenTheClientAsksForIt) {
  Running running(&echo);
  auto client = running.connect();
  client.send(post("a", "Connection: close\r\n"));
  const auto all = client.read_all();
  EXPECT_THAT(all, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(all, testing::EndsWith("<a>"));
}

TEST(HttpServer, ServesHttp10) {
  Running running(&echo);
  auto once = running.connect();
  once.send("POST /RPC2 HTTP/1.0\r\nContent-Length: 1\r\n\r\na");
  EXPECT_THAT(once.read_all(), testing::EndsWith("<a>"));
  auto kept = running.connect();
  kept.send("POST /RPC2 HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nb");
  EXPECT_EQ(read_reply(kept).body, "<b>");
  kept.send("POST /RPC2 HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nc");
  EXPECT_EQ(read_reply(kept).body, "<c>");
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  Running running(&echo);
  auto client = running.connect();
  std::string requests;
  for (int i = 0; i < 500; ++i) requests += post("request " + std::to_string(i));
  std::thread sender([&] { client.send(requests); });
  for (int i = 0; i < 500; ++i) {
    EXPECT_EQ(read_reply(client).body, "<request " + std::to_string(i) + ">");
  }
  sender.join();
}

TEST(HttpServer, HandlesPipelinedRequestsOneAfterTheOther) {
  Inbox inbox;
  Running running(inbox.handler());
  auto client = running.connect();
  client.send(post("first") + post("second"));
  auto first = inbox.next();
  EXPECT_EQ(first.body, "first");
  // A whole request of somebody else goes through meanwhile, so the second had its chance.
  auto other = running.connect();
  other.send(post("other"));
  EXPECT_EQ(inbox.next().body, "other");
  EXPECT_EQ(inbox.waiting(), 0U);
  first.answer("1");
  auto second = inbox.next();
  EXPECT_EQ(second.body, "second");
  second.answer("2");
  EXPECT_EQ(read_reply(client).body, "1");
  EXPECT_EQ(read_reply(client).body, "2");
}

TEST(HttpServer, GivesEachConnectionItsOwnAnswerWhateverTheirOrder) {
  Inbox inbox;
  Running running(inbox.handler());
  std::vector<RawClient> clients;
  std::vector<Ask> asks;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(running.connect());
    clients.back().send(post(std::to_string(i)));
    asks.push_back(inbox.next());
  }
  while (!asks.empty()) {
    asks.back().answer("re " + asks.back().body);
    asks.pop_back();
  }
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(read_reply(clients[static_cast<std::size_t>(i)]).body, "re " + std::to_string(i));
  }
}

TEST(HttpServer, TellsTheHandlerWhoAsks) {
  Inbox inbox;
  Running running(inbox.handler());
  auto client = running.connect();
  client.send(post("x"));
  auto ask = inbox.next();
  EXPECT_THAT(ask.peer, StartsWith("127.0.0.1:"));
  ask.answer("y");
}

TEST(HttpServer, InvitesABodyThatWaitsForContinue) {
  Running running(&echo);
  auto client = running.connect();
  client.send("POST /RPC2 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
              "Content-Length: 5\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("hello");
  EXPECT_EQ(read_reply(client).body, "<hello>");
}

TEST(HttpServer, DoesNotInviteABodyThatIsThereAlready) {
  Running running(&echo);
  auto client = running.connect();
  client.send(post("hello", "Expect: 100-continue\r\n"));
  EXPECT_THAT(read_reply(client).head, StartsWith("HTTP/1.1 200"));
}

TEST(HttpServer, RefusesOtherExpectations) {
  Running running(&echo);
  auto client = running.connect();
  client.send(post("hello", "Expect: miracles\r\n"));
  EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 417"));
}

TEST(HttpServer, ReadsChunkedBodies) {
  Running running(&echo);
  auto client = running.connect();
  const std::string head = "POST /RPC2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  client.send(head + "5\r\nhello\r\n6;name=value\r\n world\r\n0\r\nTrailer: x\r\n\r\n" +
              post("next"));
  EXPECT_EQ(read_reply(client).body, "<hello world>");
  EXPECT_EQ(read_reply(client).body, "<next>");
}

TEST(HttpServer, ReadsARequestThatComesByteByByte) {
  Running running(&echo);
  auto client = running.connect();
  for (const char c : post("hello")) client.send(std::string_view{&c, 1});
  EXPECT_EQ(read_reply(client).body, "<hello>");
}

TEST(HttpServer, CarriesMegabytesBothWays) {
  Running running(&echo);
  auto client = running.connect();
  const std::string body(12 * 1048576, 'x');
  std::thread sender([&] { client.send(post(body)); });
  EXPECT_EQ(read_reply(client).body, "<" + body + ">");
  sender.join();
}

TEST(HttpServer, RefusesOtherMethodsAndNamesTheRightOne) {
  Running running(&echo);
  for (const char* method : {"GET", "PUT", "DELETE", "OPTIONS", "BREW"}) {
    auto client = running.connect();
    client.send(std::string(method) + " /RPC2 HTTP/1.1\r\nHost: x\r\n\r\n");
    const auto all = client.read_all();
    EXPECT_THAT(all, StartsWith("HTTP/1.1 405 ")) << method;
    EXPECT_THAT(all, HasSubstr("Allow: POST\r\n"));
    EXPECT_THAT(all, HasSubstr("XML-RPC"));
  }
}

TEST(HttpServer, RefusesABodyWithoutALength) {
  Running running(&echo);
  auto client = running.connect();
  client.send("POST /RPC2 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 411 "));
}

TEST(HttpServer, RefusesWhatIsNotHttp) {
  Running running(&echo);
  for (const char* bytes :
       {"hello\r\n\r\n", "\x16\x03\x01\x02\x01\xFC\x03\x03\r\n\r\n", "POST\r\n\r\n",
        "POST / HTTP/3.0\r\n\r\n", "POST / HTTP/1.1\r\nno colon\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n"}) {
    auto client = running.connect();
    client.send(bytes);
    EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 400 ")) << bytes;
  }
  auto client = running.connect();
  client.send(post("still alive"));
  EXPECT_EQ(read_reply(client).body, "<still alive>");
}

TEST(HttpServer, AnswersAfterTheHandlerDroppedARequest) {
  Running running([](std::string, std::string, HttpServer::Answer) {});
  auto client = running.connect();
  client.send(post("x"));
  const auto reply = read_reply(client);
  EXPECT_THAT(reply.head, StartsWith("HTTP/1.1 500 "));
  EXPECT_EQ(reply.body, "The request was not answered.\n");
}

TEST(HttpServer, OutlivesAHandlerThatThrows) {
  Running running([](std::string body, std::string, const HttpServer::Answer& answer) {
    if (body == "throw") throw std::runtime_error("thrown");
    answer(body);
  });
  auto client = running.connect();
  client.send(post("throw"));
  EXPECT_TRUE(client.is_closed());
  auto other = running.connect();
  other.send(post("fine"));
  EXPECT_EQ(read_reply(other).body, "fine");
}

TEST(HttpServer, CountsOnlyTheFirstAnswer) {
  Running running([](std::string body, std::string, const HttpServer::Answer& answer) {
    answer("one " + body);
    answer("two " + body);
  });
  auto client = running.connect();
  client.send(post("a") + post("b"));
  EXPECT_EQ(read_reply(client).body, "one a");
  EXPECT_EQ(read_reply(client).body, "one b");
}

TEST(HttpServer, DoesNotMindAClientThatLeavesBeforeItsAnswer) {
  Inbox inbox;
  Running running(inbox.handler());
  Ask ask;
  {
    auto client = running.connect();
    client.send(post("x"));
    ask = inbox.next();
  }
  ask.answer(std::string(4 * 1048576, 'y'));
  EXPECT_TRUE(running.has_connections(0));
}

TEST(HttpServer, DoesNotMindAnAnswerThatComesAfterItsEnd) {
  Inbox inbox;
  Ask ask;
  {
    HttpSettings settings = on_any_port();
    settings.drain_timeout = Duration{0};
    Running running(inbox.handler(), settings);
    auto client = running.connect();
    client.send(post("x"));
    ask = inbox.next();
  }
  ask.answer("too late");
}

TEST(HttpServer, RefusesToListenWhereAnotherDoes) {
  Running running(&echo);
  auto settings = on_any_port();
  settings.port = running.server.port();
  HttpServer second(settings, running.clock, &echo);
  const auto started = second.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::kConflict);
  EXPECT_EQ(started.error().message,
            "cannot listen on 127.0.0.1:" + std::to_string(settings.port) + ": address in use");
}

TEST(HttpServer, RefusesToListenOnWhatIsNoAddress) {
  HandClock clock;
  HttpSettings settings = on_any_port();
  settings.address = "somewhere";
  HttpServer server(settings, clock, &echo);
  const auto started = server.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::kInvalid);
  EXPECT_EQ(started.error().message, "cannot listen on \"somewhere\": it is not an IP address");
  settings.address = "192.0.2.1";
  HttpServer elsewhere(settings, clock, &echo);
  const auto refused = elsewhere.start();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, StartsWith("cannot listen on 192.0.2.1:0: "));
}

TEST(HttpServer, FinishesRequestsInFlightWhenItStops) {
  Inbox inbox;
  auto running = std::make_unique<Running>(inbox.handler());
  auto busy = running->connect();
  auto idle = running->connect();
  busy.send(post("x"));
  auto ask = inbox.next();
  ASSERT_TRUE(running->has_connections(2));
  std::thread stopper([&] { running->server.stop(); });
  EXPECT_TRUE(idle.is_closed());  // idle ones are let go at once, so the drain has begun
  ask.answer("done");
  const auto reply = read_reply(busy);
  EXPECT_EQ(reply.body, "done");
  EXPECT_THAT(reply.head, HasSubstr("Connection: close"));
  EXPECT_TRUE(busy.is_closed());
  { const auto gone = std::move(busy); }
  stopper.join();
  EXPECT_FALSE(running->connect().is_connected());
}

TEST(HttpServer, CutsRequestsOffThatDoNotFinishWhenItStops) {
  Inbox inbox;
  Running running(inbox.handler());
  auto busy = running.connect();
  auto idle = running.connect();
  busy.send(post("x"));
  const auto ask = inbox.next();
  std::thread stopper([&] { running.server.stop(); });
  EXPECT_TRUE(idle.is_closed());
  running.clock.advance(Duration{10'000});
  stopper.join();
  EXPECT_TRUE(busy.is_closed());
}

TEST(HttpServer, StopsTwiceAndWithoutStart) {
  HandClock clock;
  HttpServer never_started(on_any_port(), clock, &echo);
  never_started.stop();
  Running running(&echo);
  running.server.stop();
  running.server.stop();
}

}  // namespace
}  // namespace neph::api
