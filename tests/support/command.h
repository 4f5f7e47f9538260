#pragma once

#include <sys/wait.h>

#include <cstdio>
#include <string>

namespace neph::testing_support {

struct Outcome {
  int status = -1;     ///< exit status, -1 when it did not end by itself
  std::string output;  ///< both streams
};

/// Runs a shell command to its end. For tests only: `command` is not escaped.
inline Outcome run_command(const std::string& command) {
  Outcome outcome;
  FILE* pipe = ::popen(("exec 2>&1; " + command).c_str(), "r");
  if (pipe == nullptr) return outcome;
  char buffer[4096];
  for (std::size_t count = 0; (count = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    outcome.output.append(buffer, count);
  const int status = ::pclose(pipe);
  if (WIFEXITED(status)) outcome.status = WEXITSTATUS(status);
  return outcome;
}

}  // namespace neph::testing_support
