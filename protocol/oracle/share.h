// Shares: the members of a shared subscription together get each message once (Q0-ATMOST, Q2-ONCE),
// and are owed what one subscriber would be (Q1-NOLOSS, Q2-ONCE). At QoS 1 it may go to another
// member when one has gone.
#pragma once

#include <deque>
#include <vector>

#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Shares {
 public:
  explicit Shares(Model& model) : model_(model) {}

  /// The broker sends a session what was not due to it as it is. If it is a member, or has been,
  /// and it was due to the members, it has been handed on, and is due to it from now on.
  /// `as_wanted`: only if it looks as the session's own subscription asks for; or however it looks.
  bool handed_on(Session& session, const Event& event, bool as_wanted);
  /// The broker began to send a member a message that came by way of a shared subscription.
  void sent(const Session& session, const Record& record, const Event& event);
  void delivered(const Session& session, const Event& event);  ///< to the member's application
  /// The member will not get it, for a legal reason; nor need another.
  void excused(const Session& session, Text topic, std::uint64_t message);
  /// The session is about to end: what it has not acknowledged at QoS 1 should go to another member
  /// (SHARED-REDISPATCH).
  void left(Session& session);
  void finish(const Deadline& deadline);

 private:
  /// How a copy of what is due to the members may look that one of them is sent.
  struct Looks {
    std::uint8_t qos_mask = 0, retain_mask = 0;
  };
  [[nodiscard]] static Looks looks(const Record& due, const Subscriber& member);
  /// The session's part in the share, now or after the message was accepted; null: none.
  [[nodiscard]] const Subscriber* member(std::uint32_t filter, const Session& session,
                                         const Record& due);
  [[nodiscard]] std::vector<Group*> groups_of(const Session& session, Text topic);
  [[nodiscard]] bool settled(const Filter& filter, std::uint64_t message, Time before);

  void redispatched(const Deadline& deadline);

  struct Left {
    std::uint32_t filter;
    std::uint64_t message, event;
    Time at;
    Text client_id;
    std::uint32_t delivered;  // to members, until then
  };
  static constexpr std::size_t remembered = 1'024;
  std::deque<Left> left_;  // the last ones
  Model& model_;
};

}  // namespace mqttlab::oracle
