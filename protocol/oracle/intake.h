// Intake: what the broker takes in from publishers, and from when on it answers for it. A PUBLISH
// that has arrived may be passed on from then on; it must be once it is acknowledged
// (MQTT-4.5.0-1). A broker that is pressed for room may handle it long after it arrived, or lose it
// unseen with the connection.
#pragma once

#include <string>
#include <vector>

#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Delivery;
class Retained;

class Intake {
 public:
  Intake(Model& model, Delivery& delivery, Retained& retained)
      : model_(model), delivery_(delivery), retained_(retained) {}

  /// PUBLISH; `ahead`: it was passed on before its sender had CONNACK.
  void arrived(Connection& connection, const Event& event, bool ahead = false);
  void acknowledged(Session& session, const Event& event);  ///< PUBACK or PUBREC was written
  void released(Session& session, const Event& event);      ///< PUBREL arrived
  /// The session's connection is over (0: the session is): what is not acknowledged is not owed.
  void give_up(Session& session, std::uint32_t connection);
  /// The same, for the end of a connection that its client has closed in order.
  void unread(Session& session, const Connection& connection);
  /// A PUBLISH of this message has arrived and was not acknowledged yet. Whoever subscribes now may
  /// get it too.
  bool under_way(std::uint64_t message);
  /// What came ahead of a CONNACK that accepts its sender.
  void welcomed(std::vector<Connection::Early>& early);
  /// What was passed on of a client that is refused, by CONNACK or without.
  struct Refusal {
    Time at = 0;
    std::string what;
    std::vector<std::uint64_t> events;
  };
  [[nodiscard]] std::vector<Refusal> refused(const Connection& connection,
                                             const std::vector<Connection::Early>& early);

 private:
  struct Sent {
    std::uint32_t expiry_s = endless_expiry_s;
    std::uint32_t bytes = 0;
  };
  [[nodiscard]] Sent as_sent(const Event& event) const;
  void refused(Session& session, const Event& event);
  [[nodiscard]] static bool behind(Session* session);
  [[nodiscard]] bool owed_before_pubrel(const Inbound& inbound) const;
  void handled_now(Session& session, Inbound& inbound);
  bool ahead_of_connack(std::uint64_t message);
  [[nodiscard]] Connection::Early* unanswered(std::uint64_t message, bool passed_on);

  Model& model_;
  Delivery& delivery_;
  Retained& retained_;
};

}  // namespace mqttlab::oracle
