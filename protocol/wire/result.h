// What the peer did wrong, and a value-or-Violation. What this end's own caller does wrong is
// another type (Misuse).
#pragma once

#include <cassert>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace mqttlab {

/// A rule of MQTT that the peer broke. `statement` is the id of the normative statement, e.g.
/// "MQTT-3.3.1-4"; where the standard's rule has no id, its section ("MQTT-2.2.3"); empty where
/// only a limit of this end was exceeded. `reason` is the 5.0 reason code that names the error
/// (0x81 malformed packet, 0x82 protocol error, ...), which 3.1.1 cannot carry on the wire but
/// traces and reports show.
struct Violation {
  std::uint8_t reason = 0;
  std::string_view statement;
  friend bool operator==(const Violation&, const Violation&) = default;
};

[[nodiscard]] constexpr Violation malformed(std::string_view statement) {
  return {0x81, statement};
}
[[nodiscard]] constexpr Violation protocol_error(std::string_view statement) {
  return {0x82, statement};
}

/// A statement under its number in 3.1.1 (which 3.1 shares) and in 5.0.
struct Statement {
  std::string_view v3, v5;
  constexpr Statement(const char* both)
      : v3(both), v5(both) {}  // NOLINT(google-explicit-constructor)
  constexpr Statement(const char* in_3, const char* in_5) : v3(in_3), v5(in_5) {}
};

/// A rule of both versions, each with its own statement and reason code.
struct Rule {
  Violation v3, v5;
};
[[nodiscard]] constexpr Rule malformed(const char* v3, const char* v5) {
  return {malformed(std::string_view(v3)), malformed(std::string_view(v5))};
}
[[nodiscard]] constexpr Rule protocol_error(const char* v3, const char* v5) {
  return {protocol_error(std::string_view(v3)), protocol_error(std::string_view(v5))};
}

/// Why a call of this end's own application was refused; nothing was sent.
enum class Misuse : std::uint8_t {
  bad_topic,      ///< not a valid topic name or filter
  too_large,      ///< a string over 65,535 bytes or a packet over 268,435,455
  queue_full,     ///< the offline queue's limit is reached
  not_connected,  ///< needs a live connection
  bad_argument,   ///< a value outside its range
  not_supported,  ///< the server has announced that it does not do this (5.0)
};

/// A value, or the peer's Violation.
template <typename T>
class Result {
 public:
  Result(T value) : value_(std::move(value)) {}           // NOLINT(google-explicit-constructor)
  Result(Violation violation) : violation_(violation) {}  // NOLINT(google-explicit-constructor)
  [[nodiscard]] explicit operator bool() const { return value_.has_value(); }
  [[nodiscard]] T& operator*() {
    assert(value_);
    return *value_;
  }
  [[nodiscard]] const T& operator*() const {
    assert(value_);
    return *value_;
  }
  [[nodiscard]] T* operator->() {
    assert(value_);
    return &*value_;
  }
  [[nodiscard]] const T* operator->() const {
    assert(value_);
    return &*value_;
  }
  [[nodiscard]] const Violation& violation() const { return violation_; }

 private:
  std::optional<T> value_;
  Violation violation_;
};

}  // namespace mqttlab
