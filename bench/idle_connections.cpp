#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <vector>

#include "base/log.h"
#include "tests/support/whole_nephd.h"

/// bench_idle_connections [CONNECTIONS [CALLS]]: how long one.system.version takes for a client
/// while so many others hold connections open and say nothing.
namespace neph {
namespace {

using Microseconds = std::chrono::microseconds;

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

}  // namespace

Result<void> measure(int connections, int calls) {
  CHECK_OK(allow_files(connections));
  WholeNephd nephd;
  CHECK_OK(nephd.start());
  TRY(nephd.rpc().call("one.system.version", {}));  // the password is hashed once
  CHECK_OK(measure_calls(nephd.rpc(), 0, calls));
  IdleConnections idle;
  CHECK_OK(idle.open(std::stoi(TRY(cli::Endpoint::parse(nephd.endpoint())).port), connections));
  return measure_calls(nephd.rpc(), connections, calls);
}

}  // namespace neph

int main(int count, char** words) {
  const int connections = count > 1 ? std::atoi(words[1]) : 5'000;
  const int calls = count > 2 ? std::atoi(words[2]) : 5'000;
  neph::log::set_level(neph::log::Level::kError);
  if (const auto done = neph::measure(connections, calls); !done) {
    fmt::print(stderr, "bench_idle_connections: {}\n", done.error().text());
    return 1;
  }
  return 0;
}
