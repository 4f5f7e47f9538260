#include "drivers/datastore/fs/internal/qcow2_header.h"

#include <algorithm>
#include <limits>
#include <optional>

namespace neph::datastore_driver::fs {
namespace {

constexpr std::uint32_t kMagic = 0x514649fb;  // "QFI\xfb"
constexpr std::size_t kLengthVersion2 = 72;
constexpr std::size_t kLengthVersion3 = 104;
constexpr std::uint32_t kClusterBitsMin = 9;
constexpr std::uint32_t kClusterBitsMax = 21;
constexpr std::uint32_t kNameSizeMax = 1023;

enum Extension : std::uint32_t {
  kEnd = 0,
  kBackingFormat = 0xe2792aca,
  kDataFileName = 0x44415441,
};

/// Big endian numbers; nullopt past the end.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <class Number>
  [[nodiscard]] std::optional<Number> number(std::uint64_t at) const {
    if (at > bytes_.size() || bytes_.size() - at < sizeof(Number)) return std::nullopt;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(Number); ++i)
      value = value << 8 | std::to_integer<std::uint64_t>(bytes_[at + i]);
    return static_cast<Number>(value);
  }
  /// For places whose presence has been checked before.
  [[nodiscard]] std::uint32_t u32(std::uint64_t at) const {
    return number<std::uint32_t>(at).value_or(0);
  }
  [[nodiscard]] std::uint64_t u64(std::uint64_t at) const {
    return number<std::uint64_t>(at).value_or(0);
  }
  [[nodiscard]] std::optional<std::string> text(std::uint64_t at, std::uint64_t size) const {
    if (at > bytes_.size() || bytes_.size() - at < size) return std::nullopt;
    std::string value(size, '\0');
    std::transform(bytes_.begin() + static_cast<std::ptrdiff_t>(at),
                   bytes_.begin() + static_cast<std::ptrdiff_t>(at + size), value.begin(),
                   [](std::byte byte) { return std::to_integer<char>(byte); });
    return value;
  }

 private:
  std::span<const std::byte> bytes_;
};

tl::unexpected<Error> malformed(std::string_view reason) {
  return fail(Errc::kInvalid, "the qcow2 header {}", reason);
}

Result<std::string> read_name(const Reader& reader, std::uint64_t at, std::uint64_t size,
                              std::string_view what) {
  if (size == 0 || size > kNameSizeMax)
    return fail(Errc::kInvalid, "the qcow2 header has a {} of {} bytes", what, size);
  const auto text = reader.text(at, size);
  if (!text) return fail(Errc::kInvalid, "the qcow2 header has its {} past the end", what);
  // A NUL would make us and the C tools see two different names.
  if (text->find('\0') != std::string::npos)
    return fail(Errc::kInvalid, "the qcow2 header has a NUL in its {}", what);
  return *text;
}

Result<void> read_extensions(const Reader& reader, std::uint64_t at, std::uint64_t end,
                             Qcow2Header& header) {
  while (at + 8 <= end) {
    const auto type = reader.number<std::uint32_t>(at);
    const auto size = reader.number<std::uint32_t>(at + 4);
    if (!type || !size) return malformed("ends inside its extensions");
    if (*type == kEnd) return {};
    at += 8;
    if (*size > end - at) return malformed("has an extension longer than its cluster");
    if (*type == kBackingFormat)
      header.backing_format = TRY(read_name(reader, at, *size, "backing format"));
    if (*type == kDataFileName)
      header.data_path = TRY(read_name(reader, at, *size, "data file name"));
    at += (std::uint64_t{*size} + 7) / 8 * 8;
  }
  return {};
}

Result<std::uint64_t> read_version3(const Reader& reader, Qcow2Header& header) {
  if (!reader.number<std::uint32_t>(kLengthVersion3 - 4)) return malformed("is cut short");
  header.incompatible_features = reader.u64(72);
  const std::uint32_t length = reader.u32(100);
  if (length < kLengthVersion3 || length % 8 != 0 ||
      length > std::uint64_t{1} << header.cluster_bits)
    return fail(Errc::kInvalid, "the qcow2 header says it is {} bytes long", length);
  if (reader.u32(96) > 6) return malformed("has refcounts wider than 64 bits");
  return length;
}

}  // namespace

bool has_qcow2_magic(std::span<const std::byte> bytes) {
  return Reader(bytes).number<std::uint32_t>(0) == kMagic;
}

std::size_t qcow2_header_extent(std::span<const std::byte> bytes) {
  const auto cluster_bits = Reader(bytes).number<std::uint32_t>(20);
  if (!has_qcow2_magic(bytes) || !cluster_bits) return 0;
  return std::size_t{1} << std::clamp(*cluster_bits, kClusterBitsMin, kClusterBitsMax);
}

Result<Qcow2Header> read_qcow2_header(std::span<const std::byte> bytes) {
  const Reader reader(bytes);
  if (!has_qcow2_magic(bytes)) return fail(Errc::kInvalid, "the file has no qcow2 header");
  if (bytes.size() < kLengthVersion2) return malformed("is cut short");
  Qcow2Header header;
  header.version = reader.u32(4);
  if (header.version != 2 && header.version != 3)
    return fail(Errc::kInvalid, "the qcow2 header is of version {}", header.version);
  header.cluster_bits = reader.u32(20);
  if (header.cluster_bits < kClusterBitsMin || header.cluster_bits > kClusterBitsMax)
    return fail(Errc::kInvalid, "the qcow2 header has clusters of 2^{} bytes",
                header.cluster_bits);
  const std::uint64_t size = reader.u64(24);
  if (size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return malformed("has a size beyond 2^63 bytes");
  header.virtual_size = static_cast<std::int64_t>(size);
  header.encryption = reader.u32(32);

  std::uint64_t length = kLengthVersion2;
  if (header.version == 3) length = TRY(read_version3(reader, header));
  const std::uint64_t cluster_size = std::uint64_t{1} << header.cluster_bits;
  const std::uint64_t name_at = reader.u64(8);
  const std::uint32_t name_size = reader.u32(16);
  if (name_at != 0 && (name_at < length || name_at > cluster_size ||
                       name_size > cluster_size - name_at))
    return malformed("has its backing file name outside the first cluster");
  CHECK_OK(read_extensions(reader, length, name_at != 0 ? name_at : cluster_size, header));
  if (name_at != 0)
    header.backing_path = TRY(read_name(reader, name_at, name_size, "backing name"));
  return header;
}

std::string reason_to_refuse(const Qcow2Header& header) {
  if (!header.backing_path.empty())
    return fmt::format("names a backing file \"{}\"", header.backing_path);
  if (!header.data_path.empty() || (header.incompatible_features & kQcow2ExternalData) != 0)
    return fmt::format("keeps its data in another file \"{}\"", header.data_path);
  if ((header.incompatible_features & ~std::uint64_t{kQcow2Known}) != 0)
    return fmt::format("has unknown features {:#x}", header.incompatible_features);
  if ((header.incompatible_features & kQcow2Corrupt) != 0) return "is marked corrupt";
  if ((header.incompatible_features & kQcow2Dirty) != 0)
    return "is marked dirty: it was not closed properly";
  if (header.encryption != 0) return "is encrypted";
  if (header.virtual_size == 0) return "has a size of 0 bytes";
  return {};
}

}  // namespace neph::datastore_driver::fs
