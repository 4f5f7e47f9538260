#include "base/log.h"

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <vector>

namespace neph::log {
namespace {

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::kDebug: return spdlog::level::debug;
    case Level::kInfo: return spdlog::level::info;
    case Level::kWarn: return spdlog::level::warn;
    case Level::kError: return spdlog::level::err;
  }
  return spdlog::level::info;
}

constexpr const char* kPattern = "%Y-%m-%d %H:%M:%S.%e [%^%L%$] %v";

std::shared_ptr<spdlog::logger> make_default() {
  auto logger = std::make_shared<spdlog::logger>(
      "neph", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  logger->set_pattern(kPattern);
  return logger;
}

std::shared_ptr<spdlog::logger>& logger() {
  static std::shared_ptr<spdlog::logger> instance = make_default();
  return instance;
}

/// Quotes what would break "name=value" apart, and keeps an event on one line.
void append_value(std::string& line, const std::string& value) {
  if (!value.empty() && value.find_first_of(" \"=\n\r\t") == std::string::npos) {
    line += value;
    return;
  }
  line += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') line += '\\';
    if (c == '\n') {
      line += "\\n";
    } else if (c != '\r') {
      line += c;
    }
  }
  line += '"';
}

}  // namespace

void write(Level level, std::string_view event, Fields fields) {
  if (!logger()->should_log(to_spdlog(level))) return;
  std::string line{event};
  for (const auto& field : fields) {
    line += ' ';
    line += field.name;
    line += '=';
    append_value(line, field.value);
  }
  logger()->log(to_spdlog(level), "{}", line);
}

Result<void> configure(const Sinks& sinks, Level level) {
  try {
    std::vector<spdlog::sink_ptr> targets;
    if (sinks.console) targets.push_back(std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    if (!sinks.file.empty()) {
      targets.push_back(std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
          sinks.file.string(), static_cast<std::size_t>(sinks.file_bytes_max),
          static_cast<std::size_t>(sinks.files_max)));
    }
    auto fresh = std::make_shared<spdlog::logger>("neph", targets.begin(), targets.end());
    fresh->set_pattern(kPattern);
    fresh->set_level(to_spdlog(level));
    fresh->flush_on(spdlog::level::info);
    logger() = std::move(fresh);
    return {};
  } catch (const spdlog::spdlog_ex& problem) {
    return fail_because(Errc::kInvalid, problem.what(), "cannot open log file {}",
                        sinks.file.string());
  }
}

void set_level(Level level) { logger()->set_level(to_spdlog(level)); }

Result<Level> level_from(std::string_view name) {
  if (name == "debug") return Level::kDebug;
  if (name == "info") return Level::kInfo;
  if (name == "warn") return Level::kWarn;
  if (name == "error") return Level::kError;
  return fail(Errc::kInvalid, "log level \"{}\" is not one of debug, info, warn, error", name);
}

void flush() { logger()->flush(); }

}  // namespace neph::log
