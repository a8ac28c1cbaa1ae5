// Broker: sessions and routing. One object; it hands out a Peer for each accepted link.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "protocol/broker/access.h"
#include "protocol/peer.h"
#include "protocol/trace/log.h"

namespace mqttlab {

struct BrokerConfig {
  std::size_t max_connections = 100'000;
  std::uint32_t max_packet_size = 1 << 20;  ///< bytes, fixed header included
  Time connect_timeout = 30 * second;       ///< from accept to CONNECT, and then to a verdict
  double keep_alive_factor = 1.5;           ///< MQTT-3.1.2-24
  std::uint16_t window = 20;                ///< exchanges in flight to one session
  std::uint16_t receive_window = 65'535;    ///< QoS 2 exchanges open from one session
  std::size_t queue_messages =
      1'000;  ///< waiting for one session, behind its window or while it is away
  std::size_t queue_bytes = 8 << 20;  ///< the same in bytes of encoded packets
  bool queue_qos0 = false;            ///< keep QoS 0 messages for absent persistent sessions
  std::size_t outbox_bytes =
      256 << 10;  ///< per link; QoS 0 is dropped above it, QoS 1 and 2 wait in the queue
  std::size_t max_retained = 100'000;
  std::size_t max_subscriptions = 1'000;  ///< per session
  std::size_t max_filter_levels = 128;    ///< of a topic filter; a deeper one is refused
  std::size_t max_sessions = 1'000'000;   ///< then new client ids get CONNACK 0x03
  Time sys_interval = 0;                  ///< $SYS topics are published so often; 0: not at all
};

/// What a broker counts about itself; `$SYS` shows the same.
struct BrokerGauges {
  std::uint64_t connections = 0, sessions = 0, subscriptions = 0, retained = 0;
  std::uint64_t queued_messages = 0, in_flight = 0;
  std::uint64_t packets_received = 0, packets_sent = 0, bytes_received = 0, bytes_sent = 0;
  std::uint64_t messages_received = 0, messages_sent = 0, messages_dropped = 0;
};

class Broker {
 public:
  /// `access` may be null: everybody may do everything. `log` may be null. Both must outlive the
  /// broker. The broker records in the log what the wire cannot show: messages dropped with their
  /// reason, sessions that ended.
  /// Throws std::invalid_argument naming a field of `config` that cannot work.
  Broker(BrokerConfig config, std::uint64_t seed, Access* access, trace::Log* log,
         trace::Actor actor);
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  /// A transport has been accepted. The Peer lives until release(). Over max_connections it is
  /// finished() at once.
  Peer& accept(LinkId link, Time now);
  /// The host has closed the socket and is done with this Peer (after closed(), or after
  /// finished()).
  void release(LinkId link);
  /// Links with bytes to write, or finished, since the last call: in order, each once. Valid until
  /// the next call.
  [[nodiscard]] std::span<const LinkId> touched();
  /// The verdict on a request that was answered `later`. Ignored if the link has gone, or has been
  /// refused (CONNACK 0x03) because the verdict did not come within connect_timeout.
  void decide(RequestId request, Verdict verdict, Time now);
  void advance(Time now);
  [[nodiscard]] Time deadline() const;
  [[nodiscard]] BrokerGauges gauges() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mqttlab
