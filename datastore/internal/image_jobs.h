#pragma once

#include <string>
#include <string_view>

#include "datastore/image.h"
#include "drivers/catalogue.h"
#include "jobs/job.h"

/// The jobs of images. The drivers outlive the runner that the kinds are given to.
namespace neph::datastore {

/// Where the bytes of a new image come from. Reaches job arguments: append-only.
enum class MakeFrom {
  kNothing = 0,  ///< an empty disk of the image's size
  kFile = 1,     ///< a file of a user's, in a safe directory: nothing in it is believed
  kPlace = 2,    ///< the image's source itself, taken over where it is
  kImage = 3,    ///< another image's file, which stays still as long as `cloning` names it
};
struct MakeOrder {
  MakeFrom from = MakeFrom::kNothing;
  std::string path;
  datastore_driver::Format format = datastore_driver::Format::kQcow2;
};

/// The argument of image.clone that names the image it copies.
inline constexpr std::string_view kSourceImage = "SOURCE_IMAGE";
/// What a job's arguments say.
[[nodiscard]] MakeOrder order_of(const jobs::Job& job);

/// Queues "image.create" or "image.clone" for an image that is LOCKED, and notes the job in it.
void start_making(db::Txn& txn, Image image, const MakeOrder& order, UserId owner);
/// Queues "image.delete" and notes the job in the image, whose state becomes DELETE.
void start_deleting(db::Txn& txn, Image image);

/// Queues "image.hash" or "image.verify".
JobId start_reading(db::Txn& txn, const std::string& kind, const Image& image, UserId owner);
/// The runner could not run a job of these kinds: the image is in ERROR then.
void abandon(db::Txn& txn, const jobs::Job& job, const Error& error);

[[nodiscard]] jobs::KindSpec make_kind(const std::string& name, const DriverCatalogue& drivers);
[[nodiscard]] jobs::KindSpec delete_kind(const DriverCatalogue& drivers);
[[nodiscard]] jobs::KindSpec snapshot_kind(const DriverCatalogue& drivers);
[[nodiscard]] jobs::KindSpec hash_kind(const DriverCatalogue& drivers);
[[nodiscard]] jobs::KindSpec verify_kind(const DriverCatalogue& drivers);

/// An image, its datastore and the driver for it, as a step needs them.
struct Bench {
  Image image;
  Datastore datastore;
  datastore_driver::Driver* driver = nullptr;
};
[[nodiscard]] Result<Bench> find_bench(db::Txn& txn, const DriverCatalogue& drivers,
                                       const jobs::Job& job);

/// Woken when something was removed from a datastore. Other files go without a word, so who waits
/// for space looks again now and then all the same.
[[nodiscard]] std::string space_key(DatastoreId id);

/// Whether it may help to try a step again that has failed `job.attempt` times: it was somebody
/// else's bad moment, and there were not too many.
[[nodiscard]] bool is_worth_retrying(const jobs::Job& job, const Error& error);
/// The same step again, after a pause that grows.
[[nodiscard]] jobs::Next retry(const jobs::Job& job, const Error& error);

}  // namespace neph::datastore
