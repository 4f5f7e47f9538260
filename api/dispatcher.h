#pragma once

#include <functional>
#include <string>

#include "api/call.h"
#include "base/lanes.h"
#include "db/store.h"

namespace neph::api {

/// Takes a request body to its reply: scan, authenticate, parse, bind, hop to the lane of the
/// method, run, write. See ARCHITECTURE.md, "The path of one request". Any thread.
class Dispatcher {
 public:
  using Reply = std::function<void(std::string body)>;

  Dispatcher(const Registry<Call>& registry, Services services, db::Store& store, Lanes& lanes);

  /// `reply` is called exactly once, on any thread. Never throws; whatever is wrong becomes a
  /// fault or a failure reply.
  void handle(std::string body, const std::string& peer, Reply reply);

 private:
  struct Request;
  void authenticated(const std::shared_ptr<Request>& request, Result<access::Actor> actor);
  void run(const std::shared_ptr<Request>& request);

  const Registry<Call>& registry_;
  Services services_;
  db::Store& store_;
  Lanes& lanes_;
};

/// The failure reply for an error of a method: OpenNebula's code (states.md 1.2; the row's own
/// where it differs) and "[one.vm.info] message".
[[nodiscard]] WireError wire_error(const MethodInfo& info, const Error& error);

}  // namespace neph::api
