#include "api/dispatcher.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/unit/api/world.h"

namespace neph::api {
namespace {

struct Say {
  std::string text;
  std::int64_t times = 1;
};

Result<std::string> say(Call& call, const Say& ask) {
  return fmt::format("{} says {} {}", call.actor().name, ask.text, ask.times);
}

struct Note {
  std::string text;
};

/// Writes something that every transaction can: an attribute of alice.
Result<UserId> note(Call& call, const Note& ask) {
  const auto user = call.view().users_by_name.find("alice")->second.id;
  text::Template change;
  change.set("NOTE", ask.text);
  CHECK_OK(access::update_user(call.txn(), call.actor(), user, change, true));
  return user;
}

Result<UserId> note_and_refuse(Call& call, const Note& ask) {
  TRY(note(call, ask));
  return fail(Errc::kWrongState, "Not in this state");
}

Result<UserId> note_and_throw(Call& call, const Note& ask) {
  TRY(note(call, ask));
  throw std::runtime_error("thrown in a transaction");
}

Result<UserId> note_and_break(Call& call, const Note& ask) {
  TRY(note(call, ask));
  call.txn().exec("INSERT INTO counters(name, next) VALUES ('vm', 0)");
  return UserId{0};
}

Result<std::string> throw_while_reading(Call&) { throw std::bad_alloc(); }

Result<std::string> greet(Call&) { return std::string{"hello"}; }

struct SetPassword {
  UserId user;
  std::string password;
};

Result<std::string> keep_hash(Call& call, const SetPassword&) { return call.password_hash; }

Result<std::string> deny(Call&) { return fail(Errc::kDenied, "You may not."); }

Registry<Call> test_rows() {
  Registry<Call> rows;
  const std::string doc = "For tests.";
  rows.add({
      method("test.say", &say).reads().args("text", "times").required(1).for_anyone().doc(doc),
      method("test.note", &note).writes().args("text").for_anyone().doc(doc),
      method("test.refuse", &note_and_refuse).writes().args("text").for_anyone(),
      method("test.throw", &note_and_throw).writes().args("text").for_anyone(),
      method("test.break", &note_and_break).writes().args("text").for_anyone(),
      method("test.throwread", &throw_while_reading).reads().for_anyone(),
      method("test.greet", &greet).open().for_anyone(),
      method("test.passwd", &keep_hash).writes().args("user", "password").for_anyone(),
      method("test.deny", &deny).reads().for_anyone(),
  });
  return rows;
}

class DispatcherTest : public testing::Test {
 protected:
  void SetUp() override { world.serve(test_rows()); }

