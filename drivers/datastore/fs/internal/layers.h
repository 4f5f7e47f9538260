#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/datastore/driver.h"
#include "drivers/datastore/fs/internal/file.h"
#include "drivers/datastore/fs/internal/qcow2_header.h"

/// What a layer's own header says about it, read by us, before a tool opens it.
namespace neph::datastore_driver::fs {

[[nodiscard]] Result<Qcow2Header> read_header_of(const Fd& file, const std::string& path);

/// Facts of an open file of the stated format.
[[nodiscard]] Result<FileFacts> facts_of(const Fd& file, const Layer& layer);

/// A file of a chain.
struct Link {
  Layer layer;
  FileFacts facts;
};

/// The layer and everything below it, top first.
///
/// kInvalid when a header leaves the format below it to probing, names something that is no plain
/// file path ("json:", "nbd:"), keeps its data elsewhere, or leads in a circle; kNotFound when a
/// file is missing. What passes can be given to qemu-img without it opening anything else.
[[nodiscard]] Result<std::vector<Link>> list_chain(const Layer& top);

/// Where a backing name leads that stands in the header of `path`.
[[nodiscard]] std::string resolve_backing(const std::string& path, const std::string& name);

}  // namespace neph::datastore_driver::fs
