/// Tells ASan and TSan when a thread goes on with another stack; compiles to nothing without them.
/// One object for each fiber. Every member is inlined where the stacks change, because TSan counts
/// the functions that are entered and left on a stack.
/// Source: sanitizer/common_interface_defs.h and sanitizer/tsan_interface.h of clang.
#pragma once

#include <cstddef>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define NEPH_ASAN_FIBERS 1
#include <sanitizer/common_interface_defs.h>
#elif defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define NEPH_TSAN_FIBERS 1
#include <sanitizer/tsan_interface.h>
#endif

namespace neph {

#if defined(NEPH_ASAN_FIBERS)

class FiberSanitizer {
 public:
  void begin() {}
  [[gnu::always_inline]] void before_resume(const void* stack, std::size_t bytes) {
    __sanitizer_start_switch_fiber(&fake_outside_, stack, bytes);
  }
  [[gnu::always_inline]] void after_resume() {
    __sanitizer_finish_switch_fiber(fake_outside_, nullptr, nullptr);
  }
  [[gnu::always_inline]] void entered() {
    __sanitizer_finish_switch_fiber(nullptr, &outer_bottom_, &outer_size_);
  }
  [[gnu::always_inline]] void before_yield() {
    __sanitizer_start_switch_fiber(&fake_inside_, outer_bottom_, outer_size_);
  }
  [[gnu::always_inline]] void after_yield() {
    __sanitizer_finish_switch_fiber(fake_inside_, &outer_bottom_, &outer_size_);
  }
  [[gnu::always_inline]] void before_end() {
    __sanitizer_start_switch_fiber(nullptr, outer_bottom_, outer_size_);
  }

 private:
  void* fake_inside_ = nullptr;
  void* fake_outside_ = nullptr;
  const void* outer_bottom_ = nullptr;
  std::size_t outer_size_ = 0;
};

#elif defined(NEPH_TSAN_FIBERS)

class FiberSanitizer {
 public:
  FiberSanitizer() = default;
  FiberSanitizer(const FiberSanitizer&) = delete;
  FiberSanitizer& operator=(const FiberSanitizer&) = delete;
  ~FiberSanitizer() { end(); }

  void begin() {
    end();
    inside_ = __tsan_create_fiber(0);
  }
  [[gnu::always_inline]] void before_resume(const void*, std::size_t) {
    outside_ = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(inside_, 0);
  }
  void after_resume() {}
  void entered() {}
  [[gnu::always_inline]] void before_yield() { __tsan_switch_to_fiber(outside_, 0); }
  void after_yield() {}
  [[gnu::always_inline]] void before_end() { __tsan_switch_to_fiber(outside_, 0); }

 private:
  void end() {
    if (inside_ != nullptr) __tsan_destroy_fiber(inside_);
    inside_ = nullptr;
  }

  void* inside_ = nullptr;
  void* outside_ = nullptr;
};

#else

class FiberSanitizer {
 public:
  void begin() {}
  void before_resume(const void*, std::size_t) {}
  void after_resume() {}
  void entered() {}
  void before_yield() {}
  void after_yield() {}
  void before_end() {}
};

#endif

}  // namespace neph
