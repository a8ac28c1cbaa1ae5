// The control packets of MQTT as values. Text and bytes are slices or views of the frame they were
// decoded from. Reason codes and properties are 5.0's: 3.1.1 neither carries nor sets them.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "protocol/wire/packet_type.h"
#include "protocol/wire/properties.h"
#include "protocol/wire/reason_code.h"
#include "protocol/wire/slice.h"

namespace mqttlab {

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

struct Will {
  Slice topic;
  Slice payload;
  QoS qos = QoS::at_most_once;
  bool retain = false;
  Properties properties = {};
  friend bool operator==(const Will&, const Will&) = default;
};

struct Connect {
  ProtocolVersion version = ProtocolVersion::v3_1_1;
  Slice client_id = {};
  bool clean_session = true;  ///< Clean Start in 5.0
  std::uint16_t keep_alive_s = 0;
  std::optional<Will> will = {};
  std::optional<Slice> user_name = {};
  std::optional<Slice> password = {};
  Properties properties = {};
  friend bool operator==(const Connect&, const Connect&) = default;
};
struct Connack {
  bool session_present = false;
  ConnectReturn code = ConnectReturn::accepted;  ///< 3.1.1
  ReasonCode reason = ReasonCode::success;       ///< 5.0
  Properties properties = {};
  friend bool operator==(const Connack&, const Connack&) = default;
};
struct Publish {
  Slice topic = {};
  Slice payload = {};
  QoS qos = QoS::at_most_once;
  bool retain = false;
  bool dup = false;
  std::uint16_t packet_id = 0;  ///< 0 at QoS 0, where the field is absent (MQTT-2.3.1-5)
  Properties properties = {};
  friend bool operator==(const Publish&, const Publish&) = default;
};
struct Puback {
  std::uint16_t packet_id = 0;
  ReasonCode reason = ReasonCode::success;
  Properties properties = {};
  friend bool operator==(const Puback&, const Puback&) = default;
};
struct Pubrec {
  std::uint16_t packet_id = 0;
  ReasonCode reason = ReasonCode::success;
  Properties properties = {};
  friend bool operator==(const Pubrec&, const Pubrec&) = default;
};
struct Pubrel {
  std::uint16_t packet_id = 0;
  ReasonCode reason = ReasonCode::success;
  Properties properties = {};
  friend bool operator==(const Pubrel&, const Pubrel&) = default;
};
struct Pubcomp {
  std::uint16_t packet_id = 0;
  ReasonCode reason = ReasonCode::success;
  Properties properties = {};
  friend bool operator==(const Pubcomp&, const Pubcomp&) = default;
};

/// Which retained messages a SUBSCRIBE brings (MQTT 5.0, 3.8.3.1).
enum class RetainHandling : std::uint8_t { send_at_subscribe, send_if_new, do_not_send };

struct Subscription {
  Slice filter;
  QoS qos = QoS::at_most_once;
  bool no_local = false;
  bool retain_as_published = false;
  RetainHandling retain_handling = RetainHandling::send_at_subscribe;
  friend bool operator==(const Subscription&, const Subscription&) = default;
};
struct Subscribe {
  std::uint16_t packet_id = 0;
  std::vector<Subscription> subscriptions;
  Properties properties = {};
  friend bool operator==(const Subscribe&, const Subscribe&) = default;
};
struct Suback {
  std::uint16_t packet_id = 0;
  std::vector<std::uint8_t> codes;
  Properties properties = {};
  friend bool operator==(const Suback&, const Suback&) = default;
};
struct Unsubscribe {
  std::uint16_t packet_id = 0;
  std::vector<Slice> filters;
  Properties properties = {};
  friend bool operator==(const Unsubscribe&, const Unsubscribe&) = default;
};
struct Unsuback {
  std::uint16_t packet_id = 0;
  std::vector<ReasonCode> codes = {};  ///< one per filter; 3.1.1 has none
  Properties properties = {};
  friend bool operator==(const Unsuback&, const Unsuback&) = default;
};
struct Pingreq {
  friend bool operator==(const Pingreq&, const Pingreq&) = default;
};
struct Pingresp {
  friend bool operator==(const Pingresp&, const Pingresp&) = default;
};
struct Disconnect {
  ReasonCode reason = ReasonCode::normal_disconnection;
  Properties properties = {};
  friend bool operator==(const Disconnect&, const Disconnect&) = default;
};
/// 5.0 only.
struct Auth {
  ReasonCode reason = ReasonCode::success;
  Properties properties = {};
  friend bool operator==(const Auth&, const Auth&) = default;
};

using Packet = std::variant<Connect, Connack, Publish, Puback, Pubrec, Pubrel, Pubcomp, Subscribe,
                            Suback, Unsubscribe, Unsuback, Pingreq, Pingresp, Disconnect, Auth>;
[[nodiscard]] inline PacketType type_of(const Packet& packet) {
  return static_cast<PacketType>(packet.index() + 1);
}

}  // namespace mqttlab
