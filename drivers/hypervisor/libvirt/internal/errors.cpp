#include "drivers/hypervisor/libvirt/internal/errors.h"

#include <libvirt/virterror.h>

#include <cerrno>
#include <cstdlib>

namespace neph::hypervisor_driver::virt {

namespace {

Errc code_of_system_error(const virError& error) {
  switch (error.int1) {
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
      return Errc::kExhausted;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ETIMEDOUT:
      return Errc::kUnavailable;
    default:
      return Errc::kInvalid;
  }
}

/// Trouble of the connection itself is told apart by where it arose, not by its number: a broken
/// keepalive is an "internal error" of the RPC layer.
bool is_of_the_connection(const virError& error) {
  if (error.domain == VIR_FROM_RPC) return true;
  return error.code == VIR_ERR_NO_CONNECT || error.code == VIR_ERR_INVALID_CONN ||
         error.code == VIR_ERR_RPC;
}

Errc code_of(const virError& error) {
  if (is_of_the_connection(error)) return Errc::kUnavailable;
  switch (error.code) {
    case VIR_ERR_NO_DOMAIN:
      return Errc::kNotFound;
    case VIR_ERR_OPERATION_INVALID:
      return Errc::kWrongState;
    case VIR_ERR_OPERATION_TIMEOUT:
    case VIR_ERR_AGENT_UNRESPONSIVE:
      return Errc::kStalled;
    case VIR_ERR_OPERATION_ABORTED:
    case VIR_ERR_DOM_EXIST:
      return Errc::kConflict;
    case VIR_ERR_RESOURCE_BUSY:
      return Errc::kUnavailable;
    case VIR_ERR_NO_MEMORY:
      return Errc::kExhausted;
    case VIR_ERR_AUTH_FAILED:
    case VIR_ERR_AUTH_CANCELLED:
    case VIR_ERR_AUTH_UNAVAILABLE:
    case VIR_ERR_ACCESS_DENIED:
    case VIR_ERR_OPERATION_DENIED:
      return Errc::kDenied;
    case VIR_ERR_SYSTEM_ERROR:
      return code_of_system_error(error);
    default:
      return Errc::kInvalid;
  }
}

void swallow(void*, virErrorPtr) {}

}  // namespace

Refusal::Refusal() {
  const virError* error = virGetLastError();
  if (error == nullptr || error->code == VIR_ERR_OK) return;
  code_ = code_of(*error);
  if (error->message != nullptr) words_ = error->message;
}

int last_code() { return virGetLastErrorCode(); }

bool is_unsupported() {
  const int code = last_code();
  return code == VIR_ERR_NO_SUPPORT || code == VIR_ERR_INVALID_ARG ||
         code == VIR_ERR_ARGUMENT_UNSUPPORTED;
}

std::string name_of(virDomainPtr domain) {
  const char* name = virDomainGetName(domain);
  return name != nullptr ? name : "";
}

void silence_libvirt() {
  // The embedded driver warns on stderr that every guest is "tainted" because QEMU runs as root.
  // 4 is "errors only"; what somebody set to look into libvirt stays.
  ::setenv("LIBVIRT_DEBUG", "4", 0);
  virSetErrorFunc(nullptr, &swallow);
}

}  // namespace neph::hypervisor_driver::virt
