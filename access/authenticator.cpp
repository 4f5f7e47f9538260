#include "access/authenticator.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "access/internal/login_throttle.h"
#include "access/internal/secrets.h"
#include "base/log.h"
#include "base/numbers.h"

namespace neph::access {
namespace {

constexpr std::size_t kUserNameBytesMax = 128;
/// Beyond this many sessions the oldest knowledge is thrown away; it only costs hashes.
constexpr std::size_t kRememberedMax = 10'000;
constexpr std::string_view kCore = "core";
constexpr std::string_view kServerCipher = "server_cipher";
constexpr std::string_view kSsh = "ssh";

struct Session {
  std::string name;
  std::string secret;
  std::string peer;
};

/// What a secret that was right before was; the same text may be both.
enum class SecretKind { kPassword, kToken };

std::optional<Session> split(std::string_view session, std::string_view peer) {
  const auto colon = session.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon > kUserNameBytesMax)
    return std::nullopt;
  return Session{std::string(session.substr(0, colon)), std::string(session.substr(colon + 1)),
                 std::string(peer)};
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

/// The same for users that there are and that there are not.
tl::unexpected<Error> refuse_for_now(Duration wait) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait);
  return fail(Errc::kUnavailable,
              "Too many log-ins have failed: wait {} s, then try again with the right password",
              seconds.count());
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
  const auto group = integer_from(rest.substr(0, second));
  if (!group || *group < 0) return std::nullopt;
  return ServerSession{target, GroupId{*group}, rest.substr(second + 1)};
}

/// "who:expiry", which only somebody who knows a secret of `who` could seal.
/// \returns why not, nullptr when it is good
const char* flaw_of(const std::string& opened, std::string_view who, Instant now) {
  const auto last = opened.rfind(':');
  if (last == std::string::npos) return "the sealed text is malformed";
  if (std::string_view(opened).substr(0, last) != who) return "it was sealed for somebody else";
  const auto expiry = integer_from(std::string_view(opened).substr(last + 1));
  if (!expiry || *expiry <= now.seconds()) return "what was sealed has expired";
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
  [[nodiscard]] std::string digest_of(const User& user, SecretKind kind,
                                      std::string_view secret) const;
  [[nodiscard]] bool is_remembered(const User& user, SecretKind kind, std::string_view secret);
  void remember(const User& user, SecretKind kind, std::string_view secret);
  void make_room();
  [[nodiscard]] Duration wait(const Session& session);
  void note_failure(const Session& session);
  /// The password is right: it is remembered, and what failed before counts no longer.
  void accept(const User& user, const Session& session);
  /// Without a hash, which a token and a remembered password do not need. nullopt: it needs one.
  [[nodiscard]] std::optional<Actor> recognize(const User& user, const Session& session);
  [[nodiscard]] Result<Actor> serve(const User& server, std::string_view secret) const;
  [[nodiscard]] Result<Actor> check_key(const User& user, const Session& session);
  [[nodiscard]] Result<Actor> verify(const Session& session);

  Lanes& lanes;
  const Lookup lookup;
  const Settings settings;
  const std::string key = internal::new_digest_key();
  std::mutex mutex;  ///< guards what follows
  std::unordered_map<std::string, Remembered> remembered;
  internal::LoginThrottle throttle;
};

std::string Authenticator::State::digest_of(const User& user, SecretKind kind,
                                            std::string_view secret) const {
  // Driver and stored hash are part of it, so their change outdates the memory even where a session
  // was verified over a view from before the change.
  return internal::keyed_digest(
      key, fmt::format("{}:{}:{}:{}:{}", user.id, static_cast<int>(kind), user.auth_driver,
                       user.password_hash, secret));
}

bool Authenticator::State::is_remembered(const User& user, SecretKind kind,
                                         std::string_view secret) {
  const std::string digest = digest_of(user, kind, secret);
  const std::lock_guard lock(mutex);
  const auto found = remembered.find(digest);
  return found != remembered.end() && lanes.clock().monotonic() < found->second.until;
}

void Authenticator::State::remember(const User& user, SecretKind kind, std::string_view secret) {
  if (settings.session_time <= Duration{0}) return;
  const std::string digest = digest_of(user, kind, secret);
  const std::lock_guard lock(mutex);
  if (remembered.size() >= kRememberedMax) make_room();
  remembered[digest] = {user.id, lanes.clock().monotonic() + settings.session_time};
}

void Authenticator::State::make_room() {
  const Duration now = lanes.clock().monotonic();
  std::erase_if(remembered, [now](const auto& entry) { return entry.second.until <= now; });
  if (remembered.size() >= kRememberedMax) remembered.clear();
}

