// Subscriptions: what SUBSCRIBE, UNSUBSCRIBE and their answers tell of a session's subscriptions.
// From SUBACK to UNSUBACK a filter routes, and not any more after it (SUB-DURABLE).
#pragma once

#include "protocol/oracle/model.h"
#include "protocol/oracle/retained.h"

namespace mqttlab::oracle {

class Subscriptions {
 public:
  Subscriptions(Model& model, Retained& retained) : model_(model), retained_(retained) {}

  void subscribe(Connection& connection, Session& session, const Event& event);
  void unsubscribe(Connection& connection, Session& session, const Event& event);
  /// SUBACK or UNSUBACK was written.
  void answered(Connection& connection, Session& session, const Event& event);
  /// Messages that were never sent, by order of acceptance: whole filters that do not route?
  void lost(Session& session, const std::vector<std::pair<std::uint64_t, std::uint64_t>>& unsent);

 private:
  using Request = Connection::Request;
  /// SUBSCRIBE, SUBACK, UNSUBACK, for one filter. `again`: a SUBSCRIBE waits for its answer.
  void begin(Session& session, std::uint32_t filter, const Wish& wish, bool perhaps);
  void grant(Session& session, std::uint32_t filter, const Wish& wish);
  void end(Session& session, std::uint32_t filter, bool again);
  void suback(const Connection& connection, Session& session, const Request& request,
              const Event& event);
  void unsuback(const Connection& connection, Session& session, const Request& request,
                const Event& event);
  void refused(Session& session, std::uint32_t filter, Subscriber& subscriber);
  void taken_by_older(const Session& session, const Filter& filter, const Subscriber& subscriber,
                      std::uint64_t first);
  [[nodiscard]] bool names(const Request& request, Text filter) const;
  void reconsider(const Connection& connection, Subscriber& subscriber, Text filter);

  Model& model_;
  Retained& retained_;
};

}  // namespace mqttlab::oracle
