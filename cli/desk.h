#pragma once

#include <cstddef>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cli/credentials.h"
#include "cli/rpc_client.h"
#include "cli/table.h"

namespace neph::cli {

/// What scripts can act on. Stable numbers.
enum class ExitCode {
  kOk = 0,
  kRefused = 1,        ///< the server said no, or an object is not there
  kUsage = 2,          ///< what was typed makes no sense
  kUnreachable = 3,    ///< no server, no credentials
  kWaitedFailed = 4,   ///< accepted, but the operation waited for ended badly
  kInterrupted = 130,  ///< Ctrl-C while waiting; the operation goes on
  // Of `neph check`, which answers as fsck does.
  kFindings = 1,       ///< something does not fit
  kNotAllSeen = 2,     ///< a host or a datastore could not be looked at
};

/// kInvalid is a usage error, kUnavailable means unreachable, all else was refused.
[[nodiscard]] ExitCode exit_code_of(const Error& error);

struct Terminal {
  bool is_terminal = false;
  std::size_t width = 0;  ///< columns; only meaningful on a terminal
};

/// Everything outside the program that a command touches: what tests replace.
struct Surroundings {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  Clock& clock;
  Terminal out_terminal;
  Terminal err_terminal;
  Variables variables;
  std::function<std::unique_ptr<Transport>(const Endpoint&)> connect;
  /// Called when a wait begins; from then on Ctrl-C shows in is_interrupted().
  std::function<void()> catch_interrupts;
  std::function<bool()> is_interrupted;
  /// Runs another program in the place of this one. \returns only when it cannot: kNotFound
  std::function<Error(const std::vector<std::string>& words)> become;
};

enum class OutputForm { kTable, kCsv, kJson, kXml };

struct OutputOptions {
  OutputForm form = OutputForm::kTable;
  Header header = Header::kShown;
  std::vector<std::string> columns;  ///< titles, empty for the usual ones
};

/// What a command works with: one user, one server, one terminal.
struct Desk {
  Surroundings& around;
  RpcClient& rpc;
  OutputOptions output;
};

/// A parsed command line, ready to be carried out.
using Command = std::function<Result<ExitCode>(Desk&)>;

}  // namespace neph::cli
