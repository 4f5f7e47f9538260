#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace neph::text {

/// Value of a vector attribute: DISK = [ IMAGE = "a", TARGET = "vda" ]. Keys are upper case and
/// keep their order; of a repeated key the first wins.
class Vector {
 public:
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
  bool erase(std::string_view key);
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& items() const { return items_; }
  friend bool operator==(const Vector&, const Vector&) = default;

 private:
  std::vector<std::pair<std::string, std::string>> items_;
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
  /// Reads the text form, or the XML form when the first character is '<' (xml.md section 5).
  /// \returns kInvalid "Parse error: ..." with line and column
  [[nodiscard]] static Result<Template> parse(std::string_view source);

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

  /// Replaces all attributes of that name by one.
  void set(std::string_view name, std::string value);
  void set(std::string_view name, Vector value);
  void add(std::string_view name, std::string value);
  void add(std::string_view name, Vector value);
  bool erase(std::string_view name);  ///< all of that name; false when there was none

  /// update_type 1: each attribute of `more` replaces all of its name; an empty vector only
  /// removes (xml.md 5.3).
  void merge(const Template& more);

  /// parse(to_text()) is the same template again.
  [[nodiscard]] std::string to_text() const;

  friend bool operator==(const Template&, const Template&) = default;

 private:
  std::vector<Attribute> attributes_;
};

}  // namespace neph::text
