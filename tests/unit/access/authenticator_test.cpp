#include "access/authenticator.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <atomic>
#include <future>
#include <map>

namespace neph::access {
namespace {

/// One hash for all tests: each costs 50 ms.
const std::string& hash_of_secret() {
  static const std::string hash = *hash_password("secret");
  return hash;
}

/// As OpenNebula's clients seal a server token.
std::string sealed(const std::string& hash, const std::string& text) {
  std::string bytes(text.size() + 32, '\0');
  auto* out = reinterpret_cast<unsigned char*>(bytes.data());
  const auto* key = reinterpret_cast<const unsigned char*>(hash.data());
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  int head = 0;
  int tail = 0;
  EVP_EncryptInit_ex(context, EVP_aes_256_cbc(), nullptr, key, key);
  EVP_EncryptUpdate(context, out, &head, reinterpret_cast<const unsigned char*>(text.data()),
                    static_cast<int>(text.size()));
  EVP_EncryptFinal_ex(context, out + head, &tail);
  EVP_CIPHER_CTX_free(context);
  std::string base64(4 * ((head + tail + 2) / 3) + 1, '\0');
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(base64.data()), out, head + tail);
  base64.resize(static_cast<std::size_t>(length));
  return base64;
}

class Sessions : public testing::Test {
 protected:
  void SetUp() override {
    User anna;
    anna.id = UserId{2};
    anna.name = "anna";
    anna.password_hash = hash_of_secret();
    anna.auth_driver = "core";
    anna.group = GroupId{1};
    anna.group_name = "users";
    anna.groups = {GroupId{1}, GroupId{100}};
    users_["anna"] = anna;
    User server = anna;
    server.id = UserId{1};
    server.name = "serveradmin";
    server.auth_driver = "server_cipher";
    server.password_hash = server_cipher_hash("P");
    server.group = GroupId{0};
    server.groups = {GroupId{0}};
    users_["serveradmin"] = server;
  }

  Result<Actor> answer(const std::string& session) {
    std::optional<Result<Actor>> result;
    authenticator_.authenticate(session, peer_, [&](Result<Actor> actor) {
      EXPECT_FALSE(result.has_value()) << "answered twice";
      result = std::move(actor);
    });
    was_immediate_ = result.has_value();
    lanes_.run_until_idle();
    if (!result) return fail(Errc::kInternal, "never answered");
    return *result;
  }
  void expect_refused(const std::string& session) {
    const auto refused = answer(session);
    ASSERT_FALSE(refused) << session;
    EXPECT_EQ(refused.error().code, Errc::kUnauthenticated);
    EXPECT_EQ(refused.error().message, "User couldn't be authenticated, aborting call.");
  }
  std::string server_session(const std::string& target, std::int64_t seconds,
                             const std::string& group = "") {
    const auto expiry = lanes_.clock().now().seconds() + seconds;
    const std::string text = fmt::format("serveradmin:{}:{}", target, expiry);
    return fmt::format("serveradmin:{}:{}{}", target, group,
                       sealed(server_cipher_hash("P"), text));
  }
  User& anna() { return users_["anna"]; }

