// The properties of MQTT 5.0 in one table (2.2.2.2): identifier, name, type, where each may stand,
// how often, and which values it may have.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/wire/packet_type.h"

namespace mqttlab {

/// Table 2.4 of MQTT 5.0.
enum class PropertyId : std::uint8_t {
  payload_format_indicator = 0x01,
  message_expiry_interval = 0x02,
  content_type = 0x03,
  response_topic = 0x08,
  correlation_data = 0x09,
  subscription_identifier = 0x0B,
  session_expiry_interval = 0x11,
  assigned_client_identifier = 0x12,
  server_keep_alive = 0x13,
  authentication_method = 0x15,
  authentication_data = 0x16,
  request_problem_information = 0x17,
  will_delay_interval = 0x18,
  request_response_information = 0x19,
  response_information = 0x1A,
  server_reference = 0x1C,
  reason_string = 0x1F,
  receive_maximum = 0x21,
  topic_alias_maximum = 0x22,
  topic_alias = 0x23,
  maximum_qos = 0x24,
  retain_available = 0x25,
  user_property = 0x26,
  maximum_packet_size = 0x27,
  wildcard_subscription_available = 0x28,
  subscription_identifier_available = 0x29,
  shared_subscription_available = 0x2A,
};

enum class PropertyType : std::uint8_t {
  byte,
  two_byte_integer,
  four_byte_integer,
  variable_byte_integer,
  utf8_string,
  utf8_string_pair,
  binary_data,
};
[[nodiscard]] constexpr bool is_number(PropertyType type) {
  return type <= PropertyType::variable_byte_integer;
}

/// Where properties stand: a packet, by the number of its type, or the Will in CONNECT.
enum class PropertyPlace : std::uint8_t { nowhere = 0, will = 16 };
[[nodiscard]] constexpr PropertyPlace place_of(PacketType type) {
  return static_cast<PropertyPlace>(type);
}

enum class PropertyRange : std::uint8_t { any, zero_or_one, not_zero, topic_name };

/// One property in one place.
struct PropertyUse {
  PropertyPlace place = PropertyPlace::nowhere;
  std::string_view twice = {};         ///< broken by a second one; empty: it may be repeated
  std::string_view out_of_range = {};  ///< broken by a value that its range excludes
  std::string_view from_client = {};   ///< broken if a client sends it here; empty: it may
  std::string_view from_server = {};   ///< the same of a server
};

struct PropertyRule {
  static constexpr std::size_t most_places = 14;
  PropertyId id;
  std::string_view name;
  PropertyType type;
  PropertyRange range;
  std::string_view ill_formed;                ///< broken by text that is not valid UTF-8
  std::array<PropertyUse, most_places> uses;  ///< ends at the first without a place
  [[nodiscard]] constexpr const PropertyUse* use_in(PropertyPlace place) const {
    for (const PropertyUse& use : uses) {
      if (use.place == place) return &use;
      if (use.place == PropertyPlace::nowhere) break;
    }
    return nullptr;
  }
  /// The reason code of a value out of range.
  [[nodiscard]] constexpr std::uint8_t range_reason() const {
    if (range == PropertyRange::topic_name) return 0x81;
    return id == PropertyId::topic_alias ? 0x94 : 0x82;  // U-3.3.4-2
  }
};

namespace property_place {
inline constexpr PropertyPlace will = PropertyPlace::will;
inline constexpr PropertyPlace connect = place_of(PacketType::connect),
                               connack = place_of(PacketType::connack),
                               publish = place_of(PacketType::publish),
                               puback = place_of(PacketType::puback),
                               pubrec = place_of(PacketType::pubrec),
                               pubrel = place_of(PacketType::pubrel),
                               pubcomp = place_of(PacketType::pubcomp),
                               subscribe = place_of(PacketType::subscribe),
                               suback = place_of(PacketType::suback),
                               unsubscribe = place_of(PacketType::unsubscribe),
                               unsuback = place_of(PacketType::unsuback),
                               disconnect = place_of(PacketType::disconnect),
                               auth = place_of(PacketType::auth);
}  // namespace property_place

inline constexpr std::array<PropertyRule, 27> property_rules = [] {
  using namespace property_place;
  using Id = PropertyId;
  using enum PropertyType;
  using enum PropertyRange;
  return std::array<PropertyRule, 27>{{
      {Id::payload_format_indicator,
       "Payload Format Indicator",
       byte,
       zero_or_one,
       "",
       {{{publish, "MQTT-3.3.2.3.2", "MQTT-3.3.2.3.2"},
         {will, "U-3.1.3.2.3-1", "MQTT-3.1.3.2.3"}}}},
      {Id::message_expiry_interval,
       "Message Expiry Interval",
       four_byte_integer,
       any,
       "",
       {{{publish, "MQTT-3.3.2.3.3"}, {will, "U-3.1.3.2.4-1"}}}},
      {Id::content_type,
       "Content Type",
       utf8_string,
       any,
       "MQTT-3.3.2-19",
       {{{publish, "U-3.3.2.3.9-1"}, {will, "U-3.1.3.2.5-1"}}}},
      {Id::response_topic,
       "Response Topic",
       utf8_string,
       topic_name,
       "MQTT-3.3.2-13",
       {{{publish, "U-3.3.2.3.5-1", "MQTT-3.3.2-14"}, {will, "U-3.1.3.2.6-1", "MQTT-3.3.2-14"}}}},
      {Id::correlation_data,
       "Correlation Data",
       binary_data,
       any,
       "",
       {{{publish, "U-3.3.2.3.6-1"}, {will, "U-3.1.3.2.7-1"}}}},
      {Id::subscription_identifier,
       "Subscription Identifier",
       variable_byte_integer,
       not_zero,
       "",
       {{{publish, "", "U-3.3.2.3.8-1", "MQTT-3.3.4-6"},
         {subscribe, "U-3.8.2.1.2-1", "U-3.8.2.1.2-2"}}}},
      {Id::session_expiry_interval,
       "Session Expiry Interval",
       four_byte_integer,
       any,
       "",
       {{{connect, "U-3.1.2.11.2-1"},
         {connack, "U-3.2.2.3.2-1"},
         {disconnect, "U-3.14.2.2.2-1", "", "", "MQTT-3.14.2-2"}}}},
      {Id::assigned_client_identifier,
       "Assigned Client Identifier",
       utf8_string,
       any,
       "U-1.5.4-1",
       {{{connack, "U-3.2.2.3.7-1"}}}},
      {Id::server_keep_alive,
       "Server Keep Alive",
       two_byte_integer,
       any,
       "",
       {{{connack, "U-3.2.2.3.14-1"}}}},
      {Id::authentication_method,
       "Authentication Method",
       utf8_string,
       any,
       "U-1.5.4-1",
       {{{connect, "U-3.1.2.11.9-1"}, {connack, "U-3.2.2.3.17-1"}, {auth, "U-3.15.2.2.2-1"}}}},
      {Id::authentication_data,
       "Authentication Data",
       binary_data,
       any,
       "",
       {{{connect, "U-3.1.2.11.10-1"}, {connack, "U-3.2.2.3.18-1"}, {auth, "U-3.15.2.2.3-1"}}}},
      {Id::request_problem_information,
       "Request Problem Information",
       byte,
       zero_or_one,
       "",
       {{{connect, "U-3.1.2.11.7-1", "U-3.1.2.11.7-2"}}}},
      {Id::will_delay_interval,
       "Will Delay Interval",
       four_byte_integer,
       any,
       "",
       {{{will, "U-3.1.3.2.2-1"}}}},
      {Id::request_response_information,
       "Request Response Information",
       byte,
       zero_or_one,
       "",
       {{{connect, "U-3.1.2.11.6-1", "U-3.1.2.11.6-2"}}}},
      {Id::response_information,
       "Response Information",
       utf8_string,
       any,
       "U-1.5.4-1",
       {{{connack, "U-3.2.2.3.15-1"}}}},
      {Id::server_reference,
       "Server Reference",
       utf8_string,
       any,
       "U-1.5.4-1",
       {{{connack, "U-3.2.2.3.16-1"}, {disconnect, "U-3.14.2.2.5-1"}}}},
      {Id::reason_string,
       "Reason String",
       utf8_string,
       any,
       "U-1.5.4-1",
       {{{connack, "U-3.2.2.3.9-1"},
         {puback, "U-3.4.2.2.2-1"},
         {pubrec, "U-3.5.2.2.2-1"},
         {pubrel, "U-3.6.2.2.2-1"},
         {pubcomp, "U-3.7.2.2.2-1"},
         {suback, "U-3.9.2.1.2-1"},
         {unsuback, "U-3.11.2.1.2-1"},
         {disconnect, "U-3.14.2.2.3-1"},
         {auth, "U-3.15.2.2.4-1"}}}},
      {Id::receive_maximum,
       "Receive Maximum",
       two_byte_integer,
       not_zero,
       "",
       {{{connect, "U-3.1.2.11.3-1", "U-3.1.2.11.3-2"},
         {connack, "U-3.2.2.3.3-1", "U-3.2.2.3.3-2"}}}},
      {Id::topic_alias_maximum,
       "Topic Alias Maximum",
       two_byte_integer,
       any,
       "",
       {{{connect, "U-3.1.2.11.5-1"}, {connack, "U-3.2.2.3.8-1"}}}},
      {Id::topic_alias,
       "Topic Alias",
       two_byte_integer,
       not_zero,
       "",
       {{{publish, "U-3.3.2.3.4-1", "U-3.3.4-2"}}}},
      {Id::maximum_qos,
       "Maximum QoS",
       byte,
       zero_or_one,
       "",
       {{{connack, "U-3.2.2.3.4-1", "U-3.2.2.3.4-2"}}}},
      {Id::retain_available,
       "Retain Available",
       byte,
       zero_or_one,
       "",
       {{{connack, "U-3.2.2.3.5-1", "U-3.2.2.3.5-2"}}}},
      {Id::user_property,
       "User Property",
       utf8_string_pair,
       any,
       "U-1.5.7-1",
       {{{connect},
         {connack},
         {publish},
         {will},
         {puback},
         {pubrec},
         {pubrel},
         {pubcomp},
         {subscribe},
         {suback},
         {unsubscribe},
         {unsuback},
         {disconnect},
         {auth}}}},
      {Id::maximum_packet_size,
       "Maximum Packet Size",
       four_byte_integer,
       not_zero,
       "",
       {{{connect, "U-3.1.2.11.4-1", "U-3.1.2.11.4-2"},
         {connack, "U-3.2.2.3.6-1", "U-3.2.2.3.6-2"}}}},
      {Id::wildcard_subscription_available,
       "Wildcard Subscription Available",
       byte,
       zero_or_one,
       "",
       {{{connack, "U-3.2.2.3.11-1", "U-3.2.2.3.11-2"}}}},
      {Id::subscription_identifier_available,
       "Subscription Identifiers Available",
       byte,
       zero_or_one,
       "",
       {{{connack, "U-3.2.2.3.12-1", "U-3.2.2.3.12-2"}}}},
      {Id::shared_subscription_available,
       "Shared Subscription Available",
       byte,
       zero_or_one,
       "",
       {{{connack, "U-3.2.2.3.13-1", "U-3.2.2.3.13-2"}}}},
  }};
}();

/// The row of an identifier; null if the standard has none.
[[nodiscard]] constexpr const PropertyRule* find_property(std::uint32_t id) {
  constexpr auto rows = [] {
    std::array<std::uint8_t, 0x2B> places{};
    for (std::uint8_t i = 0; i < property_rules.size(); ++i)
      places[static_cast<std::uint8_t>(property_rules[i].id)] = static_cast<std::uint8_t>(i + 1);
    return places;
  }();
  if (id >= rows.size() || rows[id] == 0) return nullptr;
  return &property_rules[rows[id] - 1u];
}
[[nodiscard]] constexpr const PropertyRule& rule_of(PropertyId id) {
  return *find_property(static_cast<std::uint32_t>(id));
}

}  // namespace mqttlab
