#include "api/dispatcher.h"

#include <fmt/format.h>

#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include "access/users.h"
#include "api/codec.h"
#include "api/internal/call_info_xml.h"
#include "api/internal/multicall.h"
#include "api/xmlrpc_scan.h"
#include "base/log.h"
#include "events/outbox.h"
#include "site/hook.h"

namespace neph::api {
namespace {

/// Calls without a session have a name or two for parameters; nothing larger is parsed for a
/// stranger.
constexpr std::size_t kStrangersBytesMax = 4096;
/// Calls within a multicall have sessions, but it must be parsed to find them.
constexpr std::size_t kMulticallBytesMax = 16'384;
/// A hash takes about 50 ms on one thread, so the last of these waits for some three seconds.
constexpr std::size_t kHashesMax = 64;

constexpr std::string_view kUnexpected = "The request could not be finished";

Fault too_large_for_a_stranger() {
  return {FaultCode::kLimit, fmt::format("A call without a session may have {} bytes at most",
                                         kStrangersBytesMax)};
}

/// The new password among the parameters, nullptr when the method takes none or none was sent.
const std::string* find_password(const MethodInfo& info, const std::vector<Value>& params) {
  for (std::size_t i = 0; i < info.args.size() && i + 1 < params.size(); ++i) {
    if (info.args[i].name == "password") return std::get_if<std::string>(&params[i + 1].data);
  }
  return nullptr;
}

}  // namespace

/// One request on its way. It is handed from lane to lane, so only one thread has it at a time.
struct Dispatcher::Request {
  Request(std::string request_body, std::string from, Reply to)
      : body(std::move(request_body)), peer(std::move(from)), reply(std::move(to)) {}

  void answer(std::string text) {
    if (auto once = std::exchange(reply, nullptr)) once(std::move(text));
  }
  void refuse(const Fault& problem) {
    log::debug("api.fault", {{"method", name()}, {"peer", peer}, {"fault", problem.text}});
    answer(fault_reply(problem));
  }
  /// \pre the row is known
  void refuse(const Error& error) {
    const auto level = error.code == Errc::kInternal ? log::Level::kError : log::Level::kDebug;
    log::write(level, "api.refused",
               {{"method", name()}, {"user", actor.user}, {"error", error.text()}});
    answer(failure_reply(wire_error(row->info, actor, error)));
  }
  void finish(const Result<Answer>& result) {
    if (!result) return refuse(result.error());
    log::debug("api.answered", {{"method", name()}, {"user", actor.user}});
    answer(success_reply(*result));
  }
  /// Runs one stretch of the way. What throws here is memory that ran out or a fault of ours, and
  /// the caller still gets an answer.
  template <class Stretch>
  void guard(Stretch&& stretch) {
    try {
      stretch();
    } catch (const std::exception& problem) {
      const Error error{Errc::kInternal, std::string{kUnexpected}, problem.what()};
      if (row != nullptr) return refuse(error);
      log::error("api.refused", {{"peer", peer}, {"error", error.text()}});
      answer(fault_reply({FaultCode::kInternal, error.message}));
    }
  }
  [[nodiscard]] std::string_view name() const {
    return call ? std::string_view{call->method()} : std::string_view{"-"};
  }

