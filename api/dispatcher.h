#pragma once

#include <functional>
#include <memory>
#include <string>

#include "access/permissions.h"
#include "api/call.h"
#include "base/lanes.h"
#include "db/store.h"

namespace neph::api {

/// Takes a request body to its reply: scan, authenticate, parse, bind, hop to the lane of the
/// method, run, write. See ARCHITECTURE.md, "The path of one request". Any thread.
///
/// Nothing of a body is parsed before its session has been verified, but for introspection and for
/// small bodies that only earn a fault. Registry, store and lanes outlive the dispatcher, and the
/// dispatcher outlives the lanes' last task.
class Dispatcher {
 public:
  using Reply = std::function<void(std::string body)>;

  Dispatcher(const Registry<Call>& registry, Services services, db::Store& store, Lanes& lanes);

  /// `reply` is called exactly once, on any thread. Never throws; whatever is wrong becomes a
  /// fault or a failure reply.
  void handle(std::string body, const std::string& peer, Reply reply);

 private:
  struct Request;
  using RequestPtr = std::shared_ptr<Request>;

  void begin(const RequestPtr& request);
  struct Several;
  void introspect(const RequestPtr& request);
  void multicall(const RequestPtr& request);
  void run_next(const RequestPtr& request, const std::shared_ptr<Several>& several);
  void run_open(const RequestPtr& request);
  void authenticated(const RequestPtr& request, Result<access::Actor> actor);
  void run(const RequestPtr& request);
  void parse(const RequestPtr& request);
  void hash_password(const RequestPtr& request, const std::string& password);
  void read(const RequestPtr& request);
  void write(const RequestPtr& request);
  [[nodiscard]] Result<Answer> work(const RequestPtr& request, db::Txn& txn);
  void tell_hooks(const RequestPtr& request, db::Txn& txn, const Answer& answer);

  const Registry<Call>& registry_;
  Services services_;
  db::Store& store_;
  Lanes& lanes_;
};

/// The failure reply for an error of a method: OpenNebula's code, the row's own where it differs,
/// "[one.vm.info] message", and the id of an object that was not found. Facts: OpenNebula 7.4.
[[nodiscard]] WireError wire_error(const MethodInfo& info, const Error& error);
/// As above; a refusal of rights names the caller: "[one.vm.info] User [2] : ...".
[[nodiscard]] WireError wire_error(const MethodInfo& info, const access::Actor& actor,
                                   const Error& error);

}  // namespace neph::api
