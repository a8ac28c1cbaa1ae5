// What an Event has no room for, one type per kind of packet. Where 3.1.1 has no such field, a
// value stands for what it means there.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "protocol/wire/packet.h"

namespace mqttlab::trace {

/// Index of an interned string in the Log; 0 is the empty string.
using Text = std::uint32_t;

inline constexpr std::uint16_t no_receive_maximum = 65'535;
inline constexpr std::uint32_t no_packet_limit = 0xFFFF'FFFF;

/// CONNECT.
struct ConnectDetail {
  ProtocolVersion version = ProtocolVersion::v3_1_1;
  bool clean_session = true;  ///< Clean Start in 5.0
  std::uint16_t keep_alive_s = 0;
  bool has_will = false;
  Text will_topic = 0;
  std::uint64_t will_message = 0;  ///< identity of the will's topic and payload
  bool will_payload_empty = false;
  QoS will_qos{};
  bool will_retain = false;
  // 5.0
  bool authenticates = false;  ///< names an Authentication Method
  std::uint16_t receive_maximum = no_receive_maximum;
  std::uint16_t topic_alias_maximum = 0;
  std::uint32_t max_packet_size = no_packet_limit;  ///< bytes
  std::uint32_t session_expiry_s = 0;
  std::uint32_t will_delay_s = 0;
  std::optional<std::uint32_t> will_expiry_s{};

  [[nodiscard]] bool v5() const { return version == ProtocolVersion::v5_0; }
  /// How long the session outlives its connections, in seconds; endless_expiry_s: for ever. 3.1.1
  /// knows only a session that ends with its connection and one that does not end.
  [[nodiscard]] std::uint32_t outlives_s() const {
    return v5() ? session_expiry_s : clean_session ? 0 : endless_expiry_s;
  }
};

/// CONNACK of 5.0.
struct ConnackDetail {
  std::optional<std::uint32_t> session_expiry_s{};  ///< in place of the one asked for
  std::optional<std::uint16_t> server_keep_alive_s{};
  std::uint16_t receive_maximum = no_receive_maximum;
  std::uint16_t topic_alias_maximum = 0;
  std::uint32_t max_packet_size = no_packet_limit;  ///< bytes
  Text assigned_client_id = 0;
};

/// PUBLISH of 5.0 with at least one of these.
struct PublishDetail {
  std::uint16_t alias = 0;  ///< 0: none
  bool topic_given = true;  ///< on the wire: with an alias it is set (again), not only used
  std::optional<std::uint32_t> expiry_s{};
  std::vector<std::uint32_t> identifiers{};  ///< of subscriptions, as they came
};

/// One filter of a request, or one code of its answer.
struct FilterDetail {
  Text filter = 0;
  /// SUBSCRIBE: the byte of options, in 3.1.1 the QoS. SUBACK, UNSUBACK: the (reason) code.
  std::uint8_t code = 0;

  [[nodiscard]] std::uint8_t qos() const { return code & 0x03; }
  [[nodiscard]] bool no_local() const { return (code & 0x04) != 0; }
  [[nodiscard]] bool retain_as_published() const { return (code & 0x08) != 0; }
  [[nodiscard]] RetainHandling retain_handling() const {
    return static_cast<RetainHandling>(code >> 4 & 0x03);
  }
};
/// SUBSCRIBE, SUBACK, UNSUBSCRIBE, and UNSUBACK of 5.0.
struct FiltersDetail {
  std::vector<FilterDetail> filters{};
  std::uint32_t identifier = 0;  ///< SUBSCRIBE's Subscription Identifier; 0: none
};

/// DISCONNECT with a Session Expiry Interval.
struct DisconnectDetail {
  std::uint32_t session_expiry_s = 0;
};

using Detail =
    std::variant<FiltersDetail, ConnectDetail, ConnackDetail, PublishDetail, DisconnectDetail>;

}  // namespace mqttlab::trace
