// BrokerConfig: limits, times, and what a broker offers its clients.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "protocol/peer.h"
#include "protocol/wire/packet_type.h"
#include "protocol/wire/reason_code.h"

namespace mqttlab {

struct BrokerConfig {
  std::size_t max_connections = 100'000;
  std::uint32_t max_packet_size = 1 << 20;  ///< bytes, fixed header included; told in CONNACK
  Time connect_timeout = 30 * second;       ///< from accept to CONNECT, and then to a verdict
  double keep_alive_factor = 1.5;           ///< MQTT-3.1.2-24; v5 MQTT-3.1.2-22
  std::optional<std::uint16_t> server_keep_alive_s;  ///< instead of the clients' own (5.0)
  /// A longer Session Expiry Interval is cut to it, and CONNACK says so (5.0).
  std::optional<std::uint32_t> max_session_expiry_s;
  std::uint16_t window = 20;  ///< exchanges in flight to one session
  /// The highest packet id that this end hands out. Less is for tests of ids that run out.
  std::uint16_t test_packet_id_max = 65'535;
  std::uint16_t receive_window = 65'535;   ///< Receive Maximum: exchanges open from a client (5.0)
  std::uint16_t topic_alias_maximum = 16;  ///< aliases that a client may set (5.0)
  /// Aliases that the broker sets towards one client, as far as it accepts them (5.0).
  std::uint16_t send_topic_alias_maximum = 16;
  QoS maximum_qos = QoS::exactly_once;  ///< a PUBLISH above it ends its link
  bool retain_available = true;         ///< if not, a PUBLISH with RETAIN 1 ends its link
  bool wildcard_available = true;       ///< wildcard filters; as the next two, refused if not (5.0)
  bool shared_available = true;         ///< shared subscriptions
  bool identifiers_available = true;    ///< subscription identifiers
  bool reason_strings = true;           ///< name the statement that a client of 5.0 has broken
  std::string response_information;     ///< for clients that ask for it (5.0); empty: none
  /// 0x9C or 0x9D: every CONNECT is refused with it and `server_reference` (5.0; CONNACK 0x03
  /// before). 0: clients are served here.
  ReasonCode redirect = ReasonCode::success;
  std::string server_reference;
  std::size_t queue_messages =
      1'000;  ///< waiting for one session, behind its window or while it is away
  std::size_t queue_bytes = 8 << 20;  ///< the same in bytes of encoded packets
  bool queue_qos0 = false;            ///< keep QoS 0 messages for absent persistent sessions
  std::size_t outbox_bytes =
      256 << 10;  ///< per link; QoS 0 is dropped above it, QoS 1 and 2 wait in the queue
  std::size_t max_retained = 100'000;
  std::size_t max_retained_bytes = 256 << 20;  ///< topics, properties and payloads of all of them
  std::size_t max_subscriptions = 1'000;       ///< per session
  std::size_t max_filter_levels = 128;         ///< of a topic filter; a deeper one is refused
  std::size_t max_sessions = 1'000'000;        ///< then new client ids get CONNACK 0x03 (5.0: 0x97)
  Time sys_interval = 0;  ///< $SYS topics are published so often; 0: not at all
};

/// The same; throws std::invalid_argument naming a field that cannot work.
const BrokerConfig& checked(const BrokerConfig& config);

}  // namespace mqttlab
