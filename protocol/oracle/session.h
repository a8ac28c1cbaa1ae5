// Sessions at the broker: which one a CONNACK stands for (SP-TRUTH), and how long it outlives its
// connections (SESS-EXPIRY). In 3.1.1 a session ends with its connection or never; in 5.0 some time
// after it. In both it ends by a CONNECT that asks for a new one.
#pragma once

#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "protocol/oracle/discard.h"
#include "protocol/oracle/intake.h"
#include "protocol/oracle/model.h"
#include "protocol/oracle/takeover.h"
#include "protocol/oracle/will.h"

namespace mqttlab::oracle {

class Sessions {
 public:
  Sessions(Model& model, Intake& intake, Wills& wills, Takeovers& takeovers, Discards& discards)
      : model_(model), intake_(intake), wills_(wills), takeovers_(takeovers), discards_(discards) {}

  /// Before each event: sessions whose time is over end.
  void advance() {
    while (!expiring_.empty() && expiring_.top().first < model_.now) expire();
  }
  void connect_arrived(Connection& connection, const Event& event);
  /// CONNACK was written; if it accepts, the connection has its session from here on.
  void connack_written(Connection& connection, const Event& event);
  void disconnected(Connection& connection, const Event& event);  ///< DISCONNECT arrived
  void closed(Connection& connection);
  /// The broker's store is gone, and this session with it.
  void lost(Session& session) { end(&session); }
  void ended(const Event& event);  ///< session_ended, as the broker says

 private:
  /// Whether the broker must still have a session, must not have it, or may.
  enum class Fate : std::uint8_t { none, alive, open };

  void expire();
  void end(Session* session);
  void detach(Connection& connection);
  void begin(Connection& connection, Identity& identity, bool resumed);
  [[nodiscard]] Fate fate(const Session* session, const Connection& connection) const;
  void check_present(const Connection& connection, const Event& event, Rule rule, bool expected);

  Model& model_;
  Intake& intake_;
  Wills& wills_;
  Takeovers& takeovers_;
  Discards& discards_;
  using Expiring = std::pair<Time, std::uint32_t>;  // when it is over for certain; session
  std::priority_queue<Expiring, std::vector<Expiring>, std::greater<>> expiring_;
};

}  // namespace mqttlab::oracle
