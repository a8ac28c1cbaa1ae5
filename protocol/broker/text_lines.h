// Lines of a configuration text, and the one form of an error in such a line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mqttlab {

struct TextLine {
  std::size_t number;     ///< from 1
  std::string_view text;  ///< without blanks at either end
};

/// The lines that say something: neither empty nor begun by '#'. Line ends may be LF or CR LF.
[[nodiscard]] std::vector<TextLine> text_lines(std::string_view text);

/// Takes the first word off `rest`, with the blanks around it.
[[nodiscard]] std::string_view take_word(std::string_view& rest);

/// Throws std::invalid_argument: "SOURCE, line N: WHAT; REMEDY".
[[noreturn]] void throw_line_error(std::string_view source, std::size_t line,
                                   const std::string& what, std::string_view remedy);

}  // namespace mqttlab
