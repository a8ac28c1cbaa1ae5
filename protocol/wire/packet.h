// The control packets of MQTT as values. Text and bytes are slices or views of the frame they were
// decoded from.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/wire/slice.h"

namespace mqttlab {

/// The protocol level byte of CONNECT (MQTT-3.1.2-2). 3.1 differs only there and in its name,
/// MQIsdp.
enum class ProtocolVersion : std::uint8_t { v3_1 = 3, v3_1_1 = 4 };

/// Table 2.1 of the standard.
enum class PacketType : std::uint8_t {
  connect = 1,
  connack,
  publish,
  puback,
  pubrec,
  pubrel,
  pubcomp,
  subscribe,
  suback,
  unsubscribe,
  unsuback,
  pingreq,
  pingresp,
  disconnect,
};
[[nodiscard]] std::string_view name(
    PacketType type);  ///< "CONNECT", ...; "?" for a value outside the table

enum class QoS : std::uint8_t { at_most_once = 0, at_least_once = 1, exactly_once = 2 };

/// CONNACK return codes of 3.1.1 (table 3.1).
enum class ConnectReturn : std::uint8_t {
  accepted = 0,
  unacceptable_protocol_version,
  identifier_rejected,
  server_unavailable,
  bad_user_name_or_password,
  not_authorized,
};
/// SUBACK's code for a refused filter; 0, 1 and 2 grant that QoS (MQTT-3.9.3-2).
inline constexpr std::uint8_t suback_failure = 0x80;

/// Which end of a link sends: a packet that only the other end may send is a violation.
enum class Sender : std::uint8_t { client, server };

struct Will {
  Slice topic;
  Slice payload;
  QoS qos = QoS::at_most_once;
  bool retain = false;
  friend bool operator==(const Will&, const Will&) = default;
};

struct Connect {
  ProtocolVersion version = ProtocolVersion::v3_1_1;
  Slice client_id;
  bool clean_session = true;
  std::uint16_t keep_alive_s = 0;
  std::optional<Will> will;
  std::optional<Slice> user_name;
  std::optional<Slice> password;
  friend bool operator==(const Connect&, const Connect&) = default;
};
struct Connack {
  bool session_present = false;
  ConnectReturn code = ConnectReturn::accepted;
  friend bool operator==(const Connack&, const Connack&) = default;
};
struct Publish {
  Slice topic;
  Slice payload;
  QoS qos = QoS::at_most_once;
  bool retain = false;
  bool dup = false;
  std::uint16_t packet_id = 0;  ///< 0 at QoS 0, where the field is absent (MQTT-2.3.1-5)
  friend bool operator==(const Publish&, const Publish&) = default;
};
struct Puback {
  std::uint16_t packet_id = 0;
  friend bool operator==(const Puback&, const Puback&) = default;
};
struct Pubrec {
  std::uint16_t packet_id = 0;
  friend bool operator==(const Pubrec&, const Pubrec&) = default;
};
struct Pubrel {
  std::uint16_t packet_id = 0;
  friend bool operator==(const Pubrel&, const Pubrel&) = default;
};
struct Pubcomp {
  std::uint16_t packet_id = 0;
  friend bool operator==(const Pubcomp&, const Pubcomp&) = default;
};

struct Subscription {
  Slice filter;
  QoS qos = QoS::at_most_once;
  friend bool operator==(const Subscription&, const Subscription&) = default;
};
struct Subscribe {
  std::uint16_t packet_id = 0;
  std::vector<Subscription> subscriptions;
  friend bool operator==(const Subscribe&, const Subscribe&) = default;
};
struct Suback {
  std::uint16_t packet_id = 0;
  std::vector<std::uint8_t> codes;
  friend bool operator==(const Suback&, const Suback&) = default;
};
struct Unsubscribe {
  std::uint16_t packet_id = 0;
  std::vector<Slice> filters;
  friend bool operator==(const Unsubscribe&, const Unsubscribe&) = default;
};
struct Unsuback {
  std::uint16_t packet_id = 0;
  friend bool operator==(const Unsuback&, const Unsuback&) = default;
};
struct Pingreq {
  friend bool operator==(const Pingreq&, const Pingreq&) = default;
};
struct Pingresp {
  friend bool operator==(const Pingresp&, const Pingresp&) = default;
};
struct Disconnect {
  friend bool operator==(const Disconnect&, const Disconnect&) = default;
};

using Packet = std::variant<Connect, Connack, Publish, Puback, Pubrec, Pubrel, Pubcomp, Subscribe,
                            Suback, Unsubscribe, Unsuback, Pingreq, Pingresp, Disconnect>;
[[nodiscard]] inline PacketType type_of(const Packet& packet) {
  return static_cast<PacketType>(packet.index() + 1);
}

}  // namespace mqttlab
