#include "access/authenticator.h"

#include <algorithm>
#include <charconv>
#include <mutex>
#include <unordered_map>

#include "access/internal/secrets.h"
#include "base/log.h"

namespace neph::access {
namespace {

constexpr std::size_t kUserNameBytesMax = 128;
/// Beyond this many sessions the oldest knowledge is thrown away; it only costs hashes.
constexpr std::size_t kRememberedMax = 10'000;
constexpr std::string_view kCore = "core";
constexpr std::string_view kServerCipher = "server_cipher";

struct Session {
  std::string name;
  std::string secret;
};

std::optional<Session> split(std::string_view session) {
  const auto colon = session.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon > kUserNameBytesMax)
    return std::nullopt;
  return Session{std::string(session.substr(0, colon)), std::string(session.substr(colon + 1))};
}

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool is_member(const User& user, GroupId group) {
  return std::ranges::find(user.groups, group) != user.groups.end();
}

tl::unexpected<Error> refuse(std::string_view name, std::string_view reason) {
  // A name that could not be a user's may be a mistyped password.
  const bool is_name = check_name("user", name).has_value();
  log::info("session.refused", {{"user", is_name ? name : "?"}, {"reason", reason}});
  return fail(Errc::kUnauthenticated, "User couldn't be authenticated, aborting call.");
}

/// The login token among those of the user that the secret is, if it is any.
const LoginToken* find_token(const User& user, std::string_view secret, Instant now) {
  const LoginToken* found = nullptr;
  for (const LoginToken& token : user.tokens) {
    const bool is_over = token.expires.is_set() && token.expires <= now;
    const bool is_lost =
        token.effective_group.is_set() && !is_member(user, token.effective_group);
    if (internal::is_same_secret(token.token, secret) && !is_over && !is_lost) found = &token;
  }
  return found;
}

/// What follows the name of a server user: target, perhaps a group, and the sealed proof.
struct ServerSession {
  std::string_view target;
  GroupId group;
  std::string_view proof;
};

std::optional<ServerSession> split_server(std::string_view secret) {
  const auto first = secret.find(':');
  if (first == std::string_view::npos) return std::nullopt;
  const std::string_view target = secret.substr(0, first);
  const std::string_view rest = secret.substr(first + 1);
  const auto second = rest.find(':');
  if (second == std::string_view::npos) return ServerSession{target, GroupId{}, rest};
  const auto group = parse_number(rest.substr(0, second));
  if (!group || *group < 0) return std::nullopt;
  return ServerSession{target, GroupId{*group}, rest.substr(second + 1)};
}

/// "server_user:target:expiry", which only somebody who knows the server's password could seal.
/// \returns why not, nullptr when it is good
const char* flaw_of(const std::string& opened, std::string_view server, std::string_view target,
                    Instant now) {
  const auto last = opened.rfind(':');
  if (last == std::string::npos) return "malformed server token";
  if (opened.substr(0, last) != fmt::format("{}:{}", server, target))
    return "the server token is for somebody else";
  const auto expiry = parse_number(std::string_view(opened).substr(last + 1));
  if (!expiry || *expiry <= now.seconds()) return "the server token has expired";
  return nullptr;
}

}  // namespace

struct Authenticator::State {
  struct Remembered {
    UserId user;
    Duration until{0};  ///< on the monotonic clock
  };

  State(Lanes& its_lanes, Lookup its_lookup, Settings its_settings)
      : lanes(its_lanes), lookup(std::move(its_lookup)), settings(its_settings) {}

  [[nodiscard]] Actor actor(const User& user, GroupId group) const {
    return actor_of(user, group, settings.default_umask);
  }
  [[nodiscard]] std::string digest_of(const User& user, std::string_view secret) const;
  [[nodiscard]] bool is_remembered(const User& user, std::string_view secret);
  void remember(const User& user, std::string_view secret);
  void make_room();
  [[nodiscard]] Result<Actor> serve(const User& server, std::string_view secret) const;
  [[nodiscard]] Result<Actor> verify(const Session& session);

  Lanes& lanes;
  const Lookup lookup;
  const Settings settings;
  const std::string key = internal::new_digest_key();
  std::mutex mutex;  ///< guards what follows
  std::unordered_map<std::string, Remembered> remembered;
};

