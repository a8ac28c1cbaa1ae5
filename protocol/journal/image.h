// Image: what a journal amounts to. Records are folded into the state that they leave behind.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "protocol/journal/codec.h"
#include "protocol/journal/record.h"

namespace mqttlab::journal {

/// The state after any whole number of steps. What has ended leaves nothing behind, so an image
/// grows with the state and not with the journal. Everything comes out in order of its number or
/// its text.
class Image {
 public:
  struct Session {
    SessionKept kept;
    std::map<std::string, Subscribed, std::less<>> subscriptions;  // by filter
    std::map<Number, DeliveryHeld> deliveries;
    std::set<std::uint16_t> taken;  // QoS 2 packet ids of the client
    std::optional<WillOwed> will;
  };

  /// Keeps the record's slices: they must share their memory, as those that decode() has made do.
  /// Throws JournalError, and is unchanged, if the record refers to something that is not there,
  /// or begins what is there already.
  void apply(const Record& record);

  [[nodiscard]] const std::map<Number, Session>& sessions() const { return sessions_; }
  [[nodiscard]] const std::map<std::string, RetainedSet, std::less<>>& retained() const {
    return retained_;
  }
  /// Of a delivery: its number is not 0.
  [[nodiscard]] const MessageStored& message(Number number) const {
    return messages_.at(number).stored;
  }
  [[nodiscard]] std::size_t messages() const { return messages_.size(); }
  /// The highest number among the records applied; new ones go on from here.
  [[nodiscard]] Number last() const { return last_; }

  /// The shortest journal with this image: one that begins anew starts with it.
  void for_each_record(const std::function<void(const Record&)>& each) const;
  /// The same bit by bit: gives the next message, session or retained message, and forgets it.
  /// False: there is none left. An image of which a part is gone is good for nothing else.
  [[nodiscard]] bool take(const std::function<void(const Record&)>& each);

 private:
  struct Stored {
    MessageStored stored;
    std::size_t deliveries = 0;
  };
  void on(const SessionKept& record);
  void on(const SessionEnded& record);
  void on(const Subscribed& record);
  void on(const Unsubscribed& record);
  void on(const MessageStored& record);
  void on(const DeliveryHeld& record);
  void on(const DeliverySent& record);
  void on(const DeliveryReceived& record);
  void on(const DeliveryFinished& record);
  void on(const PacketIdTaken& record);
  void on(const PacketIdReleased& record);
  void on(const RetainedSet& record);
  void on(const RetainedCleared& record);
  void on(const WillOwed& record);
  void on(const WillWithdrawn& record);
  [[nodiscard]] Session& session(Number number, const char* of);
  [[nodiscard]] DeliveryHeld& delivery(Number number, const char* of);
  void let_go(Number message);

  std::map<Number, Session> sessions_;
  std::map<std::string, Number, std::less<>> by_client_id_;
  std::map<Number, Number> session_of_;  // by delivery
  std::map<Number, Stored> messages_;
  std::map<std::string, RetainedSet, std::less<>> retained_;  // by topic
  Number last_ = 0;
};

}  // namespace mqttlab::journal
