#pragma once

#include <fmt/format.h>

#include <concepts>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/result.h"

/// Logs are events with fields, one line each:
///   log::info("snapshot.ready", {{"snapshot", id}, {"bytes", n}});
/// error = someone must act, warn = odd but handled, info = a state change, debug = for us.
/// No secrets, no XML bodies. Any thread may log at any time.
namespace neph::log {

enum class Level { kDebug, kInfo, kWarn, kError };

struct Field {
  std::string_view name;
  std::string value;

  template <class T>
  Field(std::string_view field_name, const T& field_value)
      : name(field_name), value(fmt::format("{}", field_value)) {}
};

using Fields = std::initializer_list<Field>;

void write(Level level, std::string_view event, Fields fields);
inline void debug(std::string_view event, Fields fields = {}) {
  write(Level::kDebug, event, fields);
}
inline void info(std::string_view event, Fields fields = {}) { write(Level::kInfo, event, fields); }
inline void warn(std::string_view event, Fields fields = {}) { write(Level::kWarn, event, fields); }
inline void error(std::string_view event, Fields fields = {}) {
  write(Level::kError, event, fields);
}

/// Where lines go. Before configure() they go to the console.
struct Sinks {
  bool console = true;
  std::filesystem::path file;  ///< rotating, empty for none
  std::int64_t file_bytes_max = 16 * 1048576;
  int files_max = 5;
};
[[nodiscard]] Result<void> configure(const Sinks& sinks, Level level);
/// May be called at run time.
void set_level(Level level);
[[nodiscard]] Result<Level> level_from(std::string_view name);
void flush();

}  // namespace neph::log
