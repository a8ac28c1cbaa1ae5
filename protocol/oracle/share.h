// Shares: the members of a shared subscription together get each message once (Q0-ATMOST, Q2-ONCE),
// and are owed what one subscriber would be (Q1-NOLOSS, Q2-ONCE). At QoS 1 it may go to another
// member when one has gone.
#pragma once

#include <vector>

#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Shares {
 public:
  explicit Shares(Model& model) : model_(model) {}

  /// The broker sends a session what was not due to it. If it is a member, and what it is sent was
  /// due to the members, it has been handed on to it, and is due to it from now on.
  bool handed_on(Session& session, const Event& event);
  /// The broker began to send a member a message that came by way of a shared subscription.
  void sent(const Session& session, const Record& record, const Event& event);
  void delivered(const Session& session, const Event& event);  ///< to the member's application
  /// The member will not get it, for a legal reason; nor need another.
  void excused(const Session& session, Text topic, std::uint64_t message);
  void finish(const Deadline& deadline);

 private:
  [[nodiscard]] std::vector<Group*> groups_of(const Session& session, Text topic);
  [[nodiscard]] bool settled(const Filter& filter, std::uint64_t message, Time before);

  Model& model_;
};

}  // namespace mqttlab::oracle
