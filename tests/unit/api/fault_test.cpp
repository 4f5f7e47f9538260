#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "api/dispatcher.h"

namespace neph::api {
namespace {

MethodInfo named(std::string name) {
  MethodInfo info;
  info.name = std::move(name);
  return info;
}

TEST(WireErrors, CarryTheCodesOfOpenNebula) {
  const std::vector<std::pair<Errc, int>> codes = {
      {Errc::kUnauthenticated, 256}, {Errc::kDenied, 512},     {Errc::kNotFound, 1024},
      {Errc::kWrongState, 2048},     {Errc::kExhausted, 2048}, {Errc::kUnavailable, 2048},
      {Errc::kStalled, 2048},        {Errc::kInvalid, 8192},   {Errc::kConflict, 8192},
      {Errc::kInternal, 8192}};
  for (const auto& [kind, code] : codes) {
    EXPECT_EQ(wire_error(named("one.vm.action"), Error{kind, "x", {}}).code, code)
        << name_of(kind);
  }
}

TEST(WireErrors, DifferForTheVerbsThatDifferInOpenNebula) {
  const std::vector<std::tuple<std::string, Errc, int>> codes = {
      {"one.image.allocate", Errc::kConflict, 16384},
      {"one.image.clone", Errc::kConflict, 16384},
      {"one.template.instantiate", Errc::kConflict, 16384},
      {"one.image.allocate", Errc::kInvalid, 8192},
      {"one.vm.rename", Errc::kConflict, 2048},
      {"one.vm.rename", Errc::kInvalid, 2048},
      {"one.vmpool.info", Errc::kInvalid, 4096},
      {"one.vmpool.infoextended", Errc::kInvalid, 4096}};
  for (const auto& [method, kind, code] : codes) {
    EXPECT_EQ(wire_error(named(method), Error{kind, "x", {}}).code, code) << method;
  }
}

TEST(WireErrors, UseTheCodeThatTheRowGives) {
  auto info = named("one.user.allocate");
  info.legacy_codes = {{Errc::kConflict, 8192}};
  const auto error = wire_error(info, {Errc::kConflict, "NAME is already taken by USER 2.", {}});
  EXPECT_EQ(error.code, 8192);
  EXPECT_EQ(error.text, "[one.user.allocate] NAME is already taken by USER 2.");
}

TEST(WireErrors, NameTheObjectThatWasNotFound) {
  const auto missing = [](std::string text) {
    return wire_error(named("one.vm.info"), {Errc::kNotFound, std::move(text), {}});
  };
  const auto error = missing("Error getting virtual machine [9999].");
  EXPECT_EQ(error.text, "[one.vm.info] Error getting virtual machine [9999].");
  EXPECT_EQ(error.object, 9999);
  EXPECT_EQ(missing("Error getting host Pool.").object, -1);
  EXPECT_EQ(missing("There is no image [a].").object, -1);
  EXPECT_EQ(missing("").object, -1);
  EXPECT_EQ(missing("]").object, -1);
  EXPECT_EQ(missing("[99999999999999999999]").object, -1);
}

TEST(WireErrors, BlameNoObjectForOtherErrors) {
  const Error error{Errc::kWrongState, "VM has a snapshot [7].", {}};
  EXPECT_EQ(wire_error(named("one.vm.action"), error).object, -1);
}

TEST(WireErrors, SayWhatCouldNotBeAllocated) {
  const Error taken{Errc::kConflict, "NAME is already taken by IMAGE 2.", {}};
  EXPECT_EQ(wire_error(named("one.image.allocate"), taken).text,
            "[one.image.allocate] Error allocating a new image. NAME is already taken by IMAGE 2.");
  EXPECT_EQ(wire_error(named("one.template.instantiate"), taken).text,
            "[one.template.instantiate] Error allocating a new virtual machine. NAME is already "
            "taken by IMAGE 2.");
  const Error said{Errc::kConflict, "Error allocating a new host. No.", {}};
  EXPECT_EQ(wire_error(named("one.host.allocate"), said).text,
            "[one.host.allocate] Error allocating a new host. No.");
}

TEST(WireErrors, TellAStrangerNothing) {
  const Error error{Errc::kUnauthenticated, "user alice is disabled", "token expired"};
  EXPECT_EQ(wire_error(named("one.vm.info"), error).text,
            "[one.vm.info] User couldn't be authenticated, aborting call.");
}

TEST(WireErrors, NameTheCallerWhoMayNot) {
  access::Actor alice;
  alice.user = UserId{2};
  const auto info = named("one.vm.action");
  const Error with_stop{Errc::kDenied, "Not authorized to perform MANAGE VM [2].", {}};
  const Error without{Errc::kDenied, "Not authorized to perform MANAGE VM [2]", {}};
  const std::string expected =
      "[one.vm.action] User [2] : Not authorized to perform MANAGE VM [2].";
  EXPECT_EQ(wire_error(info, alice, with_stop).text, expected);
  EXPECT_EQ(wire_error(info, alice, without).text, expected);
  EXPECT_EQ(wire_error(info, alice, {Errc::kWrongState, "No", {}}).text, "[one.vm.action] No");
}

TEST(WireErrors, KeepTheWordsOfTheTool) {
  const Error error{Errc::kUnavailable, "Host 3 does not answer", "connection refused"};
  EXPECT_EQ(wire_error(named("one.vm.deploy"), error).text,
            "[one.vm.deploy] Host 3 does not answer (connection refused)");
}

}  // namespace
}  // namespace neph::api
