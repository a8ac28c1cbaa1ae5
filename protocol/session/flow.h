// The QoS 1 and 2 exchanges of one session, as sender and as receiver. Both ends use both. A flow
// belongs to the session and survives links.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/session/exchanges.h"
#include "protocol/session/id_set.h"
#include "protocol/session/packet_ids.h"
#include "protocol/wire/outbox.h"

namespace mqttlab {

/// The sender's half: in-flight QoS 1 and 2 messages, each at its stage, indexed by packet id, in
/// sending order.
class OutboundFlow {
 public:
  using Stage = mqttlab::Stage;
  using Exchange = mqttlab::Exchange;

  /// `window`: how many exchanges may be open at once; 1..65535. `ids` must outlive the flow.
  OutboundFlow(std::uint16_t window, PacketIds& ids);

  /// Window not full, an id free, nothing left to send again first.
  [[nodiscard]] bool can_send() const;
  /// Opens an exchange for a QoS 1 or 2 message and writes its PUBLISH with DUP 0; returns its id.
  /// can_send() must hold.
  std::uint16_t send(OutMessage message, Outbox& out);

  /// A new link of the same session: every open exchange is to be sent again, in original order, at
  /// its stage (PUBLISH with DUP 1, or PUBREL), under its id (MQTT-4.4.0-1, MQTT-4.6.0-1).
  void new_link() { resend_ = exchanges_.oldest(); }
  /// Writes what is to be sent again, until `out` holds `limit_bytes`; true when nothing is left.
  bool resend(Outbox& out, std::size_t limit_bytes);

  /// Answers of the peer. A finished exchange gives its message's token back and frees the id. An
  /// answer that fits no open exchange at its stage is ignored; but a PUBREC whose message is not
  /// known any more, or has been released already, is answered by PUBREL all the same, so that the
  /// peer can finish (MQTT-4.3.3-1).
  std::optional<std::uint64_t> puback(std::uint16_t id);
  void pubrec(std::uint16_t id, Outbox& out);
  std::optional<std::uint64_t> pubcomp(std::uint16_t id);

  [[nodiscard]] std::size_t open() const { return exchanges_.size(); }
  [[nodiscard]] const Exchange* find(std::uint16_t id) const { return exchanges_.find(id); }
  /// The session ends: everything open, in sending order; ids are freed.
  [[nodiscard]] std::vector<Exchange> take_all();
  /// The same, for owners that want the tokens only.
  std::vector<std::uint64_t> clear();

 private:
  void finish(std::uint16_t id);
  std::uint16_t window_;
  PacketIds& ids_;
  Exchanges exchanges_;
  std::uint16_t resend_ = 0;  // the oldest exchange not yet sent again on this link; 0: none
};

/// The receiver's half: QoS 2 ids seen and not yet released (MQTT-4.3.3-2).
class InboundFlow {
 public:
  /// `window`: how many ids may be open at once.
  explicit InboundFlow(std::uint16_t window) : window_(window) {}
  enum class Verdict : std::uint8_t { fresh, repeat, over_limit };
  /// A QoS 2 PUBLISH with this id: is it a new message or a repeat, whatever its DUP says?
  Verdict publish(std::uint16_t id);
  void pubrel(std::uint16_t id) { seen_.erase(id); }
  [[nodiscard]] std::size_t open() const { return seen_.size(); }
  void clear() { seen_.clear(); }

 private:
  std::uint16_t window_;
  IdSet seen_;
};

}  // namespace mqttlab
