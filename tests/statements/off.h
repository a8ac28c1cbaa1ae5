// Forced into every file of the instrumented copy. The environment variable MQTTLAB_OFF names the
// row, such as 3:MQTT-3.3.1-4, whose checks are taken out while the program runs.
#pragma once
#if __cplusplus >= 202002L  // not where CMake tries the compiler

#include <cstdlib>
#include <string_view>
#include <type_traits>

namespace mqttlab::off {

inline const std::string_view row = [] {
  const char* value = std::getenv("MQTTLAB_OFF");
  return std::string_view(value ? value : "");
}();

// `rows`: each with a blank behind it.
constexpr bool cited(std::string_view rows) {
  if (std::is_constant_evaluated() || row.empty()) return false;
  const std::size_t at = rows.find(row);
  return at != rows.npos && rows[at + row.size()] == ' ';
}

// Every literal of the instrumented copy has its versions in front of it: "35:MQTT-3.3.1-4".
constexpr bool broken(std::string_view statement) {
  if (std::is_constant_evaluated() || row.empty() || row.substr(2) != statement) return false;
  return statement.data()[-2] == row[0] || statement.data()[-3] == row[0];
}
template <typename Violation>
requires requires(const Violation& v) { v.statement; }
constexpr bool broken(const Violation& violation) { return broken(violation.statement); }

// The value without the check: the opposite, nothing, or what its type begins with.
template <typename Read>
constexpr decltype(auto) value(std::string_view rows, Read read) {
  using Value = decltype(read());
  if constexpr (std::is_same_v<Value, bool>) {
    return cited(rows) != read();
  } else if constexpr (std::is_void_v<Value>) {
    if (!cited(rows)) read();
  } else if constexpr (!std::is_reference_v<Value> && std::is_default_constructible_v<Value>) {
    return cited(rows) ? Value{} : read();
  } else {
    return read();
  }
}

}  // namespace mqttlab::off
#endif
