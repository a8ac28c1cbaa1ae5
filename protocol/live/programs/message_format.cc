#include "protocol/live/programs/message_format.h"

#include <fmt/format.h>

#include <ctime>
#include <stdexcept>

namespace mqttlab::live {
namespace {

std::string field(char letter, const Received& message) {
  switch (letter) {
    case 't':
      return std::string(message.topic.text());
    case 'p':
      return std::string(message.payload.text());
    case 'x': {
      std::string text;
      for (const std::uint8_t byte : message.payload.bytes()) text += fmt::format("{:02x}", byte);
      return text;
    }
    case 'l':
      return std::to_string(message.payload.size());
    case 'q':
      return std::to_string(static_cast<int>(message.qos));
    case 'r':
      return message.retain ? "1" : "0";
    case 'd':
      return message.dup ? "1" : "0";
    case 'U': {
      timespec now{};
      clock_gettime(CLOCK_REALTIME, &now);
      return fmt::format("{}.{:09}", now.tv_sec, now.tv_nsec);
    }
    default:
      return "%";
  }
}

constexpr std::string_view fields = "tpxlqrdU%", escapes = "nt\\0", escaped{"\n\t\\\0", 4};

}  // namespace

void check_format(std::string_view format) {
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' && format[i] != '\\') continue;
    const std::string_view known = format[i] == '%' ? fields : escapes;
    if (i + 1 == format.size() || known.find(format[i + 1]) == std::string_view::npos)
      throw std::invalid_argument("-F: unknown '" + std::string(format.substr(i, 2)) +
                                  "'; see --help for those that are known");
    ++i;
  }
}

std::string formatted(std::string_view format, const Received& message) {
  std::string text;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] == '%')
      text += field(format[++i], message);
    else if (format[i] == '\\')
      text += escaped[escapes.find(format[++i])];
    else
      text += format[i];
  }
  return text;
}

}  // namespace mqttlab::live
