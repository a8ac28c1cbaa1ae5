// Link: one connection of a client. Everything that must not outlive it is in here.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "protocol/client/authentication.h"
#include "protocol/client/client.h"
#include "protocol/client/keep_alive.h"
#include "protocol/session/link_output.h"
#include "protocol/wire/framer.h"
#include "protocol/wire/outbox.h"

namespace mqttlab::client {

/// What a link asks of, and tells, its client.
class LinkOwner {
 public:
  /// False while the application takes too little: then nothing more is read.
  [[nodiscard]] virtual bool may_read() const = 0;
  virtual void connack(const Connack& packet, Time now) = 0;
  /// A packet after CONNACK other than PINGRESP and AUTH; behind disconnect() only PUBACK and
  /// PUBCOMP, which end an exchange and ask for nothing.
  virtual void packet(Packet packet, Time now) = 0;
  virtual void reauthenticated() = 0;
  /// The transport took bytes: there is room in the outbox; these QoS 0 messages are gone.
  virtual void written(const std::vector<Token>& sent, Time now) = 0;
  /// The link is given up, or closed; called once. `how`: Refused or Disconnected; `unsent`: QoS 0
  /// messages lost with it.
  virtual void ended(ClientEvent how, const std::vector<Token>& unsent, Time now) = 0;

 protected:
  ~LinkOwner() = default;
};

class Link final : public Peer {
 public:
  /// Writes CONNECT (MQTT-3.1.0-1), with the first word of an enhanced authentication; CONNACK is
  /// to arrive before `connect_by`.
  Link(LinkOwner& owner, const ClientConfig& config, std::uint64_t number, Connect connect,
       Time connect_by, Time now);
  /// A link that nobody waits for: finished at once, tells its owner nothing.
  Link(LinkOwner& owner, const ClientConfig& config, std::uint64_t number);

  [[nodiscard]] std::span<std::uint8_t> space() override;
  void received(std::size_t n, Time now) override;
  [[nodiscard]] std::size_t pending(std::span<Bytes> pieces) const override;
  void sent(std::size_t n, Time now) override;
  void closed(CloseCause cause, Time now) override;
  void advance(Time now) override;
  [[nodiscard]] Time deadline() const override;
  [[nodiscard]] bool finished() const override { return phase_ >= Phase::leaving; }

  [[nodiscard]] std::uint64_t number() const { return number_; }
  [[nodiscard]] bool connected() const { return phase_ == Phase::connected; }
  [[nodiscard]] bool is_closed() const { return phase_ == Phase::closed; }
  [[nodiscard]] LinkOutput& output() { return output_; }

  /// CONNACK was good: its terms hold, keep alive starts. False if it was not, for this end does
  /// not believe the server; then the link has been given up.
  [[nodiscard]] bool accept(const Connack& packet, Time now);
  [[nodiscard]] bool reauthenticate(Time now);  ///< false: no method, or still at it
  void track(Token token);                      ///< a QoS 0 message ends where the outbox ends now
  void read_on(Time now);                       ///< may_read() may have changed
  /// DISCONNECT behind what is pending, then closes in order.
  void disconnect(const Disconnect& packet, Time now);
  /// Closes at once: what is still to be written is thrown away, for it would hold the socket open.
  void give_up(ClientEvent how, Time now);
  /// The server broke a rule: closes, in 5.0 with a DISCONNECT that says so.
  void violated(Violation violation, Time now);

 private:
  /// leaving: finished, what is pending is to be written, acknowledgements that come still count.
  /// draining: as leaving, but nothing counts. closed: the host has closed.
  enum class Phase : std::uint8_t { connecting, connected, leaving, draining, closed };
  [[nodiscard]] bool reading() const;
  void process(bool to_the_end, Time now);
  [[nodiscard]] std::optional<Violation> admit(Packet& packet);
  void handle(Packet packet, Time now);
  /// False: the link has been given up.
  bool go_on(const Authentication::Step& step, Time now);
  void drain(const Disconnect& packet, Time now);
  /// Gives up, in 5.0 with a DISCONNECT that says why.
  void part(ReasonCode reason, Disconnected how, Time now);
  void keep_alive(Time now);
  void end(ClientEvent how, Time now);

  LinkOwner& owner_;
  const ClientConfig& config_;
  std::uint64_t number_;
  Phase phase_ = Phase::connecting;
  bool told_ = false;  // owner_.ended() has been called
  Framer framer_;
  LinkOutput output_;
  InboundAliases aliases_;
  Authentication authentication_;
  std::uint16_t keep_alive_s_;
  KeepAlive keep_alive_;
  // connecting: without CONNACK. connected: in a re-authentication. Later: without progress
  Time give_up_at_ = never;
  std::uint64_t sent_bytes_ = 0;
  struct Unsent {
    std::uint64_t ends_at;  // offset in the stream
    Token token;
  };
  std::deque<Unsent> unsent_;  // QoS 0 messages that the transport has not taken whole
};

}  // namespace mqttlab::client
