#include <cstddef>
#include <cstdint>

#include "tests/fuzz/targets.h"

/// The way in for libFuzzer. NEPH_FUZZ_CHECK is the function of the target; a Finding that leaves
/// it ends the program, which is what libFuzzer reports.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  neph::fuzz::NEPH_FUZZ_CHECK({reinterpret_cast<const char*>(data), size});
  return 0;
}
