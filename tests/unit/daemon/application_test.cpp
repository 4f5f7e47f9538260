#include "daemon/application.h"

#include <gtest/gtest.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <cstdlib>
#include <fstream>

namespace neph::daemon {
namespace {

namespace fs = std::filesystem;
namespace asio = boost::asio;

/// Answer to one call, headers and all. \param more  the parameters after the session
std::string call(int port, const std::string& method, const std::string& session,
                 const std::string& more = "") {
  const std::string body = "<?xml version=\"1.0\"?><methodCall><methodName>" + method +
                           "</methodName><params><param><value><string>" + session +
                           "</string></value></param>" + more + "</params></methodCall>";
  asio::io_context context;
  asio::ip::tcp::socket socket(context);
  socket.connect({asio::ip::make_address("127.0.0.1"), static_cast<std::uint16_t>(port)});
  asio::write(socket, asio::buffer("POST /RPC2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                   "Content-Type: text/xml\r\nContent-Length: " +
                                   std::to_string(body.size()) + "\r\n\r\n" + body));
  std::string answer;
  boost::system::error_code end;
  asio::read(socket, asio::dynamic_buffer(answer), end);
  return answer;
}

class Applications : public testing::Test {
 protected:
  Applications() {
    std::string pattern = "/tmp/neph-app-XXXXXX";
    state_ = mkdtemp(pattern.data());
  }
  ~Applications() override { fs::remove_all(state_); }

  Result<std::unique_ptr<Application>> start(int port = 0) {
    text::Template keys;
    keys.set("STATE_DIR", state_.string());
    keys.set("PORT", std::to_string(port));
    keys.set("EMBEDDED_HOST", "NO");  // no QEMU in a unit test
    return Application::start(read_config("", keys, "test")->config, {});
  }
  static int port_of(const Application& application) {
    const std::string& endpoint = application.report().endpoint;
    return std::stoi(endpoint.substr(endpoint.rfind(':') + 1));
  }
  std::string line_of(const std::string& file) {
    std::ifstream stream(state_ / file);
    std::string line;
    std::getline(stream, line);
    return line;
  }

  fs::path state_;
};

TEST_F(Applications, AnswerCallsWithTheCredentialsTheyWrote) {
  auto application = start();
  ASSERT_TRUE(application) << application.error().text();
  EXPECT_EQ(line_of("endpoint"), (*application)->report().endpoint);
  const int port = port_of(**application);
  const std::string version = call(port, "one.system.version", line_of("one_auth"));
  EXPECT_NE(version.find("7.4.0"), std::string::npos) << version;
  const std::string refused = call(port, "one.system.version", "oneadmin:wrong");
  EXPECT_NE(refused.find("User couldn't be authenticated"), std::string::npos) << refused;
  const std::string stores = call(port, "one.userpool.info", line_of("one_auth"));
  EXPECT_NE(stores.find("serveradmin"), std::string::npos) << stores;
}

TEST_F(Applications, MeasureANewDatastoreAtOnce) {
  auto application = start();
  ASSERT_TRUE(application) << application.error().text();
  const int port = port_of(**application);
  const std::string session = line_of("one_auth");
  const std::string made =
      call(port, "one.datastore.allocate", session,
           "<param><value><string>NAME=fresh TYPE=IMAGE_DS DS_MAD=fs TM_MAD=local</string></value>"
           "</param><param><value><int>-1</int></value></param>");
  ASSERT_NE(made.find("<i4>100</i4>"), std::string::npos) << made;
  std::string shown;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  do {
    shown = call(port, "one.datastore.info", session, "<param><value><i4>100</i4></value></param>");
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << shown;
  } while (shown.find("TOTAL_MB&gt;0&lt;") != std::string::npos);
  EXPECT_NE(shown.find("TOTAL_MB&gt;"), std::string::npos) << shown;
}

TEST_F(Applications, KeepTheirStoreFromOtherUsers) {
  auto application = start();
  ASSERT_TRUE(application) << application.error().text();
  for (const auto& entry : fs::directory_iterator(state_)) {
    if (!entry.path().filename().string().starts_with("nephd.db")) continue;
    const auto others = fs::perms::group_all | fs::perms::others_all;
    EXPECT_EQ(entry.status().permissions() & others, fs::perms::none) << entry.path();
  }
}

TEST_F(Applications, FindAgainWhatTheyLeft) {
  std::string password;
  {
    auto first = start();
    ASSERT_TRUE(first) << first.error().text();
    password = (*first)->report().oneadmin_password;
    EXPECT_FALSE(password.empty());
    (*first)->stop();
  }
  auto second = start();
  ASSERT_TRUE(second) << second.error().text();
  EXPECT_TRUE((*second)->report().oneadmin_password.empty());
  const std::string version =
      call(port_of(**second), "one.system.version", "oneadmin:" + password);
  EXPECT_NE(version.find("7.4.0"), std::string::npos) << version;
}

TEST_F(Applications, NameAPortThatIsInUse) {
  asio::io_context context;
  asio::ip::tcp::acceptor taken(context, {asio::ip::make_address("127.0.0.1"), 0});
  const int port = taken.local_endpoint().port();
  const auto refused = start(port);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text().find(std::to_string(port)), std::string::npos)
      << refused.error().text();
  EXPECT_FALSE(fs::exists(state_ / "endpoint"));
}

TEST_F(Applications, NameAStoreThatIsNone) {
  std::ofstream(state_ / "nephd.db") << std::string(8192, 'x');
  const auto refused = start();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kInvalid);
  EXPECT_NE(refused.error().text().find((state_ / "nephd.db").string()), std::string::npos)
      << refused.error().text();
  EXPECT_FALSE(fs::exists(state_ / "one_auth"));
}

}  // namespace
}  // namespace neph::daemon
