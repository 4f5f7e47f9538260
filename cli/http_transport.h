#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "cli/credentials.h"
#include "cli/rpc.h"

namespace neph::cli {

/// XML-RPC over HTTP/1.1, one connection per call: a connection that the server may have closed
/// meanwhile would leave open whether a call was done. One thread at a time.
class HttpTransport final : public Transport {
 public:
  /// \param time_limit  for the whole call, from connecting to the last byte of the answer
  HttpTransport(Endpoint endpoint, Duration time_limit)
      : endpoint_(std::move(endpoint)), time_limit_(time_limit) {}

  [[nodiscard]] Result<std::string> post(std::string_view body) override;

 private:
  Endpoint endpoint_;
  Duration time_limit_;
};

}  // namespace neph::cli
