// Handshake: finds out who a client is: from its CONNECT to the verdict, and again whenever a
// client of 5.0 re-authenticates (MQTT 5.0, 4.12).
#pragma once

#include <optional>
#include <string_view>

#include "protocol/broker/access.h"
#include "protocol/wire/packet.h"

namespace mqttlab {

class BrokerCore;
class BrokerLink;

/// Part of a link. It asks the broker's Access, passes its data to the client and the client's to
/// it, and tells link and core how it ends.
class Handshake {
 public:
  /// Both must outlive the handshake.
  Handshake(BrokerCore& core, BrokerLink& link) : core_(core), link_(link) {}

  /// The link's CONNECT has come.
  void begin(Time now);
  /// The client's next part, or the beginning of a re-authentication.
  void on(const Auth& auth, Time now);
  /// The question that is open, or 0.
  [[nodiscard]] RequestId request() const { return request_; }
  void decided(const Decision& decision, Time now);
  /// It is the client's turn.
  [[nodiscard]] bool wants_auth() const { return phase_ == Phase::client; }
  /// Fails what has taken too long by now.
  void overdue(Time now);
  /// When the present grant ends, or `never`.
  [[nodiscard]] Time valid_until() const { return valid_until_; }
  /// The link ends.
  void abandon();

 private:
  enum class Phase : std::uint8_t { idle, broker, client };  // who is to speak next
  void ask(const Properties& from, Time now);
  void ask_for_more(const Decision& decision, Time now);
  void denied(const Decision& decision, Time now);
  void send(ReasonCode reason, std::string_view data, Time now);
  [[nodiscard]] Properties properties(std::string_view data) const;

  BrokerCore& core_;
  BrokerLink& link_;
  Phase phase_ = Phase::idle;
  std::optional<Slice> method_;  // of CONNECT; the same throughout (MQTT-4.12.0-5)
  unsigned step_ = 0;
  RequestId request_ = 0;
  Time deadline_ = never;  // of the exchange that is under way
  Time valid_until_ = never;
};

}  // namespace mqttlab
