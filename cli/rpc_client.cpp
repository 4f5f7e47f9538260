#include "cli/rpc_client.h"

namespace neph::cli {

Result<Value> RpcClient::call(std::string_view method, Values arguments) {
  arguments.insert(arguments.begin(), session_);
  const auto answer = TRY(transport_.post(encode_call(method, arguments)));
  return decode_answer(answer);
}

Result<std::int64_t> RpcClient::call_id(std::string_view method, Values arguments) {
  const auto value = TRY(call(method, std::move(arguments)));
  if (const auto* id = std::get_if<std::int64_t>(&value)) return *id;
  return fail(Errc::kInternal, "{} answered something that is not an id", method);
}

Result<std::string> RpcClient::call_text(std::string_view method, Values arguments) {
  auto value = TRY(call(method, std::move(arguments)));
  if (auto* text = std::get_if<std::string>(&value)) return std::move(*text);
  return fail(Errc::kInternal, "{} answered something that is not a text", method);
}

Result<Element> RpcClient::call_document(std::string_view method, Values arguments) {
  return Element::parse(TRY(call_text(method, std::move(arguments))));
}

}  // namespace neph::cli
