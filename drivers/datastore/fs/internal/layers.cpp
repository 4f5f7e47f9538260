#include "drivers/datastore/fs/internal/layers.h"

#include <unistd.h>

#include <array>
#include <cerrno>

namespace neph::datastore_driver::fs {
namespace {

constexpr std::size_t kChainLengthMax = 200;

Result<std::vector<std::byte>> read_start(const Fd& file, const std::string& path,
                                          std::size_t size) {
  std::vector<std::byte> bytes(size);
  std::size_t filled = 0;
  while (filled < size) {
    const ssize_t count = ::pread(file.get(), bytes.data() + filled, size - filled,
                                  static_cast<off_t>(filled));
    if (count < 0) return fail_errno(errno, "read", path);
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  bytes.resize(filled);
  return bytes;
}

Result<Layer> layer_below(const Layer& layer, const Qcow2Header& header) {
  if (header.backing_format.empty())
    return fail(Errc::kInvalid, "{} does not say the format of its backing file \"{}\"",
                layer.path, header.backing_path);
  const auto format = format_from(header.backing_format);
  if (!format)
    return fail_because(Errc::kInvalid, format.error().message,
                        "{} has a backing file of a format nobody uses", layer.path);
  const std::string& name = header.backing_path;
  // QEMU reads a colon before the first slash as the end of a protocol.
  const auto mark = name.find_first_of(":/");
  if (mark != std::string::npos && name[mark] == ':')
    return fail(Errc::kInvalid, "{} has the backing name \"{}\", which is no file path",
                layer.path, name);
  return Layer{resolve_backing(layer.path, name), *format};
}

}  // namespace

Result<Qcow2Header> read_header_of(const Fd& file, const std::string& path) {
  const auto start = TRY(read_start(file, path, 24));
  const std::size_t extent = qcow2_header_extent(start);
  const auto bytes = TRY(read_start(file, path, extent));
  auto header = read_qcow2_header(bytes);
  if (!header)
    return fail(Errc::kInvalid, "{} is not taken as qcow2: {}", path, header.error().message);
  return header;
}

Result<FileFacts> facts_of(const Fd& file, const Layer& layer) {
  const struct stat facts = TRY(regular_stat(file, layer.path));
  if (layer.format == Format::kRaw)
    return FileFacts{Bytes{facts.st_size}, stored_size_of(facts), {}};
  const Qcow2Header header = TRY(read_header_of(file, layer.path));
  return FileFacts{Bytes{header.virtual_size}, stored_size_of(facts), header.backing_path};
}

std::string resolve_backing(const std::string& path, const std::string& name) {
  return name.starts_with('/') ? name : parent_of(path) + "/" + name;
}

Result<std::vector<Link>> list_chain(const Layer& top) {
  std::vector<Link> chain;
  Layer layer = top;
  while (chain.size() < kChainLengthMax) {
    const Fd file = TRY(open_for_reading(layer.path));
    chain.push_back({layer, TRY(facts_of(file, layer))});
    if (layer.format == Format::kRaw) return chain;
    const Qcow2Header header = TRY(read_header_of(file, layer.path));
    if (!header.data_path.empty() || (header.incompatible_features & kQcow2ExternalData) != 0)
      return fail(Errc::kInvalid, "{} keeps its data in another file", layer.path);
    if (header.backing_path.empty()) return chain;
    layer = TRY(layer_below(layer, header));
  }
  return fail(Errc::kInvalid, "{} has more than {} layers below it, or a circle of them",
              top.path, kChainLengthMax);
}

}  // namespace neph::datastore_driver::fs
