#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

/// Whatever a Template or a Vector holds can be written as text and read again unchanged. For that
/// the functions that store bring names and values into a form which every document can carry:
///   - names and keys: upper case; what is not a letter, digit or underscore becomes '_';
///   - values: white space at both ends is cut, as parsing does; "]]>" becomes "]] >" and a NUL
///     byte becomes '?'.
/// Parsing is stricter than storing: there, such names and values are errors.
namespace neph::text {

/// Bounds of parsing. What parses also fits when it is written as text again.
struct Limits {
  std::size_t bytes;       ///< of the source and of to_text()
  std::size_t attributes;
  std::size_t keys;        ///< of one vector
};
/// What one request may bring.
inline constexpr Limits kRequestLimits{1'048'576, 10'000, 1'024};
/// What the database may hold: a stored template has grown by what the server added to it.
inline constexpr Limits kStoredLimits{16'777'216, 100'000, 8'192};

/// Value of a vector attribute: DISK = [ IMAGE = "a", TARGET = "vda" ]. Keys are upper case and
/// keep their order; of a repeated key the first wins.
class Vector {
 public:
  using Items = std::vector<std::pair<std::string, std::string>>;

  Vector() = default;
  Vector(std::initializer_list<std::pair<std::string, std::string>> items);

  [[nodiscard]] const std::string* find(std::string_view key) const;
  [[nodiscard]] std::string get(std::string_view key, std::string_view fallback = "") const;
  [[nodiscard]] bool has(std::string_view key) const { return find(key) != nullptr; }
  /// "YES", "TRUE", "1", "ON" in any case.
  [[nodiscard]] bool is_yes(std::string_view key) const;
  void set(std::string_view key, std::string value);
  /// Sets only what is not there yet: how image and datastore attributes are inherited.
  void inherit(std::string_view key, std::string value);
  bool erase(std::string_view key);  ///< false when there was none
  [[nodiscard]] const Items& items() const { return items_; }
  friend bool operator==(const Vector&, const Vector&) = default;

 private:
  Items items_;
};

struct Attribute {
  std::string name;  ///< upper case
  std::variant<std::string, Vector> value;
  friend bool operator==(const Attribute&, const Attribute&) = default;
};

/// An OpenNebula template: an ordered multimap of single and vector attributes. Also the grammar
/// of nephd.conf and of job arguments. A value type; no thread rules.
class Template {
 public:
  /// Reads the text form, or the XML form when the first character that is not white space is '<'
  /// (the grammar is OpenNebula's template_parser). Differences, all of them lenient: a comment
  /// may end with the text, and may stand inside a vector.
  /// In the XML form an element without content is a single attribute with an empty value; an
  /// entity that XML does not predefine is left as it stands, a DTD is refused.
  /// \returns kInvalid "Parse error: ..." with line and columns (both from 1, columns in bytes)
  [[nodiscard]] static Result<Template> parse(std::string_view source,
                                              const Limits& limits = kRequestLimits);
  /// For templates that grew by set(), add() or merge() since they were parsed.
  /// \returns kInvalid "Parse error: ..." that names the limit
  [[nodiscard]] Result<void> check_limits(const Limits& limits = kRequestLimits) const;

  [[nodiscard]] const std::vector<Attribute>& attributes() const { return attributes_; }
  [[nodiscard]] bool empty() const { return attributes_.empty(); }

  /// First single attribute of that name.
  [[nodiscard]] const std::string* find(std::string_view name) const;
  [[nodiscard]] std::string get(std::string_view name, std::string_view fallback = "") const;
  [[nodiscard]] bool has(std::string_view name) const;  ///< single or vector
  [[nodiscard]] bool is_yes(std::string_view name) const;
  /// nullptr when there is none. Pointers live until the template changes.
  [[nodiscard]] const Vector* find_vector(std::string_view name) const;
  [[nodiscard]] std::vector<const Vector*> vectors(std::string_view name) const;

  /// Replaces all attributes of that name by one, which stands where the first of them stood.
  void set(std::string_view name, std::string value);
  void set(std::string_view name, Vector value);
  void add(std::string_view name, std::string value);
  void add(std::string_view name, Vector value);
  bool erase(std::string_view name);  ///< all of that name; false when there was none

  /// update_type 1: each attribute of `more` replaces all of its name; an empty vector only
  /// removes. Several of one name in `more` all arrive. The result may exceed the limits of a
  /// request although both parts did not: see check_limits().
  void merge(const Template& more);

  /// parse(to_text()) is the same template again. The grammar has no way to write a backslash
  /// before the closing quote (`\"` is a quote), so such a value is written with a blank after its
  /// backslash, which every reader trims.
  [[nodiscard]] std::string to_text() const;

  friend bool operator==(const Template&, const Template&) = default;

 private:
  void replace(Attribute attribute);

  std::vector<Attribute> attributes_;
};

}  // namespace neph::text
