// Plan: what a load run does, as the command line says it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "protocol/transport/tls_context.h"
#include "protocol/wire/packet_type.h"

namespace mqttlab::bench {

/// Who gets whose messages. fan_in and fan_out: every subscriber gets every publisher's, which
/// differ in their usual numbers only. point_to_point: the n-th subscriber gets the n-th
/// publisher's. idle: there are no messages.
enum class Pattern : std::uint8_t { point_to_point, fan_out, fan_in, idle };

struct Plan {
  std::string host = "127.0.0.1";
  std::string port = "1883";
  std::shared_ptr<const TlsContext> tls = {};  ///< null: plain TCP
  ProtocolVersion version = ProtocolVersion::v3_1_1;
  Pattern pattern = Pattern::point_to_point;
  std::uint32_t publishers = 1;
  std::uint32_t subscribers = 1;
  std::uint32_t idle = 0;  ///< connections that only stay open
  QoS qos = QoS::at_most_once;
  std::uint32_t payload_bytes = 64;
  double rate = 0;              ///< messages per second of all publishers; 0: flat out
  std::uint32_t window = 20;    ///< of each publisher: messages not yet acknowledged and delivered
  std::uint64_t messages = 0;   ///< of all publishers; 0: as many as `duration_s` has room for
  double duration_s = 10;       ///< of publishing; unless `messages` says how many
  double drain_s = 5;           ///< waited for answers and deliveries, since the last one
  double connect_s = 30;        ///< for all connections to be up
  std::uint32_t dialing = 100;  ///< connections that are made at once
  std::string prefix = "mqttlab-bench";
  int broker_pid = 0;  ///< whose CPU time and memory are measured; 0: nobody's

  [[nodiscard]] std::uint32_t connections() const { return publishers + subscribers + idle; }
  /// Deliveries that one message is owed.
  [[nodiscard]] std::uint32_t copies() const {
    return pattern == Pattern::point_to_point ? 1 : subscribers;
  }
};

/// Throws std::invalid_argument naming option, value and remedy.
void check(const Plan& plan);

[[nodiscard]] std::string_view name(Pattern pattern);

}  // namespace mqttlab::bench