std::string Authenticator::State::digest_of(const User& user, std::string_view secret) const {
  // Driver and stored hash are part of it, so their change outdates the memory even where a session
  // was verified over a view from before the change.
  return internal::keyed_digest(
      key, fmt::format("{}:{}:{}:{}", user.id, user.auth_driver, user.password_hash, secret));
}

bool Authenticator::State::is_remembered(const User& user, std::string_view secret) {
  const std::string digest = digest_of(user, secret);
  const std::lock_guard lock(mutex);
  const auto found = remembered.find(digest);
  return found != remembered.end() && lanes.clock().monotonic() < found->second.until;
}

void Authenticator::State::remember(const User& user, std::string_view secret) {
  if (settings.session_time <= Duration{0}) return;
  const std::string digest = digest_of(user, secret);
  const std::lock_guard lock(mutex);
  if (remembered.size() >= kRememberedMax) make_room();
  remembered[digest] = {user.id, lanes.clock().monotonic() + settings.session_time};
}

void Authenticator::State::make_room() {
  const Duration now = lanes.clock().monotonic();
  std::erase_if(remembered, [now](const auto& entry) { return entry.second.until <= now; });
  if (remembered.size() >= kRememberedMax) remembered.clear();
}

Result<Actor> Authenticator::State::serve(const User& server, std::string_view secret) const {
  const auto session = split_server(secret);
  if (!session) return refuse(server.name, "malformed server session");
  const auto opened = internal::decrypt_server_token(server.password_hash, session->proof);
  if (!opened) return refuse(server.name, "the server token was not made with its password");
  if (const char* flaw = flaw_of(*opened, server.name, session->target, lanes.clock().now()))
    return refuse(server.name, flaw);
  const auto target = lookup(session->target);
  if (!target || !target->is_enabled)
    return refuse(session->target, "target of a server session is unknown or disabled");
  if (session->group.is_set() && !is_member(*target, session->group))
    return refuse(session->target, "target of a server session is not in that group");
  return actor(*target, session->group);
}

/// Passwords lane. Every way through here costs one hash, so that the duration of a refusal does
/// not tell which users exist.
Result<Actor> Authenticator::State::verify(const Session& session) {
  // Looked up now and not when the call came in: what counts is how things stand at the answer.
  const auto user = lookup(session.name);
  if (user && user->is_enabled && user->auth_driver == kCore) {
    // Calls that came in together wait for the first of them only.
    if (is_remembered(*user, session.secret)) return actor(*user, GroupId{});
    if (!internal::is_password_of(user->password_hash, session.secret))
      return refuse(session.name, "wrong password or token");
    remember(*user, session.secret);
    return actor(*user, GroupId{});
  }
  (void)hash_password(session.secret);
  if (!user) return refuse(session.name, "no such user");
  if (!user->is_enabled) return refuse(session.name, "the user is disabled");
  return refuse(session.name, "users of this auth driver cannot log in themselves");
}

Authenticator::Authenticator(Lanes& lanes, Lookup lookup, Settings settings)
    : state_(std::make_shared<State>(lanes, std::move(lookup), settings)) {}

Authenticator::~Authenticator() = default;

void Authenticator::authenticate(const std::string& session, Done done) {
  auto parts = split(session);
  if (!parts) return done(refuse("", "malformed session"));
  const auto user = state_->lookup(parts->name);
  if (user && user->is_enabled) {
    if (user->auth_driver == kServerCipher) return done(state_->serve(*user, parts->secret));
    const Instant now = state_->lanes.clock().now();
    if (const auto* token = find_token(*user, parts->secret, now))
      return done(state_->actor(*user, token->effective_group));
    if (state_->is_remembered(*user, parts->secret)) return done(state_->actor(*user, GroupId{}));
  }
  Lane& lane = state_->lanes.passwords();
  if (lane.backlog() >= state_->settings.backlog_max) {
    log::warn("session.busy", {{"waiting", lane.backlog()}});
    return done(fail(Errc::kUnavailable, "Too many log-ins are waiting, try again."));
  }
  lane.post([state = state_, session = std::move(*parts), done = std::move(done)] {
    done(state->verify(session));
  });
}

void Authenticator::forget(UserId user) {
  const std::lock_guard lock(state_->mutex);
  std::erase_if(state_->remembered, [user](const auto& entry) {
    return entry.second.user == user;
  });
}

}  // namespace neph::access
