// Properties: the property set of one packet or Will, as the bytes that MQTT 5.0 encodes it in.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

#include "protocol/wire/property_table.h"
#include "protocol/wire/result.h"
#include "protocol/wire/slice.h"

namespace mqttlab {

/// A Session Expiry Interval that never ends (MQTT 5.0, 3.1.2.11.2).
inline constexpr std::uint32_t endless_expiry_s = 0xFFFF'FFFF;

/// One property, as views of the set that it was read from.
struct Property {
  PropertyId id{};
  std::uint32_t number = 0;  ///< the integer types
  std::string_view text;     ///< strings and binary data; the value of a pair
  std::string_view name;     ///< the name of a pair
};

/// A set of properties in the order of the wire. It keeps the encoded bytes, a slice of the arrival
/// buffer, and reads them when asked: an empty set costs nothing, a set that is passed on is not
/// encoded again. A decoded set has been checked; add() takes what this end has made, whose places
/// and ranges encode() asserts.
class Properties {
 public:
  Properties() = default;
  /// Takes encoded properties, without their length, that fault() found nothing in.
  explicit Properties(Slice bytes) : bytes_(std::move(bytes)) {}

  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  /// The encoded properties, without their length.
  [[nodiscard]] const Slice& bytes() const { return bytes_; }

  /// The first property of this id: a std::uint32_t, or a Slice that shares the set's memory.
  template <PropertyId id>
  requires(rule_of(id).type != PropertyType::utf8_string_pair) [[nodiscard]] auto get() const {
    if constexpr (is_number(rule_of(id).type)) {
      const auto found = find(id);
      return found ? std::optional(found->number) : std::nullopt;
    } else {
      const auto found = find(id);
      return found ? std::optional(part(found->text)) : std::nullopt;
    }
  }
  [[nodiscard]] bool has(PropertyId id) const { return find(id).has_value(); }
  /// Calls visit(const Property&) for each, in order: user properties, subscription identifiers.
  template <std::invocable<const Property&> Visit>
  void for_each(Visit visit) const {
    Property property;
    for (Bytes rest = bytes_.bytes(); next(rest, property);) visit(property);
  }

  // Each copies the set: cheap for the few properties that packets have.
  Properties& add(PropertyId id, std::uint32_t number);
  Properties& add(PropertyId id, std::string_view text);
  Properties& add_user(std::string_view name, std::string_view value);
  Properties& remove(PropertyId id);  ///< all of this id; a set without one keeps its memory

  /// The rule that encoded properties break in this place, if they break one. Without `sender`,
  /// what only one end may not send is let through.
  [[nodiscard]] static std::optional<Violation> fault(Bytes encoded, PropertyPlace place,
                                                      std::optional<Sender> sender);
  /// Equal bytes: the same properties in the same order.
  friend bool operator==(const Properties&, const Properties&) = default;

 private:
  // Takes the property at the front; false at the end.
  static bool next(Bytes& rest, Property& property);
  [[nodiscard]] std::optional<Property> find(PropertyId id) const;
  [[nodiscard]] Slice part(std::string_view inside) const;
  Slice bytes_;
};

}  // namespace mqttlab