  World world;
};

TEST_F(DispatcherTest, AnswersAReadFromTheView) {
  const auto told = world.as_alice("test.say", as_string("hi &amp; &lt;bye&gt;") + as_int(3));
  EXPECT_TRUE(told.is_success);
  EXPECT_EQ(told.elements, 3u);
  EXPECT_EQ(told.text, "alice says hi & <bye> 3");
}

TEST_F(DispatcherTest, IgnoresSurplusParameters) {
  EXPECT_TRUE(world.as_alice("test.say", as_string("a") + as_int(1) + as_int(2)).is_success);
}

TEST_F(DispatcherTest, HasAWriteOnDiskAndInTheViewWhenItAnswers) {
  const auto told = world.as_alice("test.note", as_string("kept"));
  EXPECT_TRUE(told.is_success);
  EXPECT_EQ(told.number, world.alice.value);
  EXPECT_EQ(world.attribute_of_alice("NOTE"), "kept");
  EXPECT_EQ(world.view()->users_by_name.find("alice")->second.attributes.get("NOTE"), "kept");
}

TEST_F(DispatcherTest, RollsBackWhatAMethodDidBeforeItRefused) {
  const auto told = world.as_alice("test.refuse", as_string("lost"));
  EXPECT_FALSE(told.is_success);
  EXPECT_EQ(told.elements, 5u);
  EXPECT_EQ(told.code, 2048);
  EXPECT_EQ(told.text, "[test.refuse] Not in this state");
  EXPECT_EQ(world.attribute_of_alice("NOTE"), std::nullopt);
}

TEST_F(DispatcherTest, AnswersAnExceptionAndRollsBack) {
  const auto told = world.as_alice("test.throw", as_string("lost"));
  EXPECT_FALSE(told.is_success);
  EXPECT_EQ(told.code, 8192);
  EXPECT_EQ(world.attribute_of_alice("NOTE"), std::nullopt);
  EXPECT_EQ(world.as_alice("test.throwread").code, 8192);
}

TEST_F(DispatcherTest, AnswersABrokenConstraintAndRollsBack) {
  const auto told = world.as_alice("test.break", as_string("lost"));
  EXPECT_FALSE(told.is_fault);
  EXPECT_FALSE(told.is_success);
  EXPECT_EQ(world.attribute_of_alice("NOTE"), std::nullopt);
}

TEST_F(DispatcherTest, NamesTheCallerWhoMayNot) {
  const auto told = world.as_alice("test.deny");
  EXPECT_EQ(told.code, 512);
  EXPECT_EQ(told.text, fmt::format("[test.deny] User [{}] : You may not.", world.alice));
}

// Who are you comes before what do you want.

TEST_F(DispatcherTest, TurnsAStrangerAwayBeforeReadingTheParameters) {
  const auto wrong_types = as_string("alice:wrong") + as_int(1) + as_string("x");
  auto told = told_by(world.ask(call_of("test.say", wrong_types)));
  EXPECT_FALSE(told.is_fault);
  EXPECT_EQ(told.code, 256);
  EXPECT_EQ(told.object, -1);
  EXPECT_EQ(told.text, "[test.say] User couldn't be authenticated, aborting call.");

  // A number that the parser would not take: a stranger never gets that far.
  const std::string no_number = "<param><value><int>many</int></value></param>";
  told = told_by(world.ask(call_of("test.say", as_string("alice:wrong") + no_number)));
  EXPECT_EQ(told.code, 256);
  EXPECT_EQ(world.as_alice("test.say", no_number).code, -503);
}

TEST_F(DispatcherTest, TellsTheParameterOfTheWrongType) {
  const auto told = world.as_alice("test.say", as_int(1));
  EXPECT_TRUE(told.is_fault);
  EXPECT_EQ(told.code, -501);
  EXPECT_TRUE(told.text.starts_with("Parameter that is supposed to be a string is not"));
}

TEST_F(DispatcherTest, TellsThatParametersAreMissing) {
  const auto told = world.as_alice("test.say");
  EXPECT_EQ(told.code, -501);
  EXPECT_TRUE(told.text.starts_with("Not enough parameters"));
}

TEST_F(DispatcherTest, AnswersACallWithoutASessionWithAFault) {
  EXPECT_EQ(told_by(world.ask(call_of("test.say", ""))).code, -501);
  EXPECT_EQ(told_by(world.ask(call_of("test.say", as_int(1) + as_string("x")))).code, -501);
  const std::string long_text(8192, 'x');
  const auto told =
      told_by(world.ask(call_of("test.say", as_int(1) + as_string(long_text))));
  EXPECT_EQ(told.code, -509);
}

TEST_F(DispatcherTest, KnowsNoOtherMethods) {
  const auto told = world.as_alice("one.nosuch");
  EXPECT_EQ(told.code, -506);
  EXPECT_EQ(told.text, "Method 'one.nosuch' not defined");
}

// What no parser should see.

TEST_F(DispatcherTest, RefusesEntitiesOfADocumentType) {
  const std::string bomb = "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"bbbb\">]>" +
                           call_of("test.say", as_string("alice:alice-token") + as_string("&b;"))
                               .substr(21);
  EXPECT_EQ(told_by(world.ask(bomb)).code, -503);
}

TEST_F(DispatcherTest, RefusesBytesThatAreNoText) {
  EXPECT_EQ(world.as_alice("test.say", as_string("\xC0\x80")).code, -503);
  EXPECT_EQ(world.as_alice("test.say", as_string("\xFF")).code, -503);
}

TEST_F(DispatcherTest, RefusesGarbage) {
  EXPECT_EQ(told_by(world.ask("")).code, -503);
  EXPECT_EQ(told_by(world.ask("hello")).code, -503);
  EXPECT_EQ(told_by(world.ask("<methodCall>")).code, -503);
}

TEST_F(DispatcherTest, RefusesTooManyValues) {
  std::string many = "<param><value><array><data>";
  for (int i = 0; i < 10'001; ++i) many += "<value><int>1</int></value>";
  many += "</data></array></value></param>";
  EXPECT_EQ(world.as_alice("test.say", many).code, -509);
}

// Lanes.

TEST_F(DispatcherTest, ReadsAndLargeBodiesLeaveTheReactorAtOnce) {
  world.send(call_of("test.say", as_string("alice:alice-token") + as_string("a")));
  EXPECT_TRUE(world.replies.empty());
  world.lanes.run_until_idle();
  EXPECT_EQ(world.replies.size(), 1u);

  const std::string large(100'000, 'x');
  world.send(call_of("test.nosuch", as_string("alice:alice-token") + as_string(large)));
  EXPECT_EQ(world.replies.size(), 1u) << "scanned on the reactor";
  world.lanes.run_until_idle();
  EXPECT_EQ(world.replies.size(), 2u);
  EXPECT_TRUE(world.as_alice("test.note", as_string(large)).is_success);
  EXPECT_EQ(world.attribute_of_alice("NOTE"), large);
}

// Without a session.

TEST_F(DispatcherTest, AnswersOpenMethodsWithoutASession) {
  EXPECT_EQ(told_by(world.ask(call_of("test.greet", ""))).text, "hello");
}

TEST_F(DispatcherTest, AnswersIntrospectionWithoutASession) {
  EXPECT_NE(world.ask(call_of("system.listMethods", "")).find("test.say"), std::string::npos);
  EXPECT_NE(world.ask(call_of("system.methodHelp", as_string("test.say"))).find("For tests."),
            std::string::npos);
  const std::string long_text(8192, 'x');
  EXPECT_EQ(told_by(world.ask(call_of("system.methodHelp", as_string(long_text)))).code, -509);
}

// Passwords.

TEST_F(DispatcherTest, TakesThePasswordOfAUser) {
  EXPECT_EQ(world.call("test.say", "alice:wonder", as_string("hi")).text, "alice says hi 1");
  EXPECT_EQ(world.call("test.say", "alice:blunder", as_string("hi")).code, 256);
}

TEST_F(DispatcherTest, HashesANewPasswordBeforeTheTransaction) {
  const auto told = world.as_alice("test.passwd", as_int(2) + as_string("secret"));
  EXPECT_TRUE(told.text.starts_with("$argon2id$")) << told.text;
}

TEST_F(DispatcherTest, RefusesANewPasswordThatNobodyCouldUse) {
  const auto told = world.as_alice("test.passwd", as_int(2) + as_string(""));
  EXPECT_FALSE(told.is_success);
  EXPECT_EQ(told.code, 8192);
  EXPECT_EQ(world.as_alice("test.passwd", as_int(2) + as_string("two words")).code, 8192);
}

TEST_F(DispatcherTest, HashesAtMostSomePasswordsAtATime) {
  for (int i = 0; i < 100; ++i) world.lanes.passwords().post([] {});
  const auto told = world.as_alice("test.passwd", as_int(2) + as_string("secret"));
  EXPECT_EQ(told.code, 2048);
}

}  // namespace
}  // namespace neph::api
