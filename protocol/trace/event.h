// What happened, as typed events in one total order. Packets are decoded from bytes at the host
// boundary, never reported by the peer itself.
#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/peer.h"
#include "protocol/trace/detail.h"

namespace mqttlab::trace {

/// Index of a named participant (device, broker) in the Log.
using Actor = std::uint32_t;

enum class Kind : std::uint8_t {
  // Transport, one event per end that notices.
  opened,  ///< this end has a connection; flags: flag_guest
  closed,  ///< this end has lost it; code: CloseCause
  // Packets, at the boundary between a peer and its host.
  written,    ///< the transport took the packet's last byte
  arrived,    ///< the packet's last byte reached the peer
  malformed,  ///< bytes that are no packet; code: reason, text: statement, flags: as for a tail.
              ///< Nothing after them is decoded in that direction
  tail,       ///< at the end of a stream: `bytes` of a packet that is not whole, written or arrived
              ///< (flags: 0, 1)
  // The application's side of a client.
  publish_called,   ///< accepted by the client; message, packet_id 0, flags as in PUBLISH, token in
                    ///< `detail`
  publish_refused,  ///< code: Misuse
  publish_completed,  ///< code: Outcome, token in `detail`
  delivered,          ///< handed to the application; flags as in PUBLISH, message, text: topic
  // What a broker says of itself.
  dropped,  ///< a message for session `text` (client id) will not be delivered; code: DropReason,
            ///< message
  session_ended,  ///< text: client id
  // The world.
  link_down,
  link_up,  ///< the actor's access link, by fault or cycle
  died,     ///< the actor's client process is gone; code: Death
  phase,    ///< text: its name, e.g. "settle"; everything after it runs without faults
  fault,    ///< text: what is done on purpose, in words; the actor that it befalls; the connection,
            ///< if it befalls one
  fault_over,  ///< the same; from here on it has no effect
  crashed,     ///< this end's process is gone and may come back; code: StoreFate
  restarted,   ///< it is back, with what its store has
  paused,      ///< this end's process does not run: no bytes read or written, no timers
  went_on,     ///< it runs again
  stopped,     ///< the application has ended its client (text: client id) while that was not
               ///< connected, so that no DISCONNECT says so
};
inline constexpr int kinds = static_cast<int>(Kind::stopped) + 1;
[[nodiscard]] std::string_view name(Kind kind);

enum class End : std::uint8_t { client, broker };
enum class DropReason : std::uint8_t {
  queue_full,
  queue_bytes_full,
  session_ended,
  offline_qos0,
  outbox_full,
  not_authorised,
  too_large,
  retained_limit,
  expired,  ///< its Message Expiry Interval was over before it could be sent
};
[[nodiscard]] std::string_view name(DropReason reason);
enum class Death : std::uint8_t { fin, reset, silent };
[[nodiscard]] std::string_view name(Death death);
/// What a process that crashed finds in its store when it is back.
enum class StoreFate : std::uint8_t {
  kept,  ///< all that it wrote
  lost,  ///< nothing
  torn,  ///< what it had synced; of what it wrote later a part, its last record cut
};
[[nodiscard]] std::string_view name(StoreFate fate);

/// One event; 48 bytes, so that millions fit. Fields that a kind does not use are 0.
struct Event {
  Time at = 0;
  std::uint64_t message = 0;  ///< identity of topic and payload: Log::identity(); 0: none
  Kind kind = Kind::opened;
  End end = End::client;
  PacketType packet{};     ///< written, arrived
  std::uint8_t flags = 0;  ///< PUBLISH: low nibble of its first byte. CONNACK: session present
  /// CONNACK's return code or reason, the reason of an acknowledgement, DISCONNECT or AUTH of 5.0,
  /// CloseCause, DropReason, ...
  std::uint8_t code = 0;
  std::uint8_t reserved = 0;
  std::uint16_t packet_id = 0;
  Actor actor = 0;  ///< whose end: the device at End::client, the broker at End::broker
  std::uint32_t connection = 0;  ///< the same number at both ends; 0: none
  std::uint32_t bytes = 0;       ///< of the packet on the wire, or of a tail
  /// Topic, client id, statement, phase. A PUBLISH with a topic alias names the full topic; with
  /// one that was never set it has neither text nor message.
  Text text = 0;
  /// written, arrived: index in Log's details, if the packet has something to tell there
  /// (detail.h); publish_called, publish_completed: the token
  std::uint32_t detail = 0;
  std::uint32_t payload_bytes = 0;
};
static_assert(sizeof(Event) == 48);

inline constexpr std::uint8_t flag_retain = 0x01, flag_qos = 0x06, flag_dup = 0x08;
/// The program at this end is none of ours: the trace has its packets, and neither what it asked
/// for nor what it was handed.
inline constexpr std::uint8_t flag_guest = 0x01;
[[nodiscard]] constexpr QoS qos_of(const Event& event) {
  return static_cast<QoS>((event.flags & flag_qos) >> 1);
}
[[nodiscard]] constexpr bool dup_of(const Event& event) { return (event.flags & flag_dup) != 0; }
[[nodiscard]] constexpr bool retain_of(const Event& event) {
  return (event.flags & flag_retain) != 0;
}

}  // namespace mqttlab::trace
