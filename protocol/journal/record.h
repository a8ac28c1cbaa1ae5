// Record: one change of what a broker must still know when it comes back.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "protocol/peer.h"
#include "protocol/wire/packet.h"
#include "protocol/wire/properties.h"
#include "protocol/wire/slice.h"

namespace mqttlab::journal {

/// Names a session, a message or a delivery, as no other thing that the journal still has. 0: none.
using Number = std::uint64_t;
/// Nanoseconds since 1970 in UTC, so that deadlines outlive the process; `never`: none.
using UnixTime = std::int64_t;

/// A message as a record carries it. Its Message Expiry Interval has become `expires_at`.
struct Message {
  Slice topic;
  Slice payload;
  Properties properties = {};  ///< those that every receiver gets
  UnixTime expires_at = never;
  friend bool operator==(const Message&, const Message&) = default;
};

/// The session of a client id is new, or its client has come or gone.
struct SessionKept {
  Number session = 0;
  Slice client_id;
  std::uint32_t expiry_s = 0;  ///< how long it outlives its link; endless_expiry_s: for ever
  bool connected = false;
  UnixTime ends_at = never;     ///< of a session without a link
  std::uint16_t packet_id = 0;  ///< the last one that a delivery has had; they follow it
  friend bool operator==(const SessionKept&, const SessionKept&) = default;
};
/// With everything that it has: subscriptions, deliveries, packet ids, its will.
struct SessionEnded {
  Number session = 0;
  friend bool operator==(const SessionEnded&, const SessionEnded&) = default;
};

/// Replaces the session's subscription with the same filter.
struct Subscribed {
  Number session = 0;
  Slice filter;
  QoS qos = QoS::at_most_once;  ///< granted
  bool no_local = false;
  bool retain_as_published = false;
  std::uint32_t identifier = 0;  ///< Subscription Identifier; 0: none
  friend bool operator==(const Subscribed&, const Subscribed&) = default;
};
struct Unsubscribed {
  Number session = 0;
  Slice filter;
  friend bool operator==(const Unsubscribed&, const Unsubscribed&) = default;
};

/// Stored once, for all deliveries that name it, and gone with the last of them.
struct MessageStored {
  Number message = 0;
  Message content;
  QoS qos = QoS::at_most_once;  ///< as published, as `retain`: a delivery has the receiver's
  bool retain = false;
  friend bool operator==(const MessageStored&, const MessageStored&) = default;
};
/// A session holds a message for its client. Deliveries of one session are in order of number.
struct DeliveryHeld {
  Number delivery = 0;
  Number session = 0;
  Number message = 0;           ///< 0: the client has it, what is left is PUBREL and PUBCOMP
  QoS qos = QoS::at_most_once;  ///< 1 or 2
  bool retain = false;          ///< RETAIN as the receiver is to see it
  bool from_retained = false;   ///< owed to a new subscription
  std::uint16_t packet_id = 0;  ///< 0: it waits; else its PUBLISH may have been sent
  Slice share = {};             ///< the shared subscription that it came through; empty: none
  Properties identifiers = {};  ///< the receiver's Subscription Identifiers
  friend bool operator==(const DeliveryHeld&, const DeliveryHeld&) = default;
};
/// It goes out under this packet id.
struct DeliverySent {
  Number delivery = 0;
  std::uint16_t packet_id = 0;
  friend bool operator==(const DeliverySent&, const DeliverySent&) = default;
};
/// PUBREC has come: the client owns the message (MQTT-4.3.3-1).
struct DeliveryReceived {
  Number delivery = 0;
  friend bool operator==(const DeliveryReceived&, const DeliveryReceived&) = default;
};
/// Acknowledged, or dropped.
struct DeliveryFinished {
  Number delivery = 0;
  friend bool operator==(const DeliveryFinished&, const DeliveryFinished&) = default;
};

/// A QoS 2 PUBLISH of the client has been taken; a repeat of it must not be (MQTT-4.3.3-2).
struct PacketIdTaken {
  Number session = 0;
  std::uint16_t packet_id = 0;
  friend bool operator==(const PacketIdTaken&, const PacketIdTaken&) = default;
};
struct PacketIdReleased {
  Number session = 0;
  std::uint16_t packet_id = 0;
  friend bool operator==(const PacketIdReleased&, const PacketIdReleased&) = default;
};

struct RetainedSet {
  Message content;
  QoS qos = QoS::at_most_once;
  Slice publisher = {};  ///< client id
  friend bool operator==(const RetainedSet&, const RetainedSet&) = default;
};
struct RetainedCleared {
  Slice topic;
  friend bool operator==(const RetainedCleared&, const RetainedCleared&) = default;
};

/// The session's will, in the name that its client has proved. Replaces the one before.
struct WillOwed {
  Number session = 0;
  std::optional<Slice> user_name = {};
  Slice certificate = {};
  Will will;
  UnixTime due_at = never;  ///< `never`: its link is there
  friend bool operator==(const WillOwed&, const WillOwed&) = default;
};
/// Published, or no longer owed.
struct WillWithdrawn {
  Number session = 0;
  friend bool operator==(const WillWithdrawn&, const WillWithdrawn&) = default;
};

using Record =
    std::variant<SessionKept, SessionEnded, Subscribed, Unsubscribed, MessageStored, DeliveryHeld,
                 DeliverySent, DeliveryReceived, DeliveryFinished, PacketIdTaken, PacketIdReleased,
                 RetainedSet, RetainedCleared, WillOwed, WillWithdrawn>;

/// "DeliveryHeld"
[[nodiscard]] std::string_view name(const Record& record);

}  // namespace mqttlab::journal
