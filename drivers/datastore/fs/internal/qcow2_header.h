#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"

/// Our own reader of qcow2 headers, so that a hostile file is judged before any tool opens it.
/// Facts from QEMU's docs/interop/qcow2.txt; limits from the same document. Pure functions over
/// bytes: any input is safe, any thread may call.
namespace neph::datastore_driver::fs {

/// Bits of incompatible_features.
enum Qcow2Feature : std::uint64_t {
  kQcow2Dirty = 1U << 0,
  kQcow2Corrupt = 1U << 1,
  kQcow2ExternalData = 1U << 2,
  kQcow2Compression = 1U << 3,
  kQcow2ExtendedL2 = 1U << 4,
  kQcow2Known = (1U << 5) - 1,
};

struct Qcow2Header {
  std::uint32_t version = 0;
  std::uint32_t cluster_bits = 0;
  std::uint32_t encryption = 0;  ///< 0 none, 1 AES, 2 LUKS
  std::int64_t virtual_size = 0;  ///< bytes
  std::uint64_t incompatible_features = 0;
  std::string backing_path;    ///< as written, empty for none
  std::string backing_format;  ///< as written, empty when the header leaves it to probing
  std::string data_path;       ///< external data file, empty for none
};

[[nodiscard]] bool has_qcow2_magic(std::span<const std::byte> bytes);

/// How many bytes of a file read_qcow2_header() needs to see, told from its first 24 bytes: the
/// first cluster, which holds the header, its extensions and the backing name. 0 when it is no
/// qcow2 file.
[[nodiscard]] std::size_t qcow2_header_extent(std::span<const std::byte> bytes);

/// Reads a header out of the first bytes of a file. kInvalid, with the reason, for everything
/// that is not well formed. Features are reported, not judged.
[[nodiscard]] Result<Qcow2Header> read_qcow2_header(std::span<const std::byte> bytes);

/// What speaks against taking such a file in from a stranger, as a clause ("names a backing
/// file ..."); empty when nothing does.
[[nodiscard]] std::string reason_to_refuse(const Qcow2Header& header);

}  // namespace neph::datastore_driver::fs
