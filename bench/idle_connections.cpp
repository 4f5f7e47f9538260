#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "base/log.h"
#include "cli/http_transport.h"
#include "cli/rpc_client.h"
#include "daemon/application.h"

/// bench_idle_connections [CONNECTIONS [CALLS]]: how long one.system.version takes for a client
/// while so many others hold connections open and say nothing.
namespace neph {
namespace {

namespace fs = std::filesystem;
using Microseconds = std::chrono::microseconds;

daemon::Config config_in(const fs::path& folder) {
  text::Template keys;
  keys.set("STATE_DIR", folder.string());
  keys.set("PORT", "0");
  keys.set("EMBEDDED_HOST", "NO");
  return daemon::read_config("", keys, "bench")->config;
}

/// Both ends of each connection are in this process.
Result<void> allow_files(int connections) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  const auto needed = static_cast<rlim_t>(2 * connections + 200);
  if (limit.rlim_cur >= needed) return {};
  return fail(Errc::kExhausted, "{} open files are needed, {} allowed: ulimit -n {}", needed,
              limit.rlim_cur, needed);
}

class IdleConnections {
 public:
  ~IdleConnections() {
    for (const int connection : sockets_) close(connection);
  }
  Result<void> open(int port, int count) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < count; ++i) {
      sockets_.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (connect(sockets_.back(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        return fail(Errc::kUnavailable, "connection {} is refused", i);
    }
    return {};
  }

 private:
  std::vector<int> sockets_;
};

Result<void> measure_calls(cli::RpcClient& rpc, int idle, int calls) {
  std::vector<Microseconds> times;
  for (int i = 0; i < calls; ++i) {
    const auto began = std::chrono::steady_clock::now();
    TRY(rpc.call("one.system.version", {}));
    times.push_back(std::chrono::duration_cast<Microseconds>(std::chrono::steady_clock::now() -
                                                             began));
  }
  std::ranges::sort(times);
  const auto at = [&](std::size_t percent) {
    return times[(times.size() - 1) * percent / 100].count();
  };
  fmt::print("{} idle connections: half of {} calls within {} us, 99 % within {} us, all within {} "
             "us\n", idle, calls, at(50), at(99), at(100));
  return {};
}

Result<void> measure(const fs::path& folder, int connections, int calls) {
  CHECK_OK(allow_files(connections));
  const auto application = TRY(daemon::Application::start(config_in(folder), {}));
  const auto endpoint = TRY(cli::Endpoint::parse(application->report().endpoint));
  std::ifstream auth(folder / "one_auth");
  std::string session;
  std::getline(auth, session);
  cli::HttpTransport transport(endpoint, Duration{60'000});
  cli::RpcClient rpc(transport, session);
  TRY(rpc.call("one.system.version", {}));  // the password is hashed once
  CHECK_OK(measure_calls(rpc, 0, calls));
  IdleConnections idle;
  CHECK_OK(idle.open(std::stoi(endpoint.port), connections));
  return measure_calls(rpc, connections, calls);
}

int run(int connections, int calls) {
  std::string pattern = "/tmp/neph-bench-XXXXXX";
  const fs::path folder = mkdtemp(pattern.data());
  log::set_level(log::Level::kError);
  const auto done = measure(folder, connections, calls);
  fs::remove_all(folder);
  if (done) return 0;
  fmt::print(stderr, "bench_idle_connections: {}\n", done.error().text());
  return 1;
}

}  // namespace
}  // namespace neph

int main(int count, char** words) {
  const int connections = count > 1 ? std::atoi(words[1]) : 5'000;
  const int calls = count > 2 ? std::atoi(words[2]) : 5'000;
  return neph::run(connections, calls);
}
