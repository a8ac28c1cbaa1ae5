// BrokerLink: the broker's end of one byte stream. A new link is new link state; the session is
// another object.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/broker/broker.h"
#include "protocol/broker/gate.h"
#include "protocol/broker/handshake.h"
#include "protocol/broker/identity.h"
#include "protocol/broker/intake.h"
#include "protocol/peer.h"
#include "protocol/session/link_output.h"
#include "protocol/wire/codec.h"
#include "protocol/wire/framer.h"
#include "protocol/wire/outbox.h"

namespace mqttlab {

class BrokerCore;
class Session;

class BrokerLink final : public Peer {
 public:
  /// `core` must outlive the link. `certificate`: the client's X.509 identity; empty: none.
  BrokerLink(BrokerCore& core, LinkId id, std::string_view certificate);
  BrokerLink(const BrokerLink&) = delete;
  BrokerLink& operator=(const BrokerLink&) = delete;

  // The host's side. Timers are the broker's: deadline() is `never`.
  [[nodiscard]] std::span<std::uint8_t> space() override;
  void received(std::size_t n, Time now) override;
  [[nodiscard]] std::size_t pending(std::span<Bytes> pieces) const override;
  void sent(std::size_t n, Time now) override;
  void closed(CloseCause cause, Time now) override;
  void advance(Time) override {}
  [[nodiscard]] Time deadline() const override { return never; }
  [[nodiscard]] bool finished() const override {
    return state_ == State::finished && gate_.is_open();
  }

  // The broker's side.
  enum class State : std::uint8_t {
    awaiting_connect,
    authenticating,  ///< CONNECT has come, the verdict has not; input waits, or is AUTH
    connected,
    finished,  ///< nothing that arrives counts any more; pending bytes may still leave
  };
  [[nodiscard]] LinkId id() const { return identity_.link; }
  [[nodiscard]] State state() const { return state_; }
  /// What the client has sent; only until it is accepted.
  [[nodiscard]] const Connect& connect() const { return *connect_; }
  [[nodiscard]] bool v5() const { return version_ == ProtocolVersion::v5_0; }
  [[nodiscard]] const Identity& identity() const { return identity_; }
  [[nodiscard]] LinkReport report() const;
  [[nodiscard]] Session* session() const { return session_; }
  [[nodiscard]] Handshake& handshake() { return handshake_; }
  /// When the bytes came that are being read; nothing is read while a question is open.
  [[nodiscard]] Time last_arrival() const { return last_arrival_; }
  /// How long the session is to outlive the link, in seconds; endless_expiry_s: for ever.
  [[nodiscard]] std::uint32_t session_expiry_s() const { return session_expiry_s_; }
  void set_client_id(Slice client_id) { identity_.client_id = std::move(client_id); }
  /// A grant has come: who the client is, and what it may do.
  void identify(const Decision& grant);

  /// How CONNECT is answered if it is accepted. `authentication`: properties of an enhanced one.
  [[nodiscard]] Connack welcome(const Properties& authentication) const;
  /// CONNECT is accepted: the link answers it and belongs to `session` from now on.
  void accepted(Session& session, Connack connack, Time now);
  /// CONNECT is refused: says so, if the client's version has words for it, and closes.
  void refuse(ReasonCode reason, Time now, std::string_view broken = {});
  /// The client has broken a rule or a limit: tells a client of 5.0, and closes (MQTT-4.8.0-1; v5
  /// MQTT-4.13.1-1).
  void violated(const Violation& violation, Time now);
  /// No CONNECT has come in time.
  void overdue(Time now);
  enum class Pending : std::uint8_t { drain, discard };
  /// The broker ends the link: a client of 5.0 is told `reason` and the statement that it has
  /// `broken`, if it has. Before 5.0 nobody is told, and `pending` bytes leave first or not.
  void end(ReasonCode reason, Time now, Pending pending = Pending::drain,
           std::string_view broken = {});
  /// Wants the stream closed, once pending bytes have left or at once. The session must have been
  /// taken away.
  void finish(Pending pending, Time now);
  /// The link ends for its session; gives it back, if there is one.
  Session* take_session();
  /// The will, which is gone afterwards: it is published once (MQTT-3.1.2-10).
  [[nodiscard]] std::unique_ptr<Will> take_will() { return std::move(will_); }
  /// The instant at which silence becomes too long, or `never` (MQTT-3.1.2-24; v5 MQTT-3.1.2-22).
  [[nodiscard]] Time keep_alive_due(Time now) const;
  /// The verdict on a question about this link.
  void decided(RequestId request, const Decision& decision, Time now);

