// Record: what is known of one message in one session, or in one shared subscription; and of its
// exchanges.
#pragma once

#include <cstdint>
#include <deque>

#include "protocol/oracle/table.h"
#include "protocol/trace/event.h"

namespace mqttlab::oracle {

using trace::Event;
using trace::Text;

[[nodiscard]] constexpr std::uint8_t bit(std::uint8_t qos) {
  return static_cast<std::uint8_t>(1U << qos);
}
[[nodiscard]] inline std::uint8_t qos_bit(const Event& event) {
  return bit(static_cast<std::uint8_t>(trace::qos_of(event)));
}
[[nodiscard]] inline std::uint8_t retain_bit(const Event& event) {
  return bit(trace::retain_of(event) ? 1 : 0);
}

/// What one session may and must get of one message (topic and payload). Counts, because publishers
/// that do not stamp their payloads make equal messages.
struct Record {
  Time accepted_at = 0;
  Time handled_at = 0;              ///< the last instant at which the broker may have taken it over
  std::uint64_t accepted = 0;       ///< event index of the first acceptance for this session
  std::uint64_t last_accepted = 0;  ///< of the last
  std::uint64_t last_required = 0;  ///< of the last that obliges
  std::uint64_t left = 0;  ///< accepted only after this UNSUBACK had ended the last subscription
  Text topic = 0, publisher = 0;   ///< publisher: client id
  std::uint32_t acceptances = 0;   ///< however many filters match
  std::uint32_t permitted = 0;     ///< copies the broker may send: acceptances x matching filters
  std::uint32_t ahead = 0;         ///< of them for PUBLISHes whose sender has no CONNACK yet
  std::uint32_t required = 0;      ///< messages the broker must deliver at QoS 1 or 2
  std::uint32_t excused = 0;       ///< of them dropped for a legal reason that was logged
  std::uint32_t begun = 0;         ///< copies the broker has begun to send
  std::uint32_t delivered = 0;     ///< handed to the application
  std::uint32_t acknowledged = 0;  ///< by the client, to the end
  Time acknowledged_at = 0;
  std::uint32_t retained_permitted = 0, retained_begun = 0;  ///< copies due to subscribing
  Time subscribed_at = 0;                     ///< from when on the first of them is due
  std::uint32_t expiry_s = endless_expiry_s;  ///< as published
  std::uint32_t bytes = 0;                    ///< of its PUBLISH with the full topic
  std::uint8_t qos_mask = 0;  ///< bit q: min(published, granted), of a share published, may be q
  std::uint8_t retained_qos_mask = 0;    ///< the same of copies due to subscribing
  std::uint8_t retained_begun_mask = 0;  ///< bit q: one of retained_begun had QoS q
  std::uint8_t retain_mask = 0;          ///< bit r: a copy not due to subscribing may have RETAIN r
  bool retain_reported = false;          ///< a copy has had another
  QoS qos{};                             ///< at which it must be delivered
  QoS published{};
  bool waived = false;        ///< the last that obliges does not: it was not acknowledged
  bool will = false;          ///< accepted as a will, by nobody's PUBLISH
  bool shared = false;        ///< a copy may come by way of a shared subscription
  bool unshared = false;      ///< and by way of another
  bool expiry_mixed = false;  ///< equal messages, and not of one expiry
  bool mixed = false;         ///< nor of one publisher

  /// The client has acknowledged a copy to the end that its application never got.
  [[nodiscard]] bool kept_back() const { return acknowledged > retained_begun + delivered; }
  [[nodiscard]] bool expires() const { return expiry_s != endless_expiry_s; }
};
/// One QoS 1 or 2 message under way from a sender, from the first PUBLISH that was written whole.
struct Exchange {
  /// How far the wire has shown it to be.
  enum class Stage : std::uint8_t { publish, pubrec_arrived, pubrel_written };
  std::uint64_t message = 0;
  std::uint64_t event = 0;  ///< index of the first PUBLISH
  Time begun_at = 0;
  Text topic = 0;
  std::uint32_t connection = 0;   ///< the last one that carried PUBLISH or PUBREL
  std::uint32_t carried = 0;      ///< the last one that carried PUBLISH
  std::uint32_t released = 0;     ///< the last one that carried PUBREL
  std::uint32_t bytes = 0;        ///< of its first PUBLISH
  std::uint32_t copies = 1;       ///< times that PUBLISH was written
  std::uint32_t packets = 1;      ///< and PUBREL
  std::uint32_t connections = 1;  ///< that carried one of them
  QoS qos{};
  Stage stage = Stage::publish;
  bool pubrec_waits = false;  ///< PUBREC has, or may have, arrived since the last PUBREL
  bool reported = false;      ///< as never continued; one finding is enough
};

/// PUBACK, PUBREC: the message was not taken. 3.1.1 has no such answer.
[[nodiscard]] inline bool refuses(const Event& event) { return event.code >= 0x80; }

/// A PUBLISH that the broker has got and its sender has not finished with.
struct Inbound {
  std::uint64_t message = 0;
  std::uint64_t event = 0;  ///< index of its arrival; of the last repeat, until it is acknowledged
  Text topic = 0;
  std::uint32_t connection = 0;  ///< the last one that carried it
  std::uint32_t expiry_s = endless_expiry_s;
  std::uint32_t bytes = 0;  ///< with the full topic
  QoS qos{};
  bool retain = false, empty = false;
  bool acknowledged = false;  ///< PUBACK or PUBREC was written
  bool waived = false;        ///< nobody is owed it until it is acknowledged
};

/// Messages that are remembered, with the oldest forgotten first.
struct Memory {
  Table<Record> records;              ///< by message
  std::deque<std::uint64_t> history;  ///< messages in order of their records
};

}  // namespace mqttlab::oracle