  std::string body;  ///< until it has been scanned
  std::string peer;
  Reply reply;       ///< empty once it was called
  std::optional<ScannedCall> call;
  const MethodRow<Call>* row = nullptr;
  access::Actor actor;
  BoundCall<Call> bound;
  std::vector<Value> params;  ///< kept only where a hook might want to know them
  std::string password_hash;
};

Dispatcher::Dispatcher(const Registry<Call>& registry, Services services, db::Store& store,
                       Lanes& lanes)
    : registry_(registry), services_(std::move(services)), store_(store), lanes_(lanes) {}

void Dispatcher::handle(std::string body, const std::string& peer, Reply reply) {
  const bool is_large = body.size() > kParseOnReactorMax;
  auto request = std::make_shared<Request>(std::move(body), peer, std::move(reply));
  if (!is_large) return request->guard([&] { begin(request); });
  lanes_.readers().post([this, request] { request->guard([&] { begin(request); }); });
}

void Dispatcher::begin(const RequestPtr& request) {
  auto scanned = scan_call(std::move(request->body));
  if (!scanned) return request->refuse(scanned.error());
  request->call.emplace(std::move(*scanned));
  const ScannedCall& call = *request->call;
  if (registry_.is_introspection(call.method())) return introspect(request);
  if (call.method() == kMulticall) return multicall(request);

  const auto row = registry_.find(call.method());
  if (!row) return request->refuse(row.error());
  request->row = *row;
  if (!request->row->info.has_session() || !call.session()) return run_open(request);
  services_.authenticator.authenticate(
      *call.session(), request->peer, [this, request](auto actor) {
        request->guard([&] { authenticated(request, std::move(actor)); });
      });
}

void Dispatcher::introspect(const RequestPtr& request) {
  if (request->call->body().size() > kStrangersBytesMax) {
    return request->refuse(too_large_for_a_stranger());
  }
  const auto parsed = parse_call(*request->call);
  if (!parsed) return request->refuse(parsed.error());
  const auto value = registry_.answer_introspection(parsed->method, parsed->params);
  if (!value) return request->refuse(value.error());
  request->answer(value_reply(*value));
}

/// Each call within has a session of its own and goes the way of any other, one after the other.
struct Dispatcher::Several {
  std::vector<std::string> calls;
  std::vector<std::string> replies;
};

void Dispatcher::multicall(const RequestPtr& request) {
  if (request->call->body().size() > kMulticallBytesMax) {
    return request->refuse(Fault{FaultCode::kLimit,
                                 fmt::format("system.multicall may have {} bytes at most",
                                             kMulticallBytesMax)});
  }
  const auto parsed = parse_call(*request->call);
  if (!parsed) return request->refuse(parsed.error());
  auto calls = calls_in(*parsed);
  if (!calls) return request->refuse(calls.error());
  auto several = std::make_shared<Several>();
  several->calls = std::move(*calls);
  run_next(request, several);
}

void Dispatcher::run_next(const RequestPtr& request, const std::shared_ptr<Several>& several) {
  const std::size_t next = several->replies.size();
  if (next == several->calls.size()) return request->answer(multicall_reply(several->replies));
  handle(several->calls[next], request->peer, [this, request, several](std::string reply) {
    request->guard([&] {
      several->replies.push_back(std::move(reply));
      run_next(request, several);
    });
  });
}

/// Methods that need no session, and calls that lack the session they need: those are only told
/// what is wrong with them.
void Dispatcher::run_open(const RequestPtr& request) {
  if (request->call->body().size() > kStrangersBytesMax) {
    return request->refuse(too_large_for_a_stranger());
  }
  const auto parsed = parse_call(*request->call);
  if (!parsed) return request->refuse(parsed.error());
  auto bound = request->row->bind(parsed->params);
  if (!bound) return request->refuse(bound.error());
  if (request->row->info.has_session()) {
    return request->refuse(Fault{FaultCode::kType, "Parameter 0 (session) is not a string"});
  }
  request->bound = std::move(*bound);
  read(request);
}

void Dispatcher::authenticated(const RequestPtr& request, Result<access::Actor> actor) {
  if (!actor) {
    log::warn("api.unauthenticated", {{"method", request->name()}, {"peer", request->peer}});
    return request->answer(failure_reply(wire_error(request->row->info, actor.error())));
  }
  request->actor = std::move(*actor);
  run(request);
}

void Dispatcher::run(const RequestPtr& request) {
  const bool is_small = request->call->body().size() <= kParseOnReactorMax;
  if (is_small && request->row->info.mode == Mode::kWrite) return parse(request);
  lanes_.readers().post([this, request] { request->guard([&] { parse(request); }); });
}

void Dispatcher::parse(const RequestPtr& request) {
  const auto parsed = parse_call(*request->call);
  if (!parsed) return request->refuse(parsed.error());
  auto bound = request->row->bind(parsed->params);
  if (!bound) return request->refuse(bound.error());
  request->bound = std::move(*bound);

  const MethodInfo& info = request->row->info;
  if (info.mode == Mode::kRead) return read(request);
  const auto view = services_.publisher.current();
  if (!view->zone.is_enabled && !info.works_in_disabled_zone) {
    return request->refuse(Error{
        Errc::kUnavailable,
        "The zone is disabled: it can be looked at, until one.zone.enable enables it again", {}});
  }
  const bool has_hooks = view->pool(ObjectKind::kHook).size() > 0;
  if (has_hooks) request->params = parsed->params;
  const std::string* password = find_password(info, parsed->params);
  const bool is_kept = password != nullptr && password->empty() && info.keeps_password;
  if (password == nullptr || is_kept) return write(request);
  hash_password(request, *password);
}

void Dispatcher::hash_password(const RequestPtr& request, const std::string& password) {
  if (auto checked = access::check_password(password); !checked) {
    return request->refuse(checked.error());
  }
  if (lanes_.passwords().backlog() >= kHashesMax) {
    return request->refuse(
        Error{Errc::kExhausted, "Too many passwords are waiting to be hashed; try later", {}});
  }
  lanes_.passwords().post([this, request, password] {
    request->guard([&] {
      auto hash = access::hash_password(password);
      if (!hash) return request->refuse(hash.error());
      request->password_hash = std::move(*hash);
      write(request);
    });
  });
}

void Dispatcher::read(const RequestPtr& request) {
  Call call(services_, request->actor, services_.publisher.current(), nullptr);
  request->finish(request->bound(call));
}

void Dispatcher::write(const RequestPtr& request) {
  store_.run<Answer>(
      [this, request](db::Txn& txn) { return work(request, txn); },
      [request](Result<Answer> result) { request->guard([&] { request->finish(result); }); });
}

Result<Answer> Dispatcher::work(const RequestPtr& request, db::Txn& txn) {
  try {
    Call call(services_, request->actor, services_.publisher.current(), &txn);
    call.password_hash = std::move(request->password_hash);
    auto answer = request->bound(call);
    if (answer) tell_hooks(request, txn, *answer);
    return answer;
  } catch (const db::Failure&) {
    throw;  // the database rolls back and answers it
  } catch (const std::exception& problem) {
    return fail_because(Errc::kInternal, problem.what(), "{}", kUnexpected);
  }
}

/// In the transaction of the call, so that what did not happen is not told.
void Dispatcher::tell_hooks(const RequestPtr& request, db::Txn& txn, const Answer& answer) {
  const MethodInfo& info = request->row->info;
  if (request->params.empty() || !site::has_hook_for(txn, info.name)) return;
  events::record_call(txn, info.name, call_info_xml(info, request->params, answer));
}

}  // namespace neph::api
