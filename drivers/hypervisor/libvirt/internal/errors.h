#pragma once

#include <string>
#include <utility>

#include "base/result.h"
#include "drivers/hypervisor/libvirt/internal/handles.h"

/// libvirt's thread-local error as ours. Use these right after the call that failed, on the same
/// thread.
namespace neph::hypervisor_driver::virt {

/// What libvirt refused, caught before anything else is asked of it: nearly every call of libvirt
/// forgets the last error, even one for a domain's name. Arguments of of() and error() are
/// evaluated after the error was caught:
///   return Refusal().of("Domain {} does not start.", name_of(domain));
class Refusal {
 public:
  Refusal();

  /// Code by what a caller can do about it, libvirt's words in `cause`.
  template <class... Args>
  [[nodiscard]] Error error(fmt::format_string<Args...> text, Args&&... args) const {
    return {code_, fmt::format(text, std::forward<Args>(args)...), words_};
  }
  template <class... Args>
  [[nodiscard]] tl::unexpected<Error> of(fmt::format_string<Args...> text, Args&&... args) const {
    return tl::unexpected(error(text, std::forward<Args>(args)...));
  }
  [[nodiscard]] Errc code() const { return code_; }

 private:
  Errc code_ = Errc::kInternal;
  std::string words_ = "libvirt gave no reason";
};

/// Raw code (virErrorNumber) of the last failure on this thread; 0 when nothing failed.
[[nodiscard]] int last_code();

/// This host or driver does not know the call or one of its flags: try without.
[[nodiscard]] bool is_unsupported();

/// Name of a domain for a message.
[[nodiscard]] std::string name_of(virDomainPtr domain);

/// libvirt prints every error to stderr unless told otherwise; ours travel in Results. Call it
/// before the first use of libvirt.
void silence_libvirt();

}  // namespace neph::hypervisor_driver::virt
