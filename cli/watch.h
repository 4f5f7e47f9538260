#pragma once

#include <cstdint>
#include <functional>

#include "cli/progress_text.h"
#include "cli/rpc_client.h"

/// How far operations are, read from the documents of the objects they work on.
namespace neph::cli {

/// Where a VM shall arrive.
enum class VmGoal {
  kRunning,
  kPoweroff,
  kSuspended,
  kStopped,
  kUndeployed,
  kDone,
  kHeld,
  kReleased,
};

/// One look at an operation. Keeps what it saw before, so use one per wait.
using Look = std::function<Result<Report>()>;

/// Failed when the VM fails, when it is DONE though that is not the goal, or when it comes back
/// to RUNNING after having left it (a guest that ignores the power button).
/// `rpc` must outlive the result, as in the others.
[[nodiscard]] Look look_at_vm(RpcClient& rpc, std::int64_t vm, VmGoal goal);
[[nodiscard]] Look look_at_snapshot(RpcClient& rpc, std::int64_t snapshot);
/// Done when the image is READY (or in use already).
[[nodiscard]] Look look_at_image(RpcClient& rpc, std::int64_t image);
[[nodiscard]] Look look_at_job(RpcClient& rpc, std::int64_t job);

/// What a snapshot's, an image's and a job's document say.
[[nodiscard]] Report snapshot_report(const Element& snapshot);
[[nodiscard]] Report image_report(const Element& image);
[[nodiscard]] Report job_report(const Element& job);

}  // namespace neph::cli
