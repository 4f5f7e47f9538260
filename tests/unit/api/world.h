#pragma once

#include <gtest/gtest.h>
#include <xmlrpc-c/base.hpp>
#include <xmlrpc-c/xml.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "access/users.h"
#include "api/dispatcher.h"
#include "db/store.h"
#include "jobs/progress_board.h"
#include "tests/support/fresh_store.h"

namespace neph::api {

/// A reply as a client of another make reads it.
struct Told {
  bool is_fault = false;
  bool is_success = false;
  int code = 0;         ///< of the fault, the refusal, or 0
  std::string text;     ///< of the fault, the refusal, or the result
  std::int64_t number = -1;  ///< an integer result
  int object = -2;      ///< of a refusal
  std::size_t elements = 0;
};

inline Told told_by(const std::string& reply) {
  Told told;
  xmlrpc_c::rpcOutcome outcome;
  xmlrpc_c::xml::parseResponse(reply, &outcome);
  told.is_fault = !outcome.succeeded();
  if (told.is_fault) {
    told.code = outcome.getFault().getCode();
    told.text = outcome.getFault().getDescription();
    return told;
  }
  const auto items = xmlrpc_c::value_array(outcome.getResult()).vectorValueValue();
  told.elements = items.size();
  told.is_success = xmlrpc_c::value_boolean(items.at(0)).cvalue();
  told.code = xmlrpc_c::value_int(items.at(2)).cvalue();
  if (items.at(1).type() == xmlrpc_c::value::TYPE_STRING) {
    told.text = xmlrpc_c::value_string(items.at(1)).cvalue();
  } else {
    told.number = xmlrpc_c::value_int(items.at(1)).cvalue();
  }
  if (!told.is_success) told.object = xmlrpc_c::value_int(items.at(3)).cvalue();
  return told;
}

inline std::string as_string(const std::string& text) {
  return "<param><value><string>" + text + "</string></value></param>";
}
inline std::string as_int(std::int64_t number) {
  return "<param><value><int>" + std::to_string(number) + "</int></value></param>";
}
inline std::string call_of(const std::string& method, const std::string& params) {
  return "<?xml version=\"1.0\"?><methodCall><methodName>" + method + "</methodName><params>" +
         params + "</params></methodCall>";
}

/// A dispatcher over a store in memory. User 0 logs in with "oneadmin:root-token", an ordinary
/// user, alice, with "alice:alice-token". The lanes must not run before it is there, and not after
/// it is gone.
class Rooms {
 public:
  explicit Rooms(Lanes& lanes)
      : all_lanes_(lanes), board_(lanes.clock()), samples_(lanes.clock(), {}) {
    database_ = fresh_store();
    store_ = std::make_unique<db::Store>(*database_, lanes);
    publisher_ = std::make_unique<view::Publisher>(*store_, board_, &samples_);
    authenticator_ = std::make_unique<access::Authenticator>(
        lanes, [this](std::string_view name) { return find_user(name); },
        access::Authenticator::Settings{});
    const Instant now = lanes.clock().now();
    const auto filled = database_->transact_one(now, [&](db::Txn& txn) { return fill_in(txn); });
    EXPECT_TRUE(filled) << filled.error().text();
    database_->read(now, [&](db::Txn& txn) { publisher_->load(txn); });
  }

  /// Builds the dispatcher; before the first call.
  void serve(Registry<Call> rows, text::Template configuration = {}) {
    registry_ = std::move(rows);
    auto served = services();
    served.configuration = std::move(configuration);
    dispatcher_ = std::make_unique<Dispatcher>(registry_, std::move(served), *store_, all_lanes_);
  }
  [[nodiscard]] Dispatcher& dispatcher() { return *dispatcher_; }
  [[nodiscard]] db::Store& store() { return *store_; }
  [[nodiscard]] monitoring::Board& samples() { return samples_; }
  [[nodiscard]] Services services() {
    return {vms_, hosts_, images_, snapshots_, checks_, *publisher_, *authenticator_,
            "7.4.0", {}, [] { return std::string{"http://127.0.0.1:2633/RPC2"}; }};
  }
  [[nodiscard]] std::shared_ptr<const view::View> view() const { return publisher_->current(); }
  /// A driver by name that nobody will call: here no job runs.
  void name_storage(const std::string& tm_mad) { drivers_.datastores.emplace(tm_mad, nullptr); }
  /// The user as who calls.
  [[nodiscard]] access::Actor actor(std::string_view name) {
    return access::actor_of(*find_user(name), GroupId{}, 0177);
  }
  std::optional<std::string> attribute_of_alice(std::string_view name) {
    std::optional<std::string> found;
    database_->read({}, [&](db::Txn& txn) {
      const auto user = access::find_user(txn, alice);
      if (user && user->attributes.has(name)) found = user->attributes.get(name);
    });
    return found;
  }

