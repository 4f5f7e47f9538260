#pragma once

#include <string>
#include <string_view>

/// What the HTTP server sends. Pure functions and value types, for any thread.
namespace neph::api::internal {

struct Reply {
  int status = 200;
  std::string_view reason = "OK";
  std::string body;
  std::string_view type = "text/xml; charset=utf-8";
  std::string_view extra_header;  ///< complete lines
};

/// What happens to the connection after a reply.
enum class Then { kGoOn, kHangUp };

/// A refusal in plain text: a client that made the server answer so does not read XML-RPC yet.
[[nodiscard]] Reply refusal(int status, std::string_view reason, std::string_view text,
                            std::string_view extra_header = {});
/// Status line and header, with the empty line that ends them.
[[nodiscard]] std::string head_of(const Reply& reply, Then then);

}  // namespace neph::api::internal
