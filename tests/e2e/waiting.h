#pragma once

#include <fmt/format.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

/// Waiting for what other processes do. The limit only ends a test that hangs; it never decides
/// one that goes on.
namespace neph::e2e {

constexpr std::chrono::seconds kPatience{180};
constexpr std::chrono::milliseconds kPollPause{100};

/// Throws, naming `what`, when `holds` never does.
template <class Condition>
void await(const std::string& what, Condition holds) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end)
      throw std::runtime_error(fmt::format("waited {} s for {}", kPatience.count(), what));
    std::this_thread::sleep_for(kPollPause);
  }
}

}  // namespace neph::e2e