  UserId alice;

 private:
  [[nodiscard]] std::optional<access::User> find_user(std::string_view name) const {
    const auto view = publisher_->current();
    const auto found = view->users_by_name.find(name);
    if (found == view->users_by_name.end()) return std::nullopt;
    return found->second;
  }
  Result<void> fill_in(db::Txn& txn) {
    CHECK_OK(access::bootstrap(txn, {"none", "none"}));
    CHECK_OK(images_.bootstrap(txn));
    access::Actor admin;
    admin.user = UserId{0};
    admin.group = GroupId{0};
    admin.groups = {GroupId{0}};
    access::NewUser fresh;
    fresh.name = "alice";
    fresh.password_hash = TRY(access::hash_password("wonder"));
    fresh.groups = {GroupId{1}};
    alice = TRY(access::create_user(txn, admin, fresh));
    access::TokenAsk token;
    token.seconds = -1;
    token.token = "alice-token";
    TRY(access::set_login_token(txn, alice, token));
    token.token = "root-token";
    TRY(access::set_login_token(txn, UserId{0}, token));
    return {};
  }

  Lanes& all_lanes_;
  jobs::ProgressBoard board_;
  monitoring::Board samples_;
  std::unique_ptr<db::Database> database_;
  std::unique_ptr<db::Store> store_;
  DriverCatalogue drivers_;
  compute::Settings settings_;
  compute::VmService vms_{settings_, drivers_};
  compute::HostService hosts_{settings_, drivers_};
  datastore::ImageService images_{datastore::Settings{}, drivers_};
  snapshots::SnapshotService snapshots_{snapshots::Settings{}, vms_};
  check::CheckService checks_{drivers_, "/nowhere/nephd.db"};
  std::unique_ptr<view::Publisher> publisher_;
  std::unique_ptr<access::Authenticator> authenticator_;
  Registry<Call> registry_;
  std::unique_ptr<Dispatcher> dispatcher_;
};

struct HasManualLanes {
  ManualLanes lanes;
};

/// All of it on one thread: a call is answered when ask() returns.
class World : public HasManualLanes, public Rooms {
 public:
  World() : Rooms(HasManualLanes::lanes) {}

  void send(std::string body) {
    dispatcher().handle(std::move(body), "127.0.0.1:1", [this](std::string reply) {
      replies.push_back(std::move(reply));
    });
  }
  /// The reply to a body.
  std::string ask(std::string body) {
    replies.clear();
    send(std::move(body));
    lanes.run_until_idle();
    EXPECT_EQ(replies.size(), 1u);
    return replies.empty() ? std::string{} : replies[0];
  }
  Told call(const std::string& method, const std::string& session, const std::string& params) {
    return told_by(ask(call_of(method, as_string(session) + params)));
  }
  Told as_admin(const std::string& method, const std::string& params = {}) {
    return call(method, "oneadmin:root-token", params);
  }
  Told as_alice(const std::string& method, const std::string& params = {}) {
    return call(method, "alice:alice-token", params);
  }
  /// Runs something in a transaction and publishes it.
  template <class F>
  void in_transaction(F&& work) {
    bool is_done = false;
    store().run<int>([&](db::Txn& txn) -> Result<int> {
                       work(txn);
                       return 0;
                     },
                     [&](Result<int> outcome) {
                       EXPECT_TRUE(outcome) << outcome.error().text();
                       is_done = true;
                     });
    lanes.run_until_idle();
    ASSERT_TRUE(is_done);
  }

  std::vector<std::string> replies;
};

}  // namespace neph::api
