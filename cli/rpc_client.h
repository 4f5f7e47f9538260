#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "cli/element.h"
#include "cli/rpc.h"

namespace neph::cli {

/// Calls methods of the API for one user. One thread at a time; `transport` must outlive it.
/// Errors as in decode_answer() and Transport::post().
class RpcClient {
 public:
  RpcClient(Transport& transport, std::string session)
      : transport_(transport), session_(std::move(session)) {}

  /// `arguments` without the session, which is put in front.
  [[nodiscard]] Result<Value> call(std::string_view method, Values arguments);
  /// For methods that answer the id of an object.
  [[nodiscard]] Result<std::int64_t> call_id(std::string_view method, Values arguments);
  [[nodiscard]] Result<std::string> call_text(std::string_view method, Values arguments);
  /// For methods that answer a document.
  [[nodiscard]] Result<Element> call_document(std::string_view method, Values arguments);

  [[nodiscard]] const std::string& session() const { return session_; }

 private:
  Transport& transport_;
  std::string session_;
};

}  // namespace neph::cli
