// LogLines: what happens, one line each, on stderr.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace mqttlab::live {

enum class LogLevel : std::uint8_t { error, warning, notice, info, debug };
/// Throws std::invalid_argument naming the levels.
[[nodiscard]] LogLevel log_level_of(std::string_view name);

/// Lines have no passwords, payloads or unprintable bytes in them.
class LogLines {
 public:
  explicit LogLines(LogLevel level) : level_(level) {}
  [[nodiscard]] bool wants(LogLevel level) const { return level <= level_; }
  template <typename... Arguments>
  void operator()(LogLevel level, fmt::format_string<Arguments...> form, Arguments&&... arguments) {
    if (wants(level)) write(level, fmt::format(form, std::forward<Arguments>(arguments)...));
  }

 private:
  static void write(LogLevel level, std::string_view text);
  LogLevel level_;
};

}  // namespace mqttlab::live
