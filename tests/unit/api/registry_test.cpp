#include "api/registry.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace neph::api {
namespace {

/// What a dispatcher would hand to handlers; here it only takes notes.
struct TestCall {
  int actor = 0;
  std::vector<std::string> notes;
};

enum class Color { kRed = 0, kBlue = 7 };

struct Everything {
  std::int64_t big = 0;
  int small = 0;
  bool flag = false;
  double ratio = 0;
  std::string text;
  VmId vm;
  std::vector<std::int64_t> ids;
  Color color = Color::kRed;
  IntOrBool operation;
  std::optional<std::string> extra;
};

Result<std::string> tell_everything(TestCall&, const Everything& ask) {
  return fmt::format("{} {} {} {} {} {} {} {} {} {}", ask.big, ask.small, ask.flag, ask.ratio,
                     ask.text, ask.vm, ask.ids.size(), static_cast<int>(ask.color),
                     ask.operation.value, ask.extra.value_or("-"));
}

struct ShowVm {
  VmId vm;
  bool decrypt = false;
};

Result<EscapedText> show_vm(TestCall&, const ShowVm& ask) {
  return EscapedText{fmt::format("vm {} {}", ask.vm, ask.decrypt)};
}

struct Deploy {
  VmId vm;
  HostId host;
  bool enforce = false;
  DatastoreId datastore;
  std::string extra = "none";
};

Result<VmId> deploy(TestCall& call, Deploy ask) {
  call.notes.push_back(fmt::format("{} {} {} {}", ask.host, ask.enforce, ask.datastore, ask.extra));
  return ask.vm;
}

Result<std::int64_t> refuse(TestCall&) { return fail(Errc::kWrongState, "not now"); }

Result<void> only_the_owner(TestCall& call, const ShowVm& ask) {
  call.notes.push_back("checked");
  if (call.actor == 0) return fail(Errc::kDenied, "not your VM {}", ask.vm);
  return {};
}

MethodRow<TestCall> everything_row() {
  return method("test.everything", &tell_everything)
      .args("big", "small", "flag", "ratio", "text", "vm", "ids", "color", "operation", "extra")
      .for_anyone();
}
MethodRow<TestCall> show_row() {
  return method("one.vm.info", &show_vm)
      .doc("Shows a VM.")
      .answers("VM document")
      .reads()
      .args("vm", "decrypt")
      .required(1)
      .needs("USE VM", &only_the_owner)
      .legacy_code(Errc::kConflict, 8192);
}
MethodRow<TestCall> deploy_row() {
  return method("one.vm.deploy", &deploy)
      .args("vm", "host", "enforce", "datastore", "template")
      .required(2)
      .for_anyone();
}

Value number(std::int32_t value) { return Value{value}; }

std::vector<Value> everything() {
  return {Value{"u:p"},  Value{std::int64_t{1} << 40}, number(-3), Value{true}, Value{0.5},
          Value{"text"}, number(12), Value{Array{number(1), number(2)}}, number(7), number(2)};
}

std::string answer_text(const MethodRow<TestCall>& row, const std::vector<Value>& params) {
  const auto bound = row.bind(params);
  if (!bound) return "fault " + bound.error().text;
  TestCall call{.actor = 1};
  const auto answer = (*bound)(call);
  if (!answer) return "error " + answer.error().message;
  if (const auto* id = std::get_if<std::int64_t>(&*answer)) return std::to_string(*id);
  if (const auto* text = std::get_if<EscapedText>(&*answer)) return text->text;
  return std::get<std::string>(*answer);
}

TEST(Registry, DecodesEveryFieldType) {
  EXPECT_EQ(answer_text(everything_row(), everything()),
            "1099511627776 -3 true 0.5 text 12 2 7 2 -");
  auto params = everything();
  params.push_back(Value{"more"});
  EXPECT_EQ(answer_text(everything_row(), params),
            "1099511627776 -3 true 0.5 text 12 2 7 2 more");
}

TEST(Registry, TakesNumbersWhereTheyMeanTheSame) {
  auto params = everything();
  params[3] = number(0);     // flag
  params[4] = number(2);     // ratio
  params[9] = Value{true};   // operation
  EXPECT_EQ(answer_text(everything_row(), params), "1099511627776 -3 false 2 text 12 2 7 1 -");
}

TEST(Registry, NamesTheParameterOfAWrongType) {
  const auto fault_with = [](std::size_t position, Value value) {
    auto params = everything();
    params.push_back(Value{"more"});
    params[position] = std::move(value);
    const auto bound = everything_row().bind(params);
    const auto code = bound ? FaultCode::kInternal : bound.error().code;
    EXPECT_EQ(code, FaultCode::kType);
    return bound ? std::string{"no fault"} : bound.error().text;
  };
  EXPECT_EQ(fault_with(0, number(1)),
            "Parameter that is supposed to be a string is not: "
            "parameter 0 (session) is of type int");
  EXPECT_EQ(fault_with(2, Value{"x"}),
            "Parameter that is supposed to be integer is not: "
            "parameter 2 (small) is of type string");
  EXPECT_EQ(fault_with(2, Value{true}),
            "Parameter that is supposed to be integer is not: "
            "parameter 2 (small) is of type boolean");
  EXPECT_EQ(fault_with(3, number(2)),
            "Parameter that is supposed to be boolean is not: parameter 3 (flag) is of type int");
  EXPECT_EQ(fault_with(4, Value{"1"}), "Parameter that is supposed to be floating point number is "
                                       "not: parameter 4 (ratio) is of type string");
  EXPECT_EQ(fault_with(5, number(1)),
            "Parameter that is supposed to be a string is not: parameter 5 (text) is of type int");
  EXPECT_EQ(fault_with(6, Value{}), "Parameter that is supposed to be integer is not: parameter 6 "
                                    "(vm) is of type value of another type");
  EXPECT_EQ(fault_with(7, number(1)),
            "Parameter that is supposed to be an array is not: parameter 7 (ids) is of type int");
  EXPECT_EQ(fault_with(7, Value{Array{Value{"1"}}}),
            "Parameter that is supposed to be integer is not: parameter 7 (ids) is of type string");
  EXPECT_EQ(fault_with(10, number(1)),
            "Parameter that is supposed to be a string is not: "
            "parameter 10 (extra) is of type int");
}

TEST(Registry, RefusesAnIntegerBeyondItsType) {
  auto params = everything();
  params[2] = Value{std::int64_t{1} << 40};
  EXPECT_EQ(answer_text(everything_row(), params),
            "fault Parameter 2 (small) is out of range: 1099511627776");
}

TEST(Registry, RefusesANumberThatIsNone) {
  auto params = everything();
  params[4] = Value{std::numeric_limits<double>::quiet_NaN()};
  EXPECT_TRUE(answer_text(everything_row(), params).starts_with("fault Parameter"));
}

TEST(Registry, KeepsTheDefaultsOfParametersThatWereNotSent) {
  TestCall call;
  const auto row = deploy_row();
  const auto bound = row.bind({Value{"u:p"}, number(5), number(6)});
  ASSERT_TRUE(bound) << bound.error().text;
  EXPECT_EQ(std::get<std::int64_t>(*(*bound)(call)), 5);
  EXPECT_EQ(call.notes, std::vector<std::string>{"6 false -1 none"});
}

TEST(Registry, ReadsOptionalParametersThatWereSent) {
  TestCall call;
  const auto row = deploy_row();
  const auto bound = row.bind({Value{"u:p"}, number(5), number(6), Value{true}, number(1)});
  ASSERT_TRUE(bound);
  ASSERT_TRUE((*bound)(call));
  EXPECT_EQ(call.notes, std::vector<std::string>{"6 true 1 none"});
}

TEST(Registry, RefusesTooFewParameters) {
  EXPECT_EQ(answer_text(show_row(), {Value{"u:p"}}),
            "fault Not enough parameters: 1 of 2 in one.vm.info(session, vm, [decrypt])");
  EXPECT_TRUE(answer_text(show_row(), {}).starts_with("fault Not enough parameters"));
}

TEST(Registry, IgnoresSurplusParameters) {
  EXPECT_EQ(answer_text(show_row(), {Value{"u:p"}, number(3), Value{true}, Value{}, Value{"x"}}),
            "vm 3 true");
}

TEST(Registry, ChecksRightsBeforeTheHandlerRuns) {
  const auto row = show_row();
  const auto bound = row.bind({Value{"u:p"}, number(3)});
  ASSERT_TRUE(bound);
  TestCall stranger{.actor = 0};
  const auto refused = (*bound)(stranger);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kDenied);
  EXPECT_EQ(stranger.notes, std::vector<std::string>{"checked"});
}

