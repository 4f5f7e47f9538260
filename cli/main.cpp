#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/http_transport.h"
#include "cli/run.h"

namespace {

using neph::Duration;
using neph::cli::Endpoint;
using neph::cli::HttpTransport;
using neph::cli::Surroundings;
using neph::cli::Terminal;
using neph::cli::Transport;

// Long enough for a server that queues; an operation itself never takes this long to accept.
constexpr Duration kCallLimit{60'000};
constexpr std::size_t kUsualWidth = 80;

volatile std::sig_atomic_t interrupted = 0;

void note_interrupt(int) {
  interrupted = 1;
  // A second Ctrl-C ends the program as usual.
  std::signal(SIGINT, SIG_DFL);
}

Terminal terminal_on(int descriptor) {
  if (isatty(descriptor) == 0) return {};
  winsize size{};
  const bool is_known = ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return {true, is_known ? size.ws_col : kUsualWidth};
}

std::optional<std::string> environment(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

neph::Error become(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  return {neph::Errc::kNotFound, "cannot run " + words.front(), std::strerror(errno)};
}

}  // namespace

int main(int count, char** words) {
  neph::SystemClock clock;
  Surroundings around{
      .in = std::cin,
      .out = std::cout,
      .err = std::cerr,
      .clock = clock,
      .out_terminal = terminal_on(STDOUT_FILENO),
      .err_terminal = terminal_on(STDERR_FILENO),
      .variables = &environment,
      .connect =
          [](const Endpoint& endpoint) -> std::unique_ptr<Transport> {
        return std::make_unique<HttpTransport>(endpoint, kCallLimit);
      },
      .catch_interrupts = [] { std::signal(SIGINT, &note_interrupt); },
      .is_interrupted = [] { return interrupted != 0; },
      .become = &become,
  };
  const std::vector<std::string> arguments(words + 1, words + count);
  return static_cast<int>(neph::cli::run(words[0], arguments, around));
}
