// Resends: what a sender that has resumed a session sends again, in which order and under which id.
// Judges ORD-RESEND and PID-STABLE.
#pragma once

#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

/// One sender on one connection.
struct Sending {
  Connection& connection;
  End end;
  Table<Exchange>& out;
  Session* session;  ///< of the broker; null for a client

  [[nodiscard]] Side& side() const { return connection.side(end); }
  [[nodiscard]] Window& window() const { return side().window; }
  [[nodiscard]] bool v5() const { return connection.connect->v5(); }
};

/// Whether its PUBLISH may be sent again on this connection, with the topic in full.
[[nodiscard]] bool fits(const Model& model, const Window& window, const Exchange& exchange);

class Resends {
 public:
  explicit Resends(Model& model) : model_(model) {}

  /// CONNACK with session present 1 has crossed this end.
  void due(const Sending& sending);
  /// A PUBLISH of an earlier connection was written again; the exchange is as it was before.
  void sent(const Sending& sending, std::uint16_t packet_id, const Exchange& exchange);
  /// A PUBLISH under an id that is not in use was written. True if it was sent again under it.
  bool begun(const Sending& sending, const Event& event);

 private:
  [[nodiscard]] const Exchange* pending(const Sending& sending, const Window::Resend& resend);
  [[nodiscard]] const Window::Resend* first(const Sending& sending);
  [[nodiscard]] std::uint32_t publisher(const Sending& sending, std::uint64_t message);
  [[nodiscard]] bool may_have_fired(std::uint64_t message);
  void overtaken(const Sending& sending, const Event& event);

  Model& model_;
};

}  // namespace mqttlab::oracle