  /// Writes a packet, which must fit.
  void send(const Packet& packet);
  /// An answer of 5.0 with an error code: `why` becomes its Reason String, if the client takes it.
  void send_with_reason(Packet answer, std::string_view why);
  /// The packet does not exceed the client's Maximum Packet Size (v5 MQTT-3.1.2-24).
  [[nodiscard]] bool fits(const Packet& packet) const { return takes(output_.terms(), packet); }

  // The session's side: it writes, and then says so.
  [[nodiscard]] LinkOutput& output() { return output_; }
  /// No more messages now: QoS 0 is dropped, QoS 1 and 2 wait in the session.
  [[nodiscard]] bool congested() const;
  /// Whether a packet says what must be true after a crash, too: it waits for the journal.
  enum class Says : std::uint8_t { nothing, promise };
  void wrote(Says what = Says::nothing);  ///< one packet
  void wrote_publish(Says what);          ///< one packet, a PUBLISH sent for the first time
  void write_qos0(const OutMessage& message, Time now);

  /// The host's call is over, and what this link has promised in it waits for `position`. False: it
  /// has promised nothing after all.
  [[nodiscard]] bool wait_for(JournalPosition position);
  /// What waits for `committed` or less may leave.
  void may_leave(JournalPosition committed) { gate_.open(committed); }

  bool touched = false;  ///< is in the broker's list of links with something new

 private:
  [[nodiscard]] bool reads() const;
  void hear_out(Time now);
  void process(Time now, bool to_the_end = false);
  void handle(const Packet& packet, Time now);
  void handle_connected(const Packet& packet, Time now);
  void on(const Connect& connect, Time now);
  void on(const Disconnect& disconnect, Time now);
  [[nodiscard]] std::uint32_t granted_expiry_s(std::uint32_t asked_s) const;
  template <typename P>
  void tell(P packet, std::string_view broken);
  template <typename P>
  void add(P& packet, PropertyId id, std::string_view text) const;
  template <typename P>
  void add_reason(P& packet, std::string_view why) const;
  void leave();
  void discard(Time now);

  BrokerCore& core_;
  State state_ = State::awaiting_connect;
  Identity identity_;
  Framer framer_;
  LinkOutput output_;
  ProtocolVersion version_ = ProtocolVersion::v3_1_1;
  std::unique_ptr<Connect> connect_;  // until it is accepted; its slices are copies
  std::unique_ptr<Will> will_;        // from then on
  Handshake handshake_;
  Intake intake_;
  Session* session_ = nullptr;
  std::uint32_t asked_expiry_s_ = 0, session_expiry_s_ = 0;
  std::uint16_t keep_alive_s_ = 0;
  Gate gate_;
  std::uint64_t written_bytes_ = 0;  // the end of the last packet in the stream; for the gate
  std::uint64_t promised_from_ = Gate::nowhere;  // in the present call of the host
  LinkReport report_;                            // without the client id
  Time last_arrival_ = 0;
  Time last_packet_ = 0;  // when the last control packet was whole
  // QoS 0 messages in the outbox: where they end in the stream. In traced runs only, so that each
  // one that dies with the link can be named.
  struct UnsentQos0 {
    std::uint64_t end;
    std::uint64_t identity;
  };
  std::list<UnsentQos0> unsent_qos0_;
  std::uint64_t sent_bytes_ = 0;
};

}  // namespace mqttlab
