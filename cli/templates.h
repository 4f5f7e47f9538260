#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/element.h"
#include "text/template.h"

/// Templates made from what was typed.
namespace neph::cli {

using Pair = std::pair<std::string, std::string>;

/// "KEY=VALUE", split at the first '='. Keys are letters, digits and underscores.
[[nodiscard]] Result<Pair> parse_pair(std::string_view text);
[[nodiscard]] Result<std::vector<Pair>> parse_pairs(const std::vector<std::string>& texts);

/// What `vm create` and `template instantiate` take beside images and template.
struct VmAsk {
  std::string name;  ///< empty: the server's choice
  std::string cpu;
  std::string vcpu;
  std::string memory_mb;
  std::vector<std::int64_t> images;
  std::vector<std::string> networks;
  std::vector<Pair> context;
};
/// Empty members are left out.
[[nodiscard]] text::Template vm_template(const VmAsk& ask);

/// CONTEXT as it stands in a template's document, with `more` set over it. Instantiating replaces
/// whole vectors, so that what is to be kept must be sent again.
[[nodiscard]] text::Vector merged_context(const Element& vm_template,
                                          const std::vector<Pair>& more);

struct ImageAsk {
  std::string name;
  std::string path;  ///< on the machine of nephd; empty for an empty image of `size_mb`
  std::string size_mb;
  std::string type;
  std::string format;
  std::string description;
  std::string prefix;
  bool is_persistent = false;
};
[[nodiscard]] text::Template image_template(const ImageAsk& ask);

struct SnapshotAsk {
  std::string kind;     ///< HOT or DEFERRED
  std::string when;     ///< FIRST_STOP or END
  std::string quiesce;  ///< REQUIRE, TRY or NEVER
  std::string description;
  std::string persistent;         ///< YES or NO
  std::int64_t datastore = -1;    ///< -1: that of the source
};
/// The options text of neph.snapshot.create. Empty members are left out.
[[nodiscard]] text::Template snapshot_options(const SnapshotAsk& ask);

/// The nine numbers of one.*.chmod from an octal mode: "640".
[[nodiscard]] Result<std::vector<std::int64_t>> permission_bits(std::string_view octal);

}  // namespace neph::cli
