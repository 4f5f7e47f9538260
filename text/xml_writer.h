#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/template.h"

namespace neph::text {

/// Escapes & < > " and what XML cannot carry (control characters become '?').
[[nodiscard]] std::string xml_escaped(std::string_view text);

/// Writes elements without white space, as OpenNebula does (xml.md section 1).
class XmlWriter {
 public:
  void open(std::string_view tag);
  void close();
  void element(std::string_view tag, std::int64_t value);
  void element(std::string_view tag, std::string_view value);  ///< escaped text; empty: <TAG/>
  void cdata(std::string_view tag, std::string_view value);    ///< <![CDATA[..]]>; empty: <TAG/>
  void empty(std::string_view tag);
  void raw(std::string_view xml);  ///< fragment that was written by another XmlWriter
  /// <TAG><ID>1</ID>...</TAG>, the form of every id collection.
  void ids(std::string_view tag, const std::vector<std::int64_t>& ids);
  /// <TAG>..attributes sorted by name, values in CDATA..</TAG>
  void attributes(std::string_view tag, const Template& content);
  void vector(std::string_view tag, const Vector& content);

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
  std::vector<std::string> open_;
};

}  // namespace neph::text