  std::map<std::string, User, std::less<>> users_;
  ManualLanes lanes_;
  bool was_immediate_ = false;
  std::string peer_ = "192.0.2.7:4711";
  Authenticator authenticator_{
      lanes_,
      [this](std::string_view name) -> std::optional<User> {
        const auto found = users_.find(name);
        if (found == users_.end()) return std::nullopt;
        return found->second;
      },
      Authenticator::Settings{Duration{900'000}, 0177, 3}};
};

TEST_F(Sessions, APasswordIsHashedOnceAndThenRemembered) {
  const auto first = answer("anna:secret");
  ASSERT_TRUE(first);
  EXPECT_FALSE(was_immediate_);
  EXPECT_EQ(first->user, UserId{2});
  EXPECT_EQ(first->groups.size(), 2u);
  ASSERT_TRUE(answer("anna:secret"));
  EXPECT_TRUE(was_immediate_);
}

TEST_F(Sessions, MemoryEndsWithTheAuthDriver) {
  ASSERT_TRUE(answer("anna:secret"));
  anna().auth_driver = "public";
  expect_refused("anna:secret");
}

/// What such users have stored is a name that everybody may know, and no key.
TEST_F(Sessions, OnlyServerCipherSealsSessions) {
  ASSERT_TRUE(answer(server_session("anna", 60)));
  users_["serveradmin"].auth_driver = "server_x509";
  expect_refused(server_session("anna", 60));
}

TEST_F(Sessions, MemoryEndsWithTheSessionTime) {
  ASSERT_TRUE(answer("anna:secret"));
  lanes_.advance(Duration{899'999});
  ASSERT_TRUE(answer("anna:secret"));
  EXPECT_TRUE(was_immediate_);
  lanes_.advance(Duration{1});
  ASSERT_TRUE(answer("anna:secret"));
  EXPECT_FALSE(was_immediate_);
}

TEST_F(Sessions, AForgottenUserIsVerifiedAgain) {
  ASSERT_TRUE(answer("anna:secret"));
  authenticator_.forget(UserId{3});
  ASSERT_TRUE(answer("anna:secret"));
  EXPECT_TRUE(was_immediate_);
  authenticator_.forget(UserId{2});
  ASSERT_TRUE(answer("anna:secret"));
  EXPECT_FALSE(was_immediate_);
}

TEST_F(Sessions, AChangedHashOutdatesWhatIsRememberedEvenWithoutForgetting) {
  ASSERT_TRUE(answer("anna:secret"));
  anna().password_hash = *hash_password("other");
  expect_refused("anna:secret");
}

TEST_F(Sessions, ADisabledUserIsOutAtOnce) {
  ASSERT_TRUE(answer("anna:secret"));
  anna().is_enabled = false;
  expect_refused("anna:secret");
}

TEST_F(Sessions, GroupsCountAsTheyAreNow) {
  ASSERT_TRUE(answer("anna:secret"));
  anna().groups = {GroupId{1}};
  EXPECT_EQ(answer("anna:secret")->groups, std::vector{GroupId{1}});
}

TEST_F(Sessions, AWrongPasswordAndAnUnknownUserBothCostAHash) {
  expect_refused("anna:wrong");
  EXPECT_FALSE(was_immediate_);
  expect_refused("nobody:secret");
  EXPECT_FALSE(was_immediate_);
}

TEST_F(Sessions, MalformedSessionsAreRefusedAtOnce) {
  for (const std::string session : {"", "anna", ":secret", "serveradmin:P"}) {
    expect_refused(session);
    EXPECT_TRUE(was_immediate_) << session;
  }
  expect_refused(std::string(129, 'a') + ":b");
  EXPECT_TRUE(was_immediate_);
}

TEST_F(Sessions, APasswordMayHoldColons) {
  anna().password_hash = *hash_password("a:b:c");
  EXPECT_TRUE(answer("anna:a:b:c"));
}

TEST_F(Sessions, TooManyLogInsAreTurnedAway) {
  int refused = 0;
  for (int i = 0; i < 5; ++i) {
    authenticator_.authenticate("anna:secret", "192.0.2.1:1", [&](Result<Actor> actor) {
      if (!actor && actor.error().code == Errc::kUnavailable) ++refused;
    });
  }
  EXPECT_EQ(refused, 2);
  lanes_.run_until_idle();
  EXPECT_TRUE(answer("anna:secret"));
}

TEST_F(Sessions, WhoFailsFiveTimesWaitsTenSeconds) {
  for (int i = 0; i < 5; ++i) expect_refused("anna:guess");
  const auto early = answer("anna:secret");
  ASSERT_FALSE(early);
  EXPECT_TRUE(was_immediate_) << "a guess that is not looked at costs no hash";
  EXPECT_EQ(early.error().code, Errc::kUnavailable);
  EXPECT_NE(early.error().message.find("wait 10 s"), std::string::npos) << early.error().message;
  lanes_.advance(Duration{9'999});
  EXPECT_FALSE(answer("anna:secret"));
  lanes_.advance(Duration{1});
  EXPECT_TRUE(answer("anna:secret"));
  for (int i = 0; i < 5; ++i) expect_refused("anna:guess");
}

TEST_F(Sessions, GuessesThatCameTogetherAreNotAllLookedAt) {
  int looked_at = 0;
  for (int i = 0; i < 3; ++i) expect_refused("anna:guess");
  for (int i = 0; i < 3; ++i) {
    authenticator_.authenticate("anna:guess", peer_, [&](Result<Actor> actor) {
      if (!actor && actor.error().code == Errc::kUnauthenticated) ++looked_at;
    });
  }
  lanes_.run_until_idle();
  EXPECT_EQ(looked_at, 2);
}

TEST_F(Sessions, NobodyIsKeptOutByGuessesFromElsewhere) {
  for (int i = 0; i < 5; ++i) expect_refused("anna:guess");
  for (int i = 0; i < 5; ++i) expect_refused("nobody:guess");
  EXPECT_EQ(answer("nobody:guess").error().code, Errc::kUnavailable)
      << "the same as of a user that there is";
  peer_ = "192.0.2.8:1";
  EXPECT_TRUE(answer("anna:secret"));
}

TEST_F(Sessions, WhatWasRightBeforeIsTakenWhileOthersHaveToWait) {
  anna().tokens = {{"used", {}, GroupId{100}}, {"fresh", {}, {}}};
  ASSERT_TRUE(answer("anna:secret"));
  ASSERT_TRUE(answer("anna:used"));
  for (int i = 0; i < 5; ++i) expect_refused("anna:guess");
  EXPECT_TRUE(answer("anna:secret"));
  EXPECT_EQ(answer("anna:used")->group, GroupId{100});
  EXPECT_EQ(answer("anna:fresh").error().code, Errc::kUnavailable) << "it might be a guess";
  anna().tokens.clear();
  EXPECT_EQ(answer("anna:used").error().code, Errc::kUnavailable) << "a token is no password";
}

TEST_F(Sessions, TokensLetInWithoutAHashUntilTheyExpire) {
  const Instant now = lanes_.clock().now();
  anna().tokens = {{"forever", {}, {}}, {"short", now + Duration{1000}, {}}};
  EXPECT_TRUE(answer("anna:forever"));
  EXPECT_TRUE(was_immediate_);
  EXPECT_TRUE(answer("anna:short"));
  lanes_.advance(Duration{1000});
  expect_refused("anna:short");
}

TEST_F(Sessions, ATokenForAGroupIsInThatGroupAlone) {
  anna().tokens = {{"limited", {}, GroupId{100}}, {"left", {}, GroupId{7}}};
  const auto actor = answer("anna:limited");
  ASSERT_TRUE(actor);
  EXPECT_EQ(actor->group, GroupId{100});
  EXPECT_EQ(actor->groups, std::vector{GroupId{100}});
  expect_refused("anna:left");
}

TEST_F(Sessions, UsersOfOtherDriversDoNotLogInThemselves) {
  anna().auth_driver = "public";
  expect_refused("anna:secret");
}

/// As `oneuser login --ssh` seals the name and an expiry; the key is made once.
class SshKey {
 public:
  SshKey() : key_(EVP_RSA_gen(2048)) {}
  ~SshKey() { EVP_PKEY_free(key_); }
  [[nodiscard]] std::string public_text() const {
    unsigned char* bytes = nullptr;
    const int count = i2d_PUBKEY(key_, &bytes);
    std::string der(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(count));
    OPENSSL_free(bytes);
    return base64(der);
  }
  [[nodiscard]] std::string sealed(const std::string& text) const {
    EVP_PKEY_CTX* context = EVP_PKEY_CTX_new(key_, nullptr);
    EVP_PKEY_sign_init(context);
    EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING);
    std::string bytes(256, '\0');
    std::size_t size = bytes.size();
    EXPECT_EQ(EVP_PKEY_sign(context, reinterpret_cast<unsigned char*>(bytes.data()), &size,
                            reinterpret_cast<const unsigned char*>(text.data()), text.size()),
              1);
    EVP_PKEY_CTX_free(context);
    return base64(bytes);
  }

 private:
  static std::string base64(const std::string& bytes) {
    std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
    const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                       reinterpret_cast<const unsigned char*>(bytes.data()),
                                       static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(length));
    return text;
  }
  EVP_PKEY* key_;
};

TEST_F(Sessions, AnRsaKeyLetsItsOwnerInUntilTheExpiry) {
  static const SshKey kKey;
  static const SshKey kOther;
  anna().auth_driver = "ssh";
  anna().password_hash = kKey.public_text();
  const auto expiry = lanes_.clock().now().seconds() + 60;
  const std::string good = fmt::format("anna:{}", expiry);
  EXPECT_TRUE(answer("anna:" + kKey.sealed(good)));
  EXPECT_TRUE(was_immediate_);
  expect_refused("anna:" + kOther.sealed(good));
  expect_refused("anna:" + kKey.sealed(fmt::format("bert:{}", expiry)));
  expect_refused("anna:" + kKey.sealed("anna"));
  expect_refused("anna:" + kKey.public_text());
  lanes_.advance(Duration{60'000});
  expect_refused("anna:" + kKey.sealed(good));
  lanes_.advance(Duration{60'000});
  anna().password_hash = "no key";
  expect_refused("anna:" + kKey.sealed(good));
  anna().tokens = {{"token", {}, {}}};
  EXPECT_TRUE(answer("anna:token"));
}

TEST_F(Sessions, AServerActsForItsTarget) {
  const auto actor = answer(server_session("anna", 60));
  ASSERT_TRUE(actor);
  EXPECT_TRUE(was_immediate_);
  EXPECT_EQ(actor->user, UserId{2});
  EXPECT_EQ(actor->groups.size(), 2u);
  anna().auth_driver = "public";
  EXPECT_TRUE(answer(server_session("anna", 60)));
}

TEST_F(Sessions, AServerSessionMayBeLimitedToAGroupOfTheTarget) {
  EXPECT_EQ(answer(server_session("anna", 60, "100:"))->groups, std::vector{GroupId{100}});
  expect_refused(server_session("anna", 60, "7:"));
  expect_refused(server_session("anna", 60, "x:"));
}

TEST_F(Sessions, BadServerTokensAreRefused) {
  expect_refused(server_session("anna", 0));
  expect_refused(server_session("nobody", 60));
  expect_refused("serveradmin:anna:");
  expect_refused("serveradmin:anna:????");
  expect_refused("serveradmin:anna:AAAA");
  const auto expiry = lanes_.clock().now().seconds() + 60;
  const auto with = [&](const std::string& hash, const std::string& text) {
    expect_refused("serveradmin:anna:" + sealed(hash, text));
  };
  with(server_cipher_hash("Q"), fmt::format("serveradmin:anna:{}", expiry));
  with(server_cipher_hash("P"), fmt::format("serveradmin:bert:{}", expiry));
  with(server_cipher_hash("P"), fmt::format("other:anna:{}", expiry));
  with(server_cipher_hash("P"), "serveradmin:anna:soon");
  with(server_cipher_hash("P"), "nothing");
  anna().is_enabled = false;
  expect_refused(server_session("anna", 60));
}

TEST_F(Sessions, AServerTokenSealedByOpensslOpens) {
  // echo -n serveradmin:anna:4102444800 | openssl enc -aes-256-cbc -a -A -K ... -iv ...
  const std::string token = "0rjpGbAAP84aOIHEb39ELNmJeUaNseiU5SmSWRHnnZ0=";
  EXPECT_TRUE(answer("serveradmin:anna:" + token));
}

TEST(SessionsOnThreads, ManyCallersAtOnceAreAllAnswered) {
  constexpr int kCallers = 200;
  User anna;
  anna.id = UserId{2};
  anna.name = "anna";
  anna.password_hash = hash_of_secret();
  anna.auth_driver = "core";
  SystemClock clock;
  ThreadLanes lanes(clock, {4, 1});
  Authenticator authenticator(
      lanes, [&](std::string_view) { return anna; },
      {Duration{900'000}, 0177, static_cast<std::size_t>(kCallers)});
  std::atomic<int> let_in = 0;
  std::atomic<int> answers = 0;
  std::promise<void> all;
  for (int i = 0; i < kCallers; ++i) {
    lanes.readers().post([&, i] {
      if (i % 10 == 0) authenticator.forget(UserId{3});
      authenticator.authenticate("anna:secret", "192.0.2.1:1", [&](Result<Actor> actor) {
        if (actor) ++let_in;
        if (++answers == kCallers) all.set_value();
      });
    });
  }
  all.get_future().wait();
  lanes.stop();
  EXPECT_EQ(let_in, kCallers);
}

TEST(Passwords, HashesAreArgon2idAndSalted) {
  const std::string hash = *hash_password("secret");
  EXPECT_TRUE(hash.starts_with("$argon2id$v=19$m=65536,t=2,p=1$")) << hash;
  EXPECT_NE(hash, hash_of_secret());
}

TEST(Passwords, RandomWordsAreHexadecimalAndDiffer) {
  const std::string word = random_word(16);
  EXPECT_EQ(word.size(), 32u);
  EXPECT_EQ(word.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_NE(word, random_word(16));
}

}  // namespace
}  // namespace neph::access
