#include "api/internal/http_reply.h"

#include <fmt/format.h>

namespace neph::api::internal {

Reply refusal(int status, std::string_view reason, std::string_view text,
              std::string_view extra_header) {
  return Reply{status, reason, fmt::format("{}\n", text), "text/plain; charset=utf-8",
               extra_header};
}

std::string head_of(const Reply& reply, Then then) {
  return fmt::format(
      "HTTP/1.1 {} {}\r\nServer: Nephograph\r\nContent-Type: {}\r\nContent-Length: {}\r\n"
      "{}Connection: {}\r\n\r\n",
      reply.status, reply.reason, reply.type, reply.body.size(), reply.extra_header,
      then == Then::kGoOn ? "keep-alive" : "close");
}

}  // namespace neph::api::internal
