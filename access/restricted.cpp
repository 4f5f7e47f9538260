#include "access/internal/restricted.h"

#include <array>

namespace neph::access::internal {
namespace {

constexpr std::array<std::string_view, 3> kRestricted = {
    "VM_USE_OPERATIONS", "VM_MANAGE_OPERATIONS", "VM_ADMIN_OPERATIONS"};

}  // namespace

text::Template replaced(const text::Template& old, const text::Template& change) {
  text::Template fresh = change;
  for (const std::string_view name : kRestricted) {
    const std::string* kept = old.find(name);
    if (kept != nullptr && !fresh.has(name)) fresh.set(name, *kept);
  }
  return fresh;
}

text::Template merged(const text::Template& old, const text::Template& change) {
  text::Template fresh = old;
  fresh.merge(change);
  return fresh;
}

Result<void> check_restricted(const Actor& actor, const text::Template& old,
                              const text::Template& fresh) {
  if (actor.is_admin()) return {};
  for (const std::string_view name : kRestricted) {
    const bool is_vector = !fresh.vectors(name).empty();
    if (is_vector || fresh.get(name) != old.get(name) || fresh.has(name) != old.has(name))
      return fail(Errc::kDenied, "Tried to change restricted attribute: {}", name);
  }
  return {};
}

}  // namespace neph::access::internal