Duration Authenticator::State::wait(const Session& session) {
  const std::lock_guard lock(mutex);
  return throttle.wait(session.name, session.peer, lanes.clock().monotonic());
}

void Authenticator::State::note_failure(const Session& session) {
  const std::lock_guard lock(mutex);
  throttle.failed(session.name, session.peer, lanes.clock().monotonic());
}

void Authenticator::State::accept(const User& user, const Session& session) {
  remember(user, SecretKind::kPassword, session.secret);
  const std::lock_guard lock(mutex);
  throttle.succeeded(session.name, session.peer);
}

std::optional<Actor> Authenticator::State::recognize(const User& user, const Session& session) {
  const auto* token = find_token(user, session.secret, lanes.clock().now());
  const auto kind = token == nullptr ? SecretKind::kPassword : SecretKind::kToken;
  const bool is_known = is_remembered(user, kind, session.secret);
  if (token == nullptr) return is_known ? std::optional{actor(user, GroupId{})} : std::nullopt;
  // A token that was guessed just now must not count for more than a password would.
  if (!is_known && wait(session) > Duration{0}) return std::nullopt;
  if (!is_known) remember(user, kind, session.secret);
  return actor(user, token->effective_group);
}

Result<Actor> Authenticator::State::serve(const User& server, std::string_view secret) const {
  const auto session = split_server(secret);
  if (!session) return refuse(server.name, "malformed server session");
  const auto opened = internal::decrypt_server_token(server.password_hash, session->proof);
  if (!opened) return refuse(server.name, "the server token was not made with its password");
  const std::string who = fmt::format("{}:{}", server.name, session->target);
  if (const char* flaw = flaw_of(*opened, who, lanes.clock().now()))
    return refuse(server.name, flaw);
  const auto target = lookup(session->target);
  if (!target || !target->is_enabled)
    return refuse(session->target, "target of a server session is unknown or disabled");
  if (session->group.is_set() && !is_member(*target, session->group))
    return refuse(session->target, "target of a server session is not in that group");
  return actor(*target, session->group);
}

/// The stored secret is a public key; nobody guesses what its private one seals, but a token.
Result<Actor> Authenticator::State::check_key(const User& user, const Session& session) {
  if (const Duration pause = wait(session); pause > Duration{0}) return refuse_for_now(pause);
  const auto opened = internal::open_with_public_key(user.password_hash, session.secret);
  const char* flaw = "it was not sealed with the user's key, or is no token";
  if (opened) flaw = flaw_of(*opened, user.name, lanes.clock().now());
  if (flaw == nullptr) return actor(user, GroupId{});
  note_failure(session);
  return refuse(user.name, flaw);
}

/// Passwords lane. Every way through here costs one hash, so that the duration of a refusal does
/// not tell which users exist.
Result<Actor> Authenticator::State::verify(const Session& session) {
  // Once more, because others may have failed while this one stood in the queue.
  const Duration pause = wait(session);
  // Looked up now and not when the call came in: what counts is how things stand at the answer.
  const auto user = lookup(session.name);
  if (user && user->is_enabled && user->auth_driver == kCore) {
    // Calls that came in together wait for the first of them only.
    if (is_remembered(*user, SecretKind::kPassword, session.secret))
      return actor(*user, GroupId{});
    if (pause > Duration{0}) return refuse_for_now(pause);
    if (internal::is_password_of(user->password_hash, session.secret)) {
      accept(*user, session);
      return actor(*user, GroupId{});
    }
    note_failure(session);
    return refuse(session.name, "wrong password or token");
  }
  if (pause > Duration{0}) return refuse_for_now(pause);
  (void)hash_password(session.secret);
  note_failure(session);
  if (!user) return refuse(session.name, "no such user");
  if (!user->is_enabled) return refuse(session.name, "the user is disabled");
  return refuse(session.name, "users of this auth driver cannot log in themselves");
}

Authenticator::Authenticator(Lanes& lanes, Lookup lookup, Settings settings)
    : state_(std::make_shared<State>(lanes, std::move(lookup), settings)) {}

Authenticator::~Authenticator() = default;

void Authenticator::authenticate(const std::string& session, std::string_view peer, Done done) {
  auto parts = split(session, peer);
  if (!parts) return done(refuse("", "malformed session"));
  const auto user = state_->lookup(parts->name);
  if (user && user->is_enabled) {
    if (user->auth_driver == kServerCipher) return done(state_->serve(*user, parts->secret));
    if (auto known = state_->recognize(*user, *parts)) return done(std::move(*known));
    if (user->auth_driver == kSsh) return done(state_->check_key(*user, *parts));
  }
  if (const Duration pause = state_->wait(*parts); pause > Duration{0})
    return done(refuse_for_now(pause));
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