TEST(Registry, PassesTheErrorsOfHandlersOn) {
  const MethodRow<TestCall> row = method("test.refuse", &refuse).for_anyone();
  EXPECT_EQ(answer_text(row, {Value{"u:p"}}), "error not now");
}

TEST(Registry, OpenMethodsHaveNoSessionParameter) {
  const MethodRow<TestCall> row =
      method("test.open", &show_vm).open().args("vm", "decrypt").required(1).for_anyone();
  EXPECT_EQ(answer_text(row, {number(4)}), "vm 4 false");
}

TEST(Registry, FindsRowsByNameAndNamesTheMissing) {
  Registry<TestCall> registry;
  registry.add({show_row(), deploy_row()});
  ASSERT_TRUE(registry.find("one.vm.info"));
  EXPECT_EQ((*registry.find("one.vm.info"))->info.mode, Mode::kRead);
  EXPECT_EQ((*registry.find("one.vm.info"))->info.legacy_codes.at(0).code, 8192);
  const auto missing = registry.find("one.nosuch");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, FaultCode::kNoMethod);
  EXPECT_EQ(missing.error().text, "Method 'one.nosuch' not defined");
}

TEST(RegistryDeath, RefusesRowsThatSayNothingAboutRights) {
  Registry<TestCall> registry;
  EXPECT_DEATH(registry.add(method("test.refuse", &refuse)), "is_guarded");
}

