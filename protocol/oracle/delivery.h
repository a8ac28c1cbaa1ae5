// Delivery: what each session may and must get, and what its application got. Judges
// NO-FABRICATION, Q0-ATMOST, Q1-NOLOSS, Q2-ONCE, and the deliveries of wills (WILL-IFF, WILL-ONCE).
#pragma once

#include "protocol/oracle/model.h"
#include "protocol/oracle/order.h"

namespace mqttlab::oracle {

class Intake;
class Retained;
class Wills;

/// A message that the broker has taken over for distribution: a client's PUBLISH, or a will.
struct Acceptance {
  std::uint64_t message = 0;
  Text topic = 0;
  Text publisher = 0;  ///< client id
  QoS qos{};
  bool again = false;  ///< QoS 1 with DUP 1: perhaps accepted before, and now once more
  bool will = false;
  /// The broker handles only now what arrived with the event `arrived`: it is no further message.
  bool late = false;
  std::uint64_t arrived = 0;
};

class Delivery {
 public:
  Delivery(Model& model, Wills& wills, Retained& retained)
      : model_(model), order_(model), wills_(wills), retained_(retained) {}

  void connect(Intake& intake) { intake_ = &intake; }

  /// Every session with a matching subscription may get the message, and most must.
  void accept(const Acceptance& acceptance);
  /// A QoS 1 PUBLISH's or 2's connection ended before the broker acknowledged it: nobody is owed.
  /// `acceptance`: index of the event that accepted it.
  void unacknowledged(std::uint64_t message, std::uint64_t acceptance);
  /// On a later connection it did: what was waived is owed again.
  void acknowledged(std::uint64_t message, std::uint64_t acceptance);
  void dropped(const Event& event);
  /// The broker wrote a PUBLISH; `begins`: not as the repeat of an exchange.
  void sent(Session& session, const Event& event, bool begins);
  void arrived(Client& client, const Connection& connection, const Event& event);
  void delivered(const Event& event);
  void finish(const Deadline& deadline);

 private:
  [[nodiscard]] Record& entitle(Session& session, const Acceptance& accepted);
  void owe(Record& record, const Acceptance& accepted, QoS qos);
  void judge_live(Session& session, const Event& event);
  void not_permitted(const Session& session, const Record* record, const Event& event);
  void check_qos(const Session& session, const Record& record, const Event& event);
  void never_arrived(Actor actor, const Event& event);
  void lost(const Session& session, std::uint64_t message, const Record& record);
  [[nodiscard]] std::string message(const Event& event) const;

  Model& model_;
  Order order_;
  Wills& wills_;
  Retained& retained_;
  Intake* intake_ = nullptr;
};

}  // namespace mqttlab::oracle
