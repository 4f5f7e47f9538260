#pragma once

#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "drivers/datastore/driver.h"
#include "drivers/sim_world/sim_world.h"

namespace neph::datastore_driver {

/// The files of a SimWorld. All hosts and the controller see the same ones, as on a shared file
/// system. All functions may be called from any thread; the world must outlive the driver.
class SimDatastore final : public Driver {
 public:
  explicit SimDatastore(sim::SimWorld& world) : world_(world) {}

  [[nodiscard]] Result<Usage> inspect_usage(const std::string& directory) override;
  [[nodiscard]] Result<FileFacts> inspect_file(const Layer& file) override;
  [[nodiscard]] Result<FileFacts> check_untrusted(const Layer& file) override;
  [[nodiscard]] Result<void> ensure_created(const Layer& target, Bytes virtual_size) override;
  [[nodiscard]] Result<void> ensure_cloned(const Layer& source, const Layer& target,
                                           CloneMode mode, std::optional<Bytes> size,
                                           Progress& progress) override;
  [[nodiscard]] Result<void> ensure_iso(const std::string& path, const std::string& label,
                                        const std::vector<ContextFile>& files) override;
  [[nodiscard]] Result<void> ensure_pinned_at_rest(const Layer& disk,
                                                   const std::string& pin_path) override;
  [[nodiscard]] Result<CopyProof> ensure_copied(const Layer& source, const Layer& target,
                                                std::optional<Bytes> rate_max,
                                                Progress& progress) override;
  [[nodiscard]] Result<void> ensure_published(const std::string& temporary,
                                              const std::string& final_path) override;
  [[nodiscard]] Result<void> ensure_merged_at_rest(const Layer& overlay, const Layer& base,
                                                   Progress& progress) override;
  [[nodiscard]] Result<void> ensure_resized(const Layer& disk, Bytes virtual_size) override;
  [[nodiscard]] Result<void> ensure_rebased(const Layer& layer,
                                            const std::optional<Layer>& new_base,
                                            Progress& progress) override;
  [[nodiscard]] Result<void> ensure_deleted(const std::string& path) override;
  [[nodiscard]] Result<void> ensure_directory_deleted(const std::string& path) override;
  [[nodiscard]] Result<void> ensure_directory(const std::string& path) override;
  [[nodiscard]] Result<std::string> checksum(const std::string& path,
                                             Progress& progress) override;
  [[nodiscard]] Result<std::vector<FoundFile>> list_files(const std::string& directory) override;

 private:
  /// A copy under way: what it reads, and whether it was seen to be torn already.
  struct Copy {
    Layer source;
    Layer target;
    std::vector<std::string> layers;    ///< of the source, top to bottom
    std::vector<std::int64_t> blocks;   ///< allocated ones, in order
    std::uint64_t generation = 0;       ///< of all layers together, at the start
    bool is_torn = false;
  };

  /// One verb: the paths are looked at, faults come first, then `body(struck)`.
  template <class T, class Body>
  Result<T> perform(const sim::Scene& scene, Body&& body) {
    CHECK_OK(check_path(scene.path));
    if (!scene.source_path.empty()) CHECK_OK(check_path(scene.source_path));
    const sim::Struck struck = TRY(world_.begin(scene));
    if constexpr (std::is_void_v<T>) {
      if (struck.find(sim::FaultKind::kPretends)) return {};
    }
    Result<T> answer = body(struck);
    world_.end(scene);
    const sim::Fault* lost = struck.find(sim::FaultKind::kLostAnswer);
    if (lost != nullptr && answer) return tl::unexpected(lost->error);
    return answer;
  }
  static Result<void> check_path(const std::string& path);
  Result<void> clone_overlay(const Layer& source, const Layer& target,
                             std::optional<Bytes> size);

  /// Copies into `target`, which is unfinished until the end and gone after a failure.
  Result<CopyProof> copy(const sim::Struck& struck, const Layer& source, const Layer& target,
                         std::optional<Bytes> rate_max, Progress& progress);
  Result<Copy> begin_copy(const Layer& source, const Layer& target);
  Result<void> copy_blocks(Copy& copy, Bytes from, Bytes to);
  Result<CopyProof> end_copy(const Copy& copy, const Result<void>& moved);
  /// Nothing where blocks cannot be shared: the caller copies then.
  Result<std::optional<CopyProof>> share(const Layer& source, const Layer& target,
                                         Progress& progress);

  sim::SimWorld& world_;
};

/// The file of a layer. kNotFound, or kInvalid when its format is not the stated one.
[[nodiscard]] Result<sim::File*> find_layer(sim::State& state, const Layer& layer);

}  // namespace neph::datastore_driver
