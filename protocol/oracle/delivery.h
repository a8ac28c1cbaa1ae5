// Delivery: what each session may and must get, and what its application got. Judges
// NO-FABRICATION, Q0-ATMOST, Q1-NOLOSS, Q2-ONCE, and the deliveries of wills (WILL-IFF, WILL-ONCE).
#pragma once

#include "protocol/oracle/copy.h"
#include "protocol/oracle/drain.h"
#include "protocol/oracle/expiry.h"
#include "protocol/oracle/honesty.h"
#include "protocol/oracle/later.h"
#include "protocol/oracle/loss.h"
#include "protocol/oracle/model.h"
#include "protocol/oracle/order.h"
#include "protocol/oracle/share.h"
#include "protocol/oracle/subscription.h"

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
  bool retain = false;
  bool again = false;  ///< QoS 1 with DUP 1: perhaps accepted before, and now once more
  bool will = false;
  /// The broker handles only now what arrived with the event `arrived`: it is no further message.
  bool late = false;
  std::uint64_t arrived = 0;
  /// With `late`: its sender has no CONNACK yet (`again`: and others have been sent it before); or
  /// else: the sender has it now, and the message was accepted as above.
  bool ahead = false;
  std::uint32_t expiry_s = endless_expiry_s;
  std::uint32_t bytes = 0;  ///< of its PUBLISH with the full topic; 0: not known
};

class Delivery {
 public:
  Delivery(Model& model, Wills& wills, Retained& retained, Expiry& expiry, Discards& discards,
           Subscriptions& subscriptions, Resumes& resumes)
      : model_(model),
        honesty_(model),
        order_(model),
        shares_(model),
        copies_(model, wills, discards, resumes),
        wills_(wills),
        retained_(retained),
        expiry_(expiry),
        losses_(model, subscriptions, honesty_) {}

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
  void sent(const Connection& connection, Session& session, const Event& event, bool begins);
  /// The client's PUBACK, PUBREC or PUBCOMP for this message arrived at the broker.
  void answered(Session& session, const Exchange& exchange, const Event& event);
  /// False for a repeat of a QoS 2 message that the client has already.
  bool arrived(Client& client, const Connection& connection, const Event& event);
  void delivered(const Event& event);
  void session_over(Session& session);  ///< it is about to end
  /// The connection ends in order, and the broker has not answered this PUBLISH.
  void unread(const Connection& connection, const Inbound& inbound);
  void finish(const Deadline& deadline);

 private:
  void permit(const Acceptance& accepted, const Filter& filter, const Subscriber& subscriber);
  void accept_shared(const Acceptance& accepted, Filter& filter);
  void note_former(const Acceptance& accepted, const Filter& filter);
  Record& entitle(Memory& memory, const Acceptance& accepted);
  void owe(Record& record, const Acceptance& accepted, QoS qos);
  template <typename Change>
  void for_records(std::uint64_t message, Change change);
  [[nodiscard]] bool live_with_retain(Session& session, const Event& event);
  bool passed_on_later(Session& session, const Event& event);
  void judge_live(const Connection& connection, Session& session, const Event& event);
  void never_arrived(Actor actor, const Event& event);

  Model& model_;
  Honesty honesty_;
  Later later_{model_};
  Order order_;
  Shares shares_;
  Drains drains_{model_};
  Copies copies_;
  Wills& wills_;
  Retained& retained_;
  Expiry& expiry_;
  Losses losses_;
  Intake* intake_ = nullptr;
};

}  // namespace mqttlab::oracle
