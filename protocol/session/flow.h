// The QoS 1 and 2 exchanges of one session, as sender and as receiver. Both ends use both. A flow
// belongs to the session and survives links.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/session/exchanges.h"
#include "protocol/session/id_set.h"
#include "protocol/session/link_output.h"
#include "protocol/session/packet_ids.h"

namespace mqttlab {

/// The sender's half: in-flight QoS 1 and 2 messages, each at its stage, indexed by packet id, in
/// sending order.
class OutboundFlow {
 public:
  using Stage = mqttlab::Stage;
  using Exchange = mqttlab::Exchange;

  /// `window`: how many exchanges may be open at once; 1..65535. `ids` must outlive the flow.
  OutboundFlow(std::uint16_t window, PacketIds& ids);

  /// Window and quota not used up, an id free, nothing left to send again first.
  [[nodiscard]] bool can_send() const;
  /// Opens an exchange for a QoS 1 or 2 message and writes its PUBLISH with DUP 0; returns its id.
  /// can_send() must hold.
  std::uint16_t send(OutMessage message, LinkOutput& out, Time now);

  /// An exchange that was open when this end's process ended. They come in sending order, before
  /// the first link.
  void restore(std::uint16_t id, OutMessage message, Stage stage);
  /// A new link of the same session: a new quota (MQTT-4.9.0-1), whatever the old link had left,
  /// and every open exchange is to be sent again, in original order, at its stage (PUBLISH with DUP
  /// 1, or PUBREL), under its id (MQTT-4.4.0-1, MQTT-4.6.0-1).
  void new_link(std::uint16_t receive_maximum);
  /// Writes what is to be sent again, PUBRELs first, which need no quota; the rest as far as the
  /// quota goes. Stops when `out` holds `limit_bytes`.
  void resend(LinkOutput& out, std::size_t limit_bytes, Time now);
  /// Something is left to be sent again, and may be now.
  [[nodiscard]] bool can_resend() const;

  /// Answers of the peer. A finished exchange gives its message's token back and frees the id. An
  /// answer that fits no open exchange at its stage is ignored; but a PUBREC whose message is not
  /// known any more is answered by PUBREL all the same, so that the peer can finish
  /// (MQTT-4.3.3-1).
  using Finished = std::optional<std::uint64_t>;
  Finished puback(std::uint16_t id);
  /// A reason of 0x80 or more ends the exchange (MQTT-4.4.0-2).
  Finished pubrec(std::uint16_t id, ReasonCode reason, LinkOutput& out);
  Finished pubcomp(std::uint16_t id);

  /// After new_link(): ends the exchanges whose PUBLISH would be sent again, but `drop` says that
  /// it must not be. At QoS 2 the receiver may have it all the same, and would take the next
  /// message under its id for a repeat: PUBREL goes out in its place, and PUBCOMP frees the id and
  /// gives token 0 back.
  template <std::predicate<const OutMessage&> Drop>
  void drop_if(Drop drop) {
    for (std::uint16_t id = exchanges_.oldest(), next = 0; id != 0; id = next) {
      next = exchanges_.younger(id);
      const Exchange& exchange = *exchanges_.find(id);
      if (exchange.stage != Stage::await_pubcomp && drop(exchange.message)) abandon(id);
    }
  }

  [[nodiscard]] std::size_t open() const { return exchanges_.size(); }
  /// PUBLISHes that the peer's Receive Maximum still allows on this link.
  [[nodiscard]] std::uint16_t quota() const { return receive_maximum_ - in_quota_; }
  [[nodiscard]] const Exchange* find(std::uint16_t id) const { return exchanges_.find(id); }
  /// Calls visit(id, exchange) for each, in sending order.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (std::uint16_t id = exchanges_.oldest(); id != 0; id = exchanges_.younger(id))
      visit(id, *exchanges_.find(id));
  }
  /// The session ends: everything open, in sending order; ids are freed.
  [[nodiscard]] std::vector<Exchange> take_all();
  /// The same, for owners that want the tokens only.
  std::vector<std::uint64_t> clear();

 private:
  void finish(std::uint16_t id);
  void abandon(std::uint16_t id);
  std::uint16_t window_, receive_maximum_;
  std::uint16_t in_quota_ = 0;  // exchanges whose PUBLISH went out on this link
  PacketIds& ids_;
  Exchanges exchanges_;
  // The oldest exchanges not yet sent again on this link, as PUBREL and as PUBLISH; 0: none.
  std::uint16_t resend_pubrel_ = 0, resend_publish_ = 0;
};

/// The receiver's half: QoS 2 ids seen and not yet released (MQTT-4.3.3-2), and how many exchanges
/// the peer has open on this link.
class InboundFlow {
 public:
  /// `receive_maximum`: how many exchanges the peer may have open at once on one link.
  explicit InboundFlow(std::uint16_t receive_maximum = 65'535)
      : receive_maximum_(receive_maximum) {}
  /// A new link of the same session: what was seen stays, counting begins anew.
  void new_link() { on_link_.clear(); }
  /// The same, with a peer that has been told another maximum.
  void new_link(std::uint16_t receive_maximum) {
    receive_maximum_ = receive_maximum;
    new_link();
  }
  enum class Verdict : std::uint8_t { fresh, repeat, over_limit };
  /// A QoS 2 PUBLISH with this id: is it a new message or a repeat, whatever its DUP says
  /// (MQTT-4.3.3-10)? A QoS 1 one is always new (MQTT-4.3.2-5).
  Verdict publish(std::uint16_t id, QoS qos);
  /// The exchange has ended with this end's answer: PUBACK, or an error PUBREC (MQTT-4.3.3-9).
  void answered(std::uint16_t id);
  /// PUBREL. False: no message waits for it, which a PUBCOMP of 5.0 says (0x92).
  bool pubrel(std::uint16_t id);
  /// A QoS 2 message with this id had been taken when this end's process ended.
  void restore(std::uint16_t id) { seen_.insert(id); }
  [[nodiscard]] std::size_t open() const { return seen_.size(); }
  [[nodiscard]] const std::vector<std::uint16_t>& seen() const { return seen_.ids(); }
  void clear();

 private:
  std::uint16_t receive_maximum_;
  IdSet seen_;     // QoS 2, of the session
  IdSet on_link_;  // QoS 1 and 2, of the present link
};

}  // namespace mqttlab
