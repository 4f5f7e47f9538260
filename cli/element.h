#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace neph::cli {

/// One element of a document the server sent: a plain tree of text. A value type; no thread rules.
///
/// Paths are child names with slashes, relative to the element: "TEMPLATE/DISK/SIZE". The name of
/// the element itself is not part of them.
struct Element {
  std::string name;
  std::string text;  ///< text and CDATA of the element itself, joined
  std::vector<Element> children;

  /// \returns kInternal when `xml` is not one well-formed element
  [[nodiscard]] static Result<Element> parse(std::string_view xml);

  /// First element on that path, nullptr when there is none. Lives as long as this element.
  [[nodiscard]] const Element* find(std::string_view path) const;
  /// Children of the first element on `path`'s parent that bear the last name of the path.
  [[nodiscard]] std::vector<const Element*> all(std::string_view path) const;
  [[nodiscard]] std::string get(std::string_view path, std::string_view fallback = "") const;
  /// The text on that path as a whole number; `fallback` when absent, empty or no number.
  [[nodiscard]] std::int64_t number(std::string_view path, std::int64_t fallback = 0) const;
};

/// Pretty JSON with a line feed at its end. Leaves become texts; children of one name that occur
/// more than once become arrays, and so do objects of a pool, disks, NICs and history records
/// even when there is one of them.
[[nodiscard]] std::string to_json(const Element& document);

}  // namespace neph::cli
