// Publication: one message on its way through the broker, encoded once for all who get it.
#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/session/exchanges.h"

namespace mqttlab {

class Publication {
 public:
  /// As it arrived, its topic alias resolved. `publisher`: the client id in whose name, empty for
  /// the broker's own; it must outlive the publication. `since`: when its Message Expiry Interval
  /// begins.
  Publication(const Publish& publish, std::string_view publisher, Time since);
  Publication(const Will& will, std::string_view publisher, Time since);
  /// One that this broker has kept.
  Publication(EncodedPublish encoded, QoS qos, bool retain, Time expires_at);

  [[nodiscard]] std::string_view topic() const;
  [[nodiscard]] const Slice& payload() const { return payload_; }
  [[nodiscard]] QoS qos() const { return qos_; }
  [[nodiscard]] bool retain() const { return retain_; }  ///< as published
  [[nodiscard]] std::string_view publisher() const { return publisher_; }
  /// Where its Message Expiry Interval ends, or `never`.
  [[nodiscard]] Time expires_at() const { return out_.expires_at; }

  /// Identity of the message in the trace; hashed when first asked for.
  [[nodiscard]] std::uint64_t identity();
  /// For writing it now. What is a receiver's own in it, its deliverer sets anew each time.
  [[nodiscard]] OutMessage& encoded();
  /// The same for a message that has to wait: for an acknowledgement or in a queue. Payloads that
  /// are small beside an arrival buffer are then copied, once for all: they do not hold on to one.
  [[nodiscard]] OutMessage& kept();
  /// The same for one that is kept for long: it shares no arrival buffer.
  [[nodiscard]] OutMessage& owned();

  /// The publisher will be told the reason code: the message may be refused.
  bool answered = false;
  std::uint64_t record = 0;  ///< its number in the journal; 0: it is not there

 private:
  void own();

  Slice topic_;
  Slice payload_;
  Properties properties_;  // those that every receiver gets
  std::string_view publisher_;
  QoS qos_;
  bool retain_ = false;
  bool own_memory_;
  std::uint64_t identity_ = 0;
  OutMessage out_;  // its encoding is empty until it is asked for
};

}  // namespace mqttlab
