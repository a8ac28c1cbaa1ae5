// Intake: what a connected client publishes, subscribes to and unsubscribes from. It may have to be
// asked for, and then whatever the client sends next waits.
#pragma once

#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "protocol/broker/access.h"
#include "protocol/session/topic_aliases.h"
#include "protocol/wire/packet.h"

namespace mqttlab {

class BrokerCore;
class BrokerLink;
class Session;

/// Part of a link: gone with it, and with it the aliases that its client has set (MQTT-3.3.2-7).
class Intake {
 public:
  /// Both must outlive the intake.
  Intake(BrokerCore& core, BrokerLink& link);

  void on(const Publish& arrived, Time now);
  void on(const Pubrel& pubrel);
  void on(const Subscribe& subscribe, Time now);
  void on(const Unsubscribe& unsubscribe, Time now);
  /// The question that is open, or 0: then nothing has to wait.
  [[nodiscard]] RequestId request() const { return request_; }
  void decided(const Decision& decision, Time now);
  /// The link ends: what waits has not been accepted.
  void abandon();

 private:
  void take(const Publish& publish, Time now);
  void finish(const Publish& publish, const Decision& decision, Time now);
  void record_taken(std::uint16_t packet_id, bool taken);
  void authorise(const Subscribe& subscribe, Time now);
  void finish(const Subscribe& subscribe, Time now);

  BrokerCore& core_;
  BrokerLink& link_;
  InboundAliases aliases_;
  RequestId request_ = 0;
  using Waiting = std::variant<Publish, Subscribe>;
  std::unique_ptr<Waiting> waiting_;  // what request_ is about
  std::vector<ReasonCode> verdicts_;  // on its filters, so far; 0: granted
};

}  // namespace mqttlab
