// BrokerLink: the broker's end of one byte stream. A new link is new link state; the session is
// another object.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/broker/access.h"
#include "protocol/broker/publication.h"
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
  /// `core` must outlive the link.
  BrokerLink(BrokerCore& core, LinkId id, std::string certificate);
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
  [[nodiscard]] bool finished() const override { return state_ == State::finished; }

  // The broker's side.
  enum class State : std::uint8_t {
    awaiting_connect,
    authenticating,  ///< CONNECT has come, the verdict has not; input waits
    connected,
    finished,  ///< nothing that arrives counts any more; pending bytes may still leave
  };
  [[nodiscard]] LinkId id() const { return id_; }
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] const Connect& connect() const { return connect_; }
  [[nodiscard]] Session* session() const { return session_; }
  void set_client_id(Slice client_id) { connect_.client_id = std::move(client_id); }

  /// The verdict on its CONNECT is still to come.
  void authenticating(RequestId request);
  /// Refused if the verdict has still not come.
  void undecided(Time now);
  /// CONNECT is accepted: answers it and belongs to `session` from now on.
  void accepted(Session& session, bool session_present, Time now);
  void refused(ConnectReturn code, Time now);
  /// Goes on with input that waited.
  void resume(Time now) { process(now); }
  enum class Pending : std::uint8_t { drain, discard };
  /// Wants the stream closed, once pending bytes have left or at once. The session must have been
  /// taken away.
  void finish(Pending pending, Time now);
  /// The link ends for its session; gives it back, if there is one.
  Session* take_session();
  /// The will, which is gone afterwards: it is published once (MQTT-3.1.2-10).
  [[nodiscard]] std::optional<Will> take_will();
  /// The instant at which silence becomes too long, or `never` (MQTT-3.1.2-24).
  [[nodiscard]] Time keep_alive_due() const;
  [[nodiscard]] AccessRequest access_request(AccessRequest::Kind kind,
                                             std::string_view topic) const;

  // The session's side: it writes into the outbox, and then says so.
  [[nodiscard]] LinkOutput& output() { return output_; }
  /// No more messages now: QoS 0 is dropped, QoS 1 and 2 wait in the session.
  [[nodiscard]] bool congested() const;
  void wrote();          ///< one packet
  void wrote_publish();  ///< one packet, a PUBLISH sent for the first time
  void write_qos0(const OutMessage& message, Time now);

  bool touched = false;  ///< is in the broker's list of links with something new

 private:
  [[nodiscard]] bool reads() const;
  void process(Time now);
  void handle(const Packet& packet, Time now);
  void handle_connected(const Packet& packet, Time now);
  void on(const Publish& publish, Time now);
  void on(const Subscribe& subscribe, Time now);
  void on(const Unsubscribe& unsubscribe);
  void violated(const Violation& violation, Time now);
  void send(const Packet& packet);
  void discard(Time now);

  BrokerCore& core_;
  const LinkId id_;
  const std::string certificate_;  // X.509 identity; empty: none
  State state_ = State::awaiting_connect;
  Framer framer_;
  LinkOutput output_;
  Connect connect_;  // its slices are copies
  Session* session_ = nullptr;
  RequestId request_ = 0;
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
