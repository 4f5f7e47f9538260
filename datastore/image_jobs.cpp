#include "datastore/internal/image_jobs.h"

#include <algorithm>

#include "access/quota.h"
#include "base/log.h"
#include "datastore/image_service.h"
#include "datastore/internal/rules.h"
#include "jobs/backoff.h"
#include "jobs/queue.h"

/// image.create and image.clone: check, copy and publish (or make, or adopt), and undo for those
/// that failed or that nobody wants any more.
namespace neph::datastore {

namespace {

using datastore_driver::CopyProof;
using datastore_driver::Driver;
using datastore_driver::FileFacts;
using datastore_driver::Format;
using datastore_driver::Layer;
using jobs::Job;
using jobs::Next;
using jobs::Work;

constexpr int kAttemptsMax = 6;
constexpr Duration kFirstPause{5'000};
constexpr Duration kLongestPause{300'000};
constexpr Duration kSpacePause{30'000};
constexpr Duration kStall{60'000};
/// One fsync of all that was copied tells nothing on its way.
constexpr Duration kPublishStall{300'000};

/// Carries the id of the job, so that a sweeper can prove whose it is.
std::string part_path(const Image& image, const Job& job) {
  return fmt::format("{}.part-{}", image.source, job.id);
}

Next give_up(db::Txn& txn, const Job& job, const Error& error) {
  if (auto image = find_image(txn, job.image)) {
    image->attributes.set("ERROR", error.text());
    save_image(txn, *image);
  }
  return jobs::go("undo");
}

/// What follows a step that failed.
Next after_failure(db::Txn& txn, const Job& job, const Error& error) {
  if (job.is_cancel_asked) return jobs::go("undo");
  if (error.code == Errc::kExhausted)
    return jobs::wait_for(space_key(job.datastore), kSpacePause,
                          fmt::format("waiting for space: {}", error.message));
  if (is_worth_retrying(job, error)) return retry(job, error);
  return give_up(txn, job, error);
}

/// The size that the content really has, within the owner's quota.
Result<void> settle_size(db::Txn& txn, Image& image, Bytes size) {
  const std::int64_t found = to_mb(size);
  const std::int64_t more = found - image.size_mb;
  if (more > 0) {
    CHECK_OK(access::check_quota(txn, image.owner, image.group,
                                 {{"DATASTORE", fmt::format("{}", image.datastore), "SIZE",
                                   static_cast<double>(more)}}));
  }
  image.size_mb = found;
  return {};
}

enum class Hashing { kWanted, kUseless };

Next settle_ready(db::Txn& txn, const Job& job, Image& image, Hashing hashing) {
  image.state = ImageState::kReady;
  image.cloning = {};
  image.job = {};
  save_image(txn, image);
  if (hashing == Hashing::kWanted && image.sha256.empty()) enqueue_hash(txn, image);
  log::info("image.ready", {{"image", image.id}, {"job", job.id}, {"size_mb", image.size_mb}});
  return jobs::done(fmt::format("{} MB", image.size_mb));
}

Next settle_made(db::Txn& txn, const Job& job, const Result<Bytes>& size, Hashing hashing) {
  if (!size) return after_failure(txn, job, size.error());
  auto image = find_image(txn, job.image);
  if (!image || job.is_cancel_asked) return jobs::go("undo");
  if (const auto sized = settle_size(txn, *image, *size); !sized)
    return give_up(txn, job, sized.error());
  return settle_ready(txn, job, *image, hashing);
}

/// Steps cannot fail while they are planned: somebody must say so in the image.
Work settled_with(Error error) {
  return {nullptr, [error = std::move(error)](db::Txn& txn, const Job& job, Result<void>) {
            return give_up(txn, job, error);
          }};
}

/// Looks at a stranger's file before any tool opens it.
Result<Work> plan_check(db::Txn& txn, const DriverCatalogue& drivers, const Job& job) {
  if (job.is_cancel_asked) return jobs::at_once(jobs::go("undo"));
  auto bench = find_bench(txn, drivers, job);
  if (!bench) return settled_with(bench.error());
  const MakeOrder order = order_of(job);
  const Layer source{order.path, order.format};
  return jobs::work<FileFacts>(
      [driver = bench->driver, source](Progress&) { return driver->check_untrusted(source); },
      [](db::Txn& txn, const Job& job, Result<FileFacts> facts) -> Next {
        if (!facts) return after_failure(txn, job, facts.error());
        auto image = find_image(txn, job.image);
        if (!image || job.is_cancel_asked) return jobs::go("undo");
        if (const auto sized = settle_size(txn, *image, facts->virtual_size); !sized)
          return give_up(txn, job, sized.error());
        save_image(txn, *image);
        return jobs::go("copy");
      });
}

/// A copy and everything it needs to be told.
struct Copying {
  Driver* driver = nullptr;
  Layer source;
  bool is_untrusted = false;
  std::string directory;
  Layer part;
};

/// Waits rather than fills the file system: guests write to it, too.
Result<void> check_space(const Copying& copy) {
  const FileFacts facts = TRY(copy.driver->inspect_file(copy.source));
  const auto usage = TRY(copy.driver->inspect_usage(copy.directory));
  if (facts.stored_size <= usage.free) return {};
  return fail(Errc::kExhausted, "needs {} MB, {} MB free", facts.stored_size.megabytes_up(),
              usage.free.value / Bytes::megabytes(1).value);
}

Result<CopyProof> copy_into_part(const Copying& copy, Progress& progress) {
  CHECK_OK(copy.driver->ensure_directory(copy.directory));
  // It may have been replaced since the first look.
  if (copy.is_untrusted) TRY(copy.driver->check_untrusted(copy.source));
  CHECK_OK(check_space(copy));
  return copy.driver->ensure_copied(copy.source, copy.part, std::nullopt, progress);
}

Next settle_copied(db::Txn& txn, const Job& job, const Result<CopyProof>& proof) {
  if (!proof) return after_failure(txn, job, proof.error());
  auto image = find_image(txn, job.image);
  if (!image || job.is_cancel_asked) return jobs::go("undo");
  if (const auto sized = settle_size(txn, *image, proof->virtual_size); !sized)
    return give_up(txn, job, sized.error());
  image->sha256 = proof->sha256;
  save_image(txn, *image);
  return jobs::go("publish");
}

Result<Work> plan_copy(db::Txn& txn, const DriverCatalogue& drivers, const Job& job) {
  if (job.is_cancel_asked) return jobs::at_once(jobs::go("undo"));
  const auto bench = find_bench(txn, drivers, job);
  if (!bench) return settled_with(bench.error());
  const MakeOrder order = order_of(job);
  const Copying copy{.driver = bench->driver,
                     .source = {order.path, order.format},
                     .is_untrusted = order.from == MakeFrom::kFile,
                     .directory = bench->datastore.base_path,
                     .part = {part_path(bench->image, job), bench->image.format}};
  return jobs::work<CopyProof>(
      [copy](Progress& progress) { return copy_into_part(copy, progress); },
      [](db::Txn& txn, const Job& job, Result<CopyProof> proof) {
        return settle_copied(txn, job, proof);
      });
}

/// The whole file gets its name; from then on the image is READY.
Result<Work> plan_publish(db::Txn& txn, const DriverCatalogue& drivers, const Job& job) {
  if (job.is_cancel_asked) return jobs::at_once(jobs::go("undo"));
  const auto bench = find_bench(txn, drivers, job);
  if (!bench) return settled_with(bench.error());
  return Work{[driver = bench->driver, part = part_path(bench->image, job),
               target = bench->image.source](Progress&) {
                return driver->ensure_published(part, target);
              },
              [](db::Txn& txn, const Job& job, Result<void> published) -> Next {
                if (!published) return after_failure(txn, job, published.error());
                auto image = find_image(txn, job.image);
                if (!image || job.is_cancel_asked) return jobs::go("undo");
                return settle_ready(txn, job, *image, Hashing::kWanted);
              }};
}

/// An empty disk. It is not hashed: the first guest that uses it changes it.
Result<Work> plan_make(db::Txn& txn, const DriverCatalogue& drivers, const Job& job) {
  if (job.is_cancel_asked) return jobs::at_once(jobs::go("undo"));
  const auto bench = find_bench(txn, drivers, job);
  if (!bench) return settled_with(bench.error());
  const Layer target{bench->image.source, bench->image.format};
  const Bytes size = Bytes::megabytes(bench->image.size_mb);
  return jobs::work<Bytes>(
      [driver = bench->driver, target, size,
       directory = bench->datastore.base_path](Progress&) -> Result<Bytes> {
        CHECK_OK(driver->ensure_directory(directory));
        CHECK_OK(driver->ensure_created(target, size));
        return size;
      },
      [](db::Txn& txn, const Job& job, Result<Bytes> made) {
        return settle_made(txn, job, made, Hashing::kUseless);
      });
}

Result<Work> plan_adopt(db::Txn& txn, const DriverCatalogue& drivers, const Job& job) {
  if (job.is_cancel_asked) return jobs::at_once(jobs::go("undo"));
  const auto bench = find_bench(txn, drivers, job);
  if (!bench) return settled_with(bench.error());
  const Layer source{bench->image.source, bench->image.format};
  return jobs::work<Bytes>(
      [driver = bench->driver, source](Progress&) -> Result<Bytes> {
        return TRY(driver->check_untrusted(source)).virtual_size;
      },
      [](db::Txn& txn, const Job& job, Result<Bytes> size) {
        return settle_made(txn, job, size, Hashing::kWanted);
      });
}

Next settle_undone(db::Txn& txn, const Job& job, const Result<void>& removed) {
  if (!removed && is_worth_retrying(job, removed.error())) return retry(job, removed.error());
  auto image = find_image(txn, job.image);
  if (!image) return jobs::cancelled();
  if (job.is_cancel_asked && removed) {
    delete_image_row(txn, job.image);
    return jobs::cancelled();
  }
  std::string why = image->attributes.get("ERROR", "it was cancelled");
  if (!removed) why += fmt::format("; what it left could not be removed: {}",
                                   removed.error().text());
  // Without a source it can never be enabled: there are no bytes behind it.
  if (removed) image->source.clear();
  image->state = ImageState::kError;
  image->cloning = {};
  image->job = {};
  image->attributes.set("ERROR", why);
  save_image(txn, *image);
  log::warn("image.failed", {{"image", image->id}, {"job", job.id}, {"error", why}});
  return jobs::failed({Errc::kInternal, why, {}});
}

Result<Work> plan_undo(db::Txn& txn, const DriverCatalogue& drivers, const Job& job) {
  const auto settle = [](db::Txn& txn, const Job& job, const Result<void>& removed) {
    return settle_undone(txn, job, removed);
  };
  const auto bench = find_bench(txn, drivers, job);
  if (!bench) return Work{nullptr, settle};
  std::vector<std::string> paths{part_path(bench->image, job)};
  // What was taken over stays: it was there before us.
  if (order_of(job).from != MakeFrom::kPlace) paths.push_back(bench->image.source);
  return Work{[driver = bench->driver, paths](Progress&) -> Result<void> {
                for (const auto& path : paths) CHECK_OK(driver->ensure_deleted(path));
                return {};
              },
              settle};
}

std::string first_step(MakeFrom from) {
  switch (from) {
    case MakeFrom::kNothing: return "make";
    case MakeFrom::kFile: return "check";
    case MakeFrom::kPlace: return "adopt";
    case MakeFrom::kImage: return "copy";
  }
  return "undo";
}

}  // namespace

MakeOrder order_of(const Job& job) {
  MakeOrder order;
  order.from = static_cast<MakeFrom>(std::atoi(job.args.get("FROM", "0").c_str()));
  order.path = job.args.get("PATH");
  order.format = job.args.get("FORMAT") == name_of(Format::kRaw) ? Format::kRaw : Format::kQcow2;
  return order;
}

void abandon(db::Txn& txn, const Job& job, const Error& error) {
  auto image = find_image(txn, job.image);
  if (!image || image->job != job.id) return;
  image->state = ImageState::kError;
  image->cloning = {};
  image->job = {};
  image->attributes.set("ERROR", error.text());
  save_image(txn, *image);
}

std::string space_key(DatastoreId id) { return fmt::format("datastore/space/{}", id); }

bool is_worth_retrying(const Job& job, const Error& error) {
  const bool is_passing = error.code == Errc::kUnavailable || error.code == Errc::kStalled;
  return is_passing && job.attempt < kAttemptsMax;
}

Next retry(const Job& job, const Error& error) {
  return jobs::again(jobs::pause_after(job.attempt, kFirstPause, kLongestPause), error.text());
}

Result<Bench> find_bench(db::Txn& txn, const DriverCatalogue& drivers, const Job& job) {
  Bench bench;
  bench.image = TRY(find_image(txn, job.image));
  bench.datastore = TRY(find_datastore(txn, bench.image.datastore));
  bench.driver = TRY(drivers.datastore(bench.datastore.tm_mad));
  return bench;
}

void start_making(db::Txn& txn, Image image, const MakeOrder& order, UserId owner) {
  text::Template args;
  args.set("FROM", fmt::format("{}", static_cast<int>(order.from)));
  args.set("PATH", order.path);
  args.set("FORMAT", std::string{name_of(order.format)});
  if (image.cloning.is_set()) args.set(kSourceImage, fmt::format("{}", image.cloning));
  image.job = jobs::enqueue(
      txn, {.kind = order.from == MakeFrom::kImage ? "image.clone" : "image.create",
            .step = first_step(order.from),
            .args = args,
            .owner = owner,
            .datastore = image.datastore,
            .image = image.id});
  save_image(txn, image);
}

jobs::KindSpec make_kind(const std::string& name, const DriverCatalogue& drivers) {
  const auto step = [&drivers](std::string word, jobs::Slot slot, auto plan,
                               Duration stall = kStall) {
    return jobs::StepSpec{.name = std::move(word), .slot = slot, .stall = stall,
                          .plan = [&drivers, plan](db::Txn& txn, const Job& job) {
                            return plan(txn, drivers, job);
                          }};
  };
  return {name,
          {step("check", jobs::Slot::kNone, &plan_check),
           step("copy", jobs::Slot::kCopy, &plan_copy),
           step("publish", jobs::Slot::kNone, &plan_publish, kPublishStall),
           step("make", jobs::Slot::kNone, &plan_make),
           step("adopt", jobs::Slot::kNone, &plan_adopt),
           step("undo", jobs::Slot::kNone, &plan_undo)}};
}

}  // namespace neph::datastore
