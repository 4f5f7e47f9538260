#include "base/numbers.h"
#include "datastore/internal/rules.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <system_error>

namespace neph::datastore {

namespace {

using datastore_driver::Format;
using std::filesystem::path;

/// Evidence of where an image comes from: worth something only if nobody else can write it.
constexpr std::array<std::string_view, 6> kServerOnly{
    "SAVED_IMAGE_ID", "SAVED_DISK_ID", "SAVED_VM_ID", "SAVE_AS", "SAVE_AS_HOT", "SNAPSHOT"};
constexpr std::string_view kDefaultSafeDir = "/var/tmp";

/// All attributes of a name, or one key of them for "NAME/KEY".
std::vector<text::Attribute> select(const text::Template& from, std::string_view name) {
  const auto slash = name.find('/');
  const std::string_view head = name.substr(0, slash);
  std::vector<text::Attribute> found;
  for (const auto& attribute : from.attributes()) {
    if (attribute.name != head) continue;
    if (slash == std::string_view::npos) {
      found.push_back(attribute);
      continue;
    }
    const auto* vector = std::get_if<text::Vector>(&attribute.value);
    const std::string_view key = name.substr(slash + 1);
    if (vector != nullptr && vector->has(key)) {
      found.push_back({attribute.name, vector->get(key)});
    }
  }
  return found;
}

std::vector<path> directories_in(const std::string& words) {
  std::vector<path> found;
  std::istringstream stream(words);
  for (std::string word; stream >> word;) {
    std::error_code problem;
    const path resolved = std::filesystem::weakly_canonical(word, problem);
    // A directory that cannot be resolved is compared as it is written.
    found.push_back(problem ? path{word}.lexically_normal() : resolved);
  }
  return found;
}

std::vector<path> directories_of(const text::Template& attributes, std::string_view name,
                                 const std::vector<std::string>& otherwise) {
  if (attributes.has(name)) return directories_in(attributes.get(name));
  std::vector<path> found;
  for (const auto& word : otherwise) {
    for (auto& directory : directories_in(word)) found.push_back(std::move(directory));
  }
  return found;
}

/// Length of the longest of the directories that hold the file, -1 for none.
std::ptrdiff_t depth_in(const path& file, const std::vector<path>& directories) {
  std::ptrdiff_t deepest = -1;
  for (const path& directory : directories) {
    if (!is_below(file, directory)) continue;
    deepest = std::max(deepest, std::distance(directory.begin(), directory.end()));
  }
  return deepest;
}

/// The innermost directory that somebody said something about decides, so that "/" may be
/// restricted and /var/tmp safe, and within a safe directory a part restricted again.
bool is_safe(const Settings& settings, const Datastore& datastore, const path& file) {
  auto safe = directories_of(datastore.attributes, "SAFE_DIRS", settings.safe_dirs);
  if (safe.empty()) safe.emplace_back(kDefaultSafeDir);
  auto closed = directories_of(datastore.attributes, "RESTRICTED_DIRS", settings.restricted_dirs);
  const std::ptrdiff_t depth = depth_in(file, safe);
  if (depth < 0 || depth <= depth_in(file, closed)) return false;
  // Other people's images are no source, however wide the safe directories are.
  return settings.datastores.empty() ||
         !is_below(file, directories_in(settings.datastores.string()).front());
}

}  // namespace

bool is_below(const path& file, const path& directory) {
  const auto [rest_of_directory, rest_of_file] =
      std::mismatch(directory.begin(), directory.end(), file.begin(), file.end());
  // A trailing slash is an empty last part.
  return rest_of_directory == directory.end() || rest_of_directory->empty();
}

Result<void> check_new_attributes(const access::Actor& actor, const text::Template& ask,
                                  const std::vector<std::string>& restricted) {
  for (const std::string_view name : kServerOnly) {
    if (ask.has(name)) return fail(Errc::kDenied, "Only the server writes the attribute {}", name);
  }
  if (actor.is_admin()) return {};
  for (const std::string& name : restricted) {
    if (!select(ask, name).empty())
      return fail(Errc::kDenied, "Template includes a restricted attribute {}", name);
  }
  return {};
}

Result<text::Template> updated(const access::Actor& actor, const text::Template& stored,
                               text::Template change, bool is_append,
                               const std::vector<std::string>& restricted) {
  std::vector<std::string> guarded(kServerOnly.begin(), kServerOnly.end());
  if (!actor.is_admin()) guarded.insert(guarded.end(), restricted.begin(), restricted.end());
  for (const std::string& name : guarded) {
    const auto before = select(stored, name);
    const auto asked = select(change, name);
    const std::string head = name.substr(0, name.find('/'));
    // Clients that edit send back what they were shown: the same again is no change.
    if (change.has(head) && asked != before)
      return fail(Errc::kDenied, "Tried to change restricted attribute: {}", name);
    if (is_append || change.has(head)) continue;
    for (const auto& attribute : select(stored, head)) {
      if (const auto* single = std::get_if<std::string>(&attribute.value)) {
        change.add(attribute.name, *single);
      } else {
        change.add(attribute.name, std::get<text::Vector>(attribute.value));
      }
    }
  }
  text::Template result = std::move(change);
  if (is_append) {
    text::Template merged = stored;
    merged.merge(result);
    result = std::move(merged);
  }
  CHECK_OK(result.check_limits(text::kStoredLimits));
  return result;
}

Result<std::string> resolve_source(const Settings& settings, const Datastore& datastore,
                                   const std::string& asked) {
  constexpr std::string_view kFileScheme = "file://";
  const std::string name =
      asked.starts_with(kFileScheme) ? asked.substr(kFileScheme.size()) : asked;
  if (name.find("://") != std::string::npos)
    return fail(Errc::kInvalid, "PATH {} is a URL; fetching from URLs is not provided yet", asked);
  if (!name.starts_with('/') || name.find('\0') != std::string::npos)
    return fail(Errc::kInvalid, "PATH {} is not absolute", asked);
  std::error_code problem;
  const path file = std::filesystem::weakly_canonical(name, problem);
  if (problem)
    return fail_because(Errc::kInvalid, problem.message(), "PATH {} cannot be resolved", asked);
  // Before anything is said about the file: outside, even its existence is nobody's business.
  if (!is_safe(settings, datastore, file))
    return fail(Errc::kDenied, "PATH {} is not in a safe directory of datastore {}", asked,
                datastore.name);
  if (!std::filesystem::is_regular_file(file, problem))
    return fail(Errc::kInvalid, "PATH {} is not a file", asked);
  if (::access(file.c_str(), R_OK) != 0)
    return fail(Errc::kInvalid, "PATH {} is not readable", asked);
  return file.string();
}

Result<Format> format_of(const text::Template& ask, ImageType type, std::string_view file,
                         Format otherwise) {
  std::string name = ask.get("FORMAT");
  if (name.empty()) name = ask.get("DRIVER");
  const bool is_plain = type == ImageType::kCdrom || is_file_type(type);
  if (is_plain) {
    if (!name.empty() && name != name_of(Format::kRaw))
      return fail(Errc::kInvalid, "An image of type {} is raw, not {}", name_of(type), name);
    return Format::kRaw;
  }
  if (!name.empty()) return datastore_driver::format_from(name);
  if (file.empty()) return otherwise;
  return file.ends_with(".qcow2") ? Format::kQcow2 : Format::kRaw;
}

Result<std::int64_t> size_of(const text::Template& ask) {
  constexpr std::int64_t kMegabytesMax = std::int64_t{1} << 33;  // 8 PB: beyond it bytes overflow
  const std::string word = ask.get("SIZE");
  const auto size = integer_from(word);
  if (!size || *size < 1 || *size > kMegabytesMax)
    return fail(Errc::kInvalid, "SIZE must be a positive number of MB, it is \"{}\"", word);
  return *size;
}

bool owns_file(const Datastore& datastore, const Image& image) {
  const path file = path{image.source}.lexically_normal();
  const path directory = path{datastore.base_path}.lexically_normal();
  return !image.source.empty() && file != directory && is_below(file, directory);
}

}  // namespace neph::datastore
