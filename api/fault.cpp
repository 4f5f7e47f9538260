#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "api/dispatcher.h"
#include "api/internal/object_name.h"

namespace neph::api {
namespace {

constexpr int kAuthentication = 256;
constexpr int kAuthorization = 512;
constexpr int kNoExists = 1024;
constexpr int kAction = 2048;
constexpr int kRpcApi = 4096;
constexpr int kInternal = 8192;
constexpr int kAllocate = 16384;

/// Where methods differ from the usual code of a kind of error. A name that is taken is an error of
/// allocation (16384) for few of those that make something: so answers OpenNebula 7.4.
struct VerbCode {
  std::string_view ending;
  Errc kind;
  int code;
};
constexpr auto kVerbCodes = std::to_array<VerbCode>({
    {"cluster.allocate", Errc::kConflict, kAllocate},
    {"host.allocate", Errc::kConflict, kAllocate},
    {"image.allocate", Errc::kConflict, kAllocate},
    {"image.clone", Errc::kConflict, kAllocate},
    {".instantiate", Errc::kConflict, kAllocate},
    {".rename", Errc::kInvalid, kAction},
    {".rename", Errc::kConflict, kAction},
    {"pool.info", Errc::kInvalid, kRpcApi},
    {"pool.infoextended", Errc::kInvalid, kRpcApi},
});

int usual_code(Errc kind) {
  switch (kind) {
    case Errc::kUnauthenticated: return kAuthentication;
    case Errc::kDenied: return kAuthorization;
    case Errc::kNotFound: return kNoExists;
    case Errc::kWrongState:
    case Errc::kExhausted:
    case Errc::kUnavailable:
    case Errc::kStalled: return kAction;
    case Errc::kInvalid:
    case Errc::kConflict:
    case Errc::kInternal: return kInternal;
  }
  return kInternal;
}

int code_of(const MethodInfo& info, Errc kind) {
  for (const auto& own : info.legacy_codes) {
    if (own.kind == kind) return own.code;
  }
  for (const auto& verb : kVerbCodes) {
    if (verb.kind == kind && info.name.ends_with(verb.ending)) return verb.code;
  }
  return usual_code(kind);
}

struct Made {
  std::string_view method;  ///< or the beginning of its name
  ObjectKind kind;
};
/// What a method makes, for the words of a failed allocation. The first that fits counts.
constexpr auto kMade = std::to_array<Made>({
    {"one.template.instantiate", ObjectKind::kVm},
    {"one.vm.disksaveas", ObjectKind::kImage},
    {"one.vm.savedisk", ObjectKind::kImage},
    {"one.vm.", ObjectKind::kVm},
    {"one.template.", ObjectKind::kTemplate},
    {"one.image.", ObjectKind::kImage},
    {"one.datastore.", ObjectKind::kDatastore},
    {"one.host.", ObjectKind::kHost},
    {"one.cluster.", ObjectKind::kCluster},
    {"one.vn.", ObjectKind::kNetwork},
    {"one.vntemplate.instantiate", ObjectKind::kNetwork},
    {"one.vntemplate.", ObjectKind::kNetworkTemplate},
    {"one.secgroup.", ObjectKind::kSecurityGroup},
    {"one.user.", ObjectKind::kUser},
    {"one.group.", ObjectKind::kGroup},
    {"one.acl.", ObjectKind::kAcl},
    {"neph.snapshot.", ObjectKind::kImage},
});

std::string_view name_of_made(const MethodInfo& info) {
  const auto* found = std::find_if(kMade.begin(), kMade.end(), [&](const Made& made) {
    return info.name.starts_with(made.method);
  });
  return found == kMade.end() ? std::string_view{"object"} : object_name(found->kind);
}

/// The number in "Error getting image [7].": what was not found is what the error is about.
std::int64_t id_at_end(std::string_view message) {
  if (message.ends_with('.')) message.remove_suffix(1);
  const auto bracket = message.rfind('[');
  if (!message.ends_with(']') || bracket == std::string_view::npos) return -1;
  std::int64_t id = -1;
  const auto [end, problem] =
      std::from_chars(message.data() + bracket + 1, message.data() + message.size(), id);
  return problem == std::errc{} && *end == ']' ? id : -1;
}

std::string words(const MethodInfo& info, const Error& error, int code) {
  // The same whatever went wrong, so that a stranger learns nothing.
  if (error.code == Errc::kUnauthenticated) return "User couldn't be authenticated, aborting call.";
  if (code == kAllocate && !error.message.starts_with("Error allocating")) {
    return fmt::format("Error allocating a new {}. {}", name_of_made(info), error.text());
  }
  return error.text();
}

}  // namespace

WireError wire_error(const MethodInfo& info, const Error& error) {
  const int code = code_of(info, error.code);
  return {code, fmt::format("[{}] {}", info.name, words(info, error, code)),
          error.code == Errc::kNotFound ? id_at_end(error.message) : -1};
}

WireError wire_error(const MethodInfo& info, const access::Actor& actor, const Error& error) {
  if (error.code != Errc::kDenied) return wire_error(info, error);
  Error named = error;
  named.message = fmt::format("User [{}] : {}", actor.user, error.message);
  if (!named.message.ends_with('.')) named.message += '.';
  return wire_error(info, named);
}

}  // namespace neph::api
