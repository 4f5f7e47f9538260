#include "drivers/datastore/fs/internal/qcow2_header.h"

#include <algorithm>

#include "tests/fuzz/targets.h"

/// The judge of qcow2 files that strangers register as images.
namespace neph::fuzz {
namespace {

using namespace datastore_driver::fs;

constexpr std::uint32_t kNameBytesMax = 1023;

void check_name(const std::string& name) {
  require(name.size() <= kNameBytesMax, "names in a header are as short as the format has them");
  require(name.find('\0') == std::string::npos, "C tools see the same name");
}

void check_judgement(const Qcow2Header& header) {
  const auto reason = reason_to_refuse(header);
  // The name of a file, and a sentence around it.
  require(reason.size() <= kNameBytesMax + kMessageBytesMax, "the reason is short");
  if (!reason.empty()) return;
  require(header.backing_path.empty() && header.data_path.empty(), "a stranger names no file");
  constexpr std::uint64_t kOfLayout = kQcow2Compression | kQcow2ExtendedL2;
  require((header.incompatible_features & ~kOfLayout) == 0,
          "only features that say how bytes are laid out are taken in");
  require(header.virtual_size > 0, "a disk that is taken in has a size");
}

bool is_same(const Qcow2Header& a, const Qcow2Header& b) {
  return a.version == b.version && a.cluster_bits == b.cluster_bits &&
         a.encryption == b.encryption && a.virtual_size == b.virtual_size &&
         a.incompatible_features == b.incompatible_features && a.backing_path == b.backing_path &&
         a.backing_format == b.backing_format && a.data_path == b.data_path;
}

}  // namespace

void check_qcow2_header(std::string_view input) {
  const std::span bytes(reinterpret_cast<const std::byte*>(input.data()), input.size());
  const auto extent = qcow2_header_extent(bytes);
  const auto header = read_qcow2_header(bytes);
  if (!header) {
    require(header.error().code == Errc::kInvalid, "what is malformed is invalid");
    require(header.error().message.size() <= kMessageBytesMax, "the message is short");
    return;
  }
  require(has_qcow2_magic(bytes), "only qcow2 files have a qcow2 header");
  require(extent == std::size_t{1} << header->cluster_bits, "the header is in the first cluster");
  check_name(header->backing_path);
  check_name(header->backing_format);
  check_name(header->data_path);
  require(header->virtual_size >= 0, "a size fits");
  check_judgement(*header);
  const auto again = read_qcow2_header(bytes.first(std::min(extent, bytes.size())));
  require(again && is_same(*again, *header), "nothing behind the extent is needed");
}

}  // namespace neph::fuzz
