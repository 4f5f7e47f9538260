#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/template.h"

namespace neph::text {

/// Escapes & < > " and carriage returns. What XML cannot carry, control characters and bytes that
/// are not UTF-8, becomes '?'.
[[nodiscard]] std::string xml_escaped(std::string_view text);

/// Writes elements without white space between them, as OpenNebula does: its clients use absolute
/// paths and read no namespace. Tags are the caller's and are written as they are; values may be
/// anything, the document stays well-formed. A value type; no thread rules.
class XmlWriter {
 public:
  void open(std::string_view tag);
  void close();  ///< the innermost open element; it is a programmer's error when there is none
  void element(std::string_view tag, std::int64_t value);
  void element(std::string_view tag, std::string_view value);  ///< escaped text; empty: <TAG/>
  /// <TAG><![CDATA[..]]></TAG>, also around nothing: clients that read tokens take <TAG/> for an
  /// attribute that is not there.
  void cdata(std::string_view tag, std::string_view value);
  void empty(std::string_view tag);
  void raw(std::string_view xml);  ///< fragment that was written by another XmlWriter
  /// <TAG><ID>1</ID>...</TAG>, the form of every id collection.
  void ids(std::string_view tag, const std::vector<std::int64_t>& ids);
  /// <TAG>..attributes sorted by name, values in CDATA..</TAG>. Those of one name keep their
  /// order. Names that XML does not allow (9P, XMLFOO) get the prefix ONE_.
  void attributes(std::string_view tag, const Template& content);
  /// <TAG>..keys sorted, values in CDATA..</TAG>; empty: <TAG/>
  void vector(std::string_view tag, const Vector& content);

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
  std::vector<std::string> open_;
};

}  // namespace neph::text