TEST(RegistryDeath, RefusesANameTwice) {
  Registry<TestCall> registry;
  registry.add(show_row());
  EXPECT_DEATH(registry.add(show_row()), "is_new");
}

TEST(RegistryDeath, RefusesArgumentsWithoutNames) {
  Registry<TestCall> registry;
  EXPECT_DEATH(registry.add(method("one.vm.info", &show_vm).for_anyone()), "name");
}

class Introspection : public testing::Test {
 protected:
  Introspection() { registry_.add({show_row(), deploy_row()}); }

  Value answer(std::string_view method, const std::vector<Value>& params = {}) {
    EXPECT_TRUE(registry_.is_introspection(method));
    auto value = registry_.answer_introspection(method, params);
    return value ? *value : Value{"fault " + value.error().text};
  }

  Registry<TestCall> registry_;
};

TEST_F(Introspection, ListsMethodsSorted) {
  EXPECT_EQ(answer("system.listMethods"),
            (Value{Array{Value{"one.vm.deploy"}, Value{"one.vm.info"}, Value{"system.listMethods"},
                         Value{"system.methodHelp"}, Value{"system.methodSignature"},
                         Value{"system.multicall"}}}));
}

TEST_F(Introspection, GivesOneSignaturePerNumberOfParameters) {
  const Value shorter{Array{Value{"array"}, Value{"string"}, Value{"int"}}};
  const Value longer{Array{Value{"array"}, Value{"string"}, Value{"int"}, Value{"boolean"}}};
  EXPECT_EQ(answer("system.methodSignature", {Value{"one.vm.info"}}),
            (Value{Array{shorter, longer}}));
}

TEST_F(Introspection, GivesHelp) {
  EXPECT_EQ(answer("system.methodHelp", {Value{"one.vm.info"}}), Value{"Shows a VM."});
}

TEST_F(Introspection, AnswersBadQuestionsWithFaults) {
  EXPECT_EQ(answer("system.methodHelp"), Value{"fault Not enough parameters"});
  EXPECT_EQ(answer("system.methodHelp", {Value{"one.nosuch"}}),
            Value{"fault Method 'one.nosuch' not defined"});
  EXPECT_EQ(answer("system.methodSignature", {number(1)}),
            Value{"fault Parameter that is supposed to be a string is not: parameter 0 (method) is "
                  "of type int"});
  EXPECT_FALSE(registry_.is_introspection("one.vm.info"));
}

TEST_F(Introspection, PrintsTheDocumentation) {
  const auto page = registry_.markdown();
  EXPECT_NE(page.find("\n## one.vm.info\n\n`one.vm.info(session, vm, [decrypt])`\n\nShows a VM.\n\n"
                      "| parameter | type | |\n|---|---|---|\n| vm | int |  |\n"
                      "| decrypt | boolean | optional |\n\n- result: string, VM document\n"
                      "- right: USE VM\n- only reads\n"),
            std::string::npos)
      << page;
}

}  // namespace
}  // namespace neph::api
