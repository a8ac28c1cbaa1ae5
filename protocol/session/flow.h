// The QoS 1 and 2 exchanges of one session, as sender and as receiver. Both ends use both. A flow
// belongs to the session and survives links.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "protocol/wire/codec.h"
#include "protocol/wire/packet.h"
#include "protocol/wire/result.h"

namespace mqttlab {

/// Packet ids 1..65535 of one direction of one session (MQTT-2.3.1-1 to -4). A client's PUBLISH,
/// SUBSCRIBE and UNSUBSCRIBE share them. Handed out in rising order with wrap-around, skipping
/// those in use: the longest time before reuse.
class PacketIds {
 public:
  [[nodiscard]] std::uint16_t take();  ///< 0 if all are in use
  void release(std::uint16_t id);
  [[nodiscard]] bool in_use(std::uint16_t id) const;
  [[nodiscard]] std::size_t used() const { return used_; }

 private:
  std::vector<std::uint64_t>
      bits_;  // grows with the highest id in use, so that an idle session costs nothing
  std::uint16_t last_ = 0;
  std::size_t used_ = 0;
};

/// A message on its way out of a session.
struct OutMessage {
  Slice topic;
  Slice payload;
  EncodedPublish encoded;  ///< shared by all sessions that send this message in the same layout
  QoS qos = QoS::at_most_once;
  bool retain = false;      ///< RETAIN as this receiver is to see it
  std::uint64_t token = 0;  ///< the owner's own reference; given back on completion
};

/// The sender's half: in-flight QoS 1 and 2 messages, each at its stage, indexed by packet id, in
/// sending order.
class OutboundFlow {
 public:
  enum class Stage : std::uint8_t { await_puback, await_pubrec, await_pubcomp };
  struct Exchange {
    OutMessage message;  ///< payload and encoding are dropped once PUBREC has arrived
    Stage stage;
    bool sent_on_this_link;  ///< false after a new link, until it has been sent again
  };

  /// `window`: how many exchanges may be open at once; 1..65535.
  OutboundFlow(std::uint16_t window, PacketIds& ids);

  [[nodiscard]] bool can_send()
      const;  ///< window not full, an id free, nothing left to send again first
  /// Opens an exchange for a QoS 1 or 2 message and writes its PUBLISH with DUP 0. can_send() must
  /// hold.
  std::uint16_t send(OutMessage message, Outbox& out);

  /// A new link of the same session: every open exchange is to be sent again, in original order, at
  /// its stage (PUBLISH with DUP 1, or PUBREL), under its id (MQTT-4.4.0-1, MQTT-4.6.0-1).
  void new_link();
  /// Writes what is to be sent again, until `out` holds `limit_bytes`; true when nothing is left.
  bool resend(Outbox& out, std::size_t limit_bytes);

  /// Answers of the peer. A finished exchange gives its message's token back and frees the id. An
  /// answer that fits no exchange, or not its stage, is a harmless leftover of an older link unless
  /// it can have none: those are ignored; a PUBREC for an unknown id is answered by PUBREL all the
  /// same, so that the peer can finish (MQTT-4.3.3-1).
  std::optional<std::uint64_t> puback(std::uint16_t id);
  void pubrec(std::uint16_t id, Outbox& out);
  std::optional<std::uint64_t> pubcomp(std::uint16_t id);

  [[nodiscard]] std::size_t open() const { return exchanges_.size(); }
  [[nodiscard]] const Exchange* find(std::uint16_t id) const;
  /// The session ends: tokens of everything open, in order; ids are freed.
  std::vector<std::uint64_t> clear();

 private:
  std::uint16_t window_;
  PacketIds& ids_;
  std::map<std::uint16_t, Exchange> exchanges_;
  std::deque<std::uint16_t>
      order_;  // ids in sending order; entries of finished exchanges are skipped
  std::deque<std::uint16_t> resend_;  // ids still to be sent again on this link
};

/// The receiver's half: QoS 2 ids seen and not yet released (MQTT-4.3.3-2).
class InboundFlow {
 public:
  explicit InboundFlow(std::uint16_t window) : window_(window) {}
  enum class Verdict : std::uint8_t { fresh, repeat, over_limit };
  /// A QoS 2 PUBLISH with this id: is it a new message or a repeat, whatever its DUP says?
  Verdict publish(std::uint16_t id);
  void pubrel(std::uint16_t id) { seen_.erase(id); }
  [[nodiscard]] std::size_t open() const { return seen_.size(); }
  void clear() { seen_.clear(); }

 private:
  std::uint16_t window_;
  std::set<std::uint16_t> seen_;
};

}  // namespace mqttlab
