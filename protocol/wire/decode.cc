#include "protocol/wire/codec.h"
#include "protocol/wire/framer.h"
#include "protocol/wire/packet_rules.h"
#include "protocol/wire/reader.h"

namespace mqttlab {
namespace {

// Table 2.1: the type, and who may send it.
constexpr Statement type_statement{"MQTT-2.2.1", "MQTT-2.1.2"};

void check_connect_flags(Reader& in, std::uint8_t flags) {
  using namespace connect_flag;
  in.require((flags & reserved) == 0, malformed("MQTT-3.1.2-3", "U-3.1.2.3-1"));  // MQTT-3.1.2-3
  if ((flags & will) == 0) {                                                      // MQTT-3.1.2-11
    in.require((flags & will_qos) == 0, malformed("MQTT-3.1.2-13", "MQTT-3.1.2-11"));
    in.require((flags & will_retain) == 0, malformed("MQTT-3.1.2-15", "MQTT-3.1.2-13"));
  }
  in.require((flags & will_qos) != will_qos,
             malformed("MQTT-3.1.2-14", "U-3.1.2.6-1"));  // v5 MQTT-3.1.2-12
  if (!in.v5())
    in.require((flags & password) == 0 || (flags & user_name) != 0, malformed("MQTT-3.1.2-22"));
}

// Name and level come first, because a server must tell one it does not know (no answer,
// MQTT-3.1.2-1) from a level it does not support (CONNACK 0x01, MQTT-3.1.2-2), whatever follows.
ProtocolVersion read_version(Reader& in) {
  const Slice name = in.binary("MQTT-3.1.2-1");
  const std::uint8_t level = in.u8();
  bool known_name = false;
  for (const ProtocolName& known : protocol_names) {
    if (name.text() != known.name) continue;
    known_name = true;
    const bool spoken = known.version != ProtocolVersion::v5_0 || in.v5();
    if (level == static_cast<std::uint8_t>(known.version) && spoken) return known.version;
  }
  in.require(known_name, Violation{0x84, "MQTT-3.1.2-1"});
  in.require(false, unsupported_protocol_level);
  return {};
}

Will read_will(Reader& in, std::uint8_t flags) {
  using namespace connect_flag;
  Will will;
  if (in.v5()) will.properties = in.properties(PropertyPlace::will);
  will.topic = in.topic_name({"MQTT-3.1.3-10", "MQTT-3.1.3-11"}, "MQTT-3.1.2-9");
  will.payload = in.binary("MQTT-3.1.2-9");
  will.qos = static_cast<QoS>((flags & will_qos) >> will_qos_shift & 3);
  will.retain = (flags & will_retain) != 0;
  return will;
}

// The order of MQTT-3.1.3-1.
void read_connect(Reader& in, Connect& packet) {
  using namespace connect_flag;
  packet.version = read_version(in);
  in.speak(packet.version);
  const std::uint8_t flags = in.u8();
  check_connect_flags(in, flags);
  packet.clean_session = (flags & clean_session) != 0;
  packet.keep_alive_s = in.u16();
  if (in.v5()) {
    packet.properties = in.properties(place_of(PacketType::connect));
    in.require(!packet.properties.has(PropertyId::authentication_data) ||
                   packet.properties.has(PropertyId::authentication_method),
               protocol_error("U-3.1.2.11.10-2"));
  }
  packet.client_id = in.utf8("MQTT-3.1.3-4", "MQTT-3.1.3-3");
  if ((flags & will) != 0) packet.will = read_will(in, flags);
  if ((flags & user_name) != 0)
    packet.user_name =
        in.utf8({"MQTT-3.1.3-11", "MQTT-3.1.3-12"}, {"MQTT-3.1.2-19", "MQTT-3.1.2-17"});
  if ((flags & password) != 0) packet.password = in.binary({"MQTT-3.1.2-21", "MQTT-3.1.2-19"});
  // What is left over can only be a field whose flag is 0.
  const bool whole = in.left() == 0;
  if (!packet.user_name) in.require(whole, malformed("MQTT-3.1.2-18", "MQTT-3.1.2-16"));
  if (!packet.password) in.require(whole, malformed("MQTT-3.1.2-20", "MQTT-3.1.2-18"));
}

void read_connack(Reader& in, const PacketRule& rule, Connack& packet) {
  const std::uint8_t acknowledge_flags = in.u8();
  in.require(acknowledge_flags <= 1, malformed("MQTT-3.2.2", "MQTT-3.2.2-1"));
  packet.session_present = acknowledge_flags != 0;
  if (in.v5()) {
    packet.reason = in.reason(PacketType::connack, rule.reason_statement);
    in.require(!packet.session_present || packet.reason == ReasonCode::success,
               protocol_error("MQTT-3.2.2-6"));  // v5 MQTT-3.2.2-6
    packet.properties = in.properties(place_of(PacketType::connack));
    return;
  }
  const std::uint8_t code = in.u8();
  in.require(code <= static_cast<std::uint8_t>(ConnectReturn::not_authorized),
             malformed("MQTT-3.2.2-6"));
  in.require(code == 0 || acknowledge_flags == 0, protocol_error("MQTT-3.2.2-4"));
  packet.code = static_cast<ConnectReturn>(code);
}

void read_publish(Reader& in, std::uint8_t flags, const PacketRule& rule, Publish& packet) {
  const int qos = flags >> publish_qos_shift & 3;
  in.require(qos != 3, malformed("MQTT-3.3.1-4", "U-3.3.1.2-1"));  // MQTT-3.3.1-4
  packet.qos = static_cast<QoS>(qos);
  packet.retain = (flags & publish_retain) != 0;
  packet.dup = (flags & publish_dup) != 0;
  in.require(qos != 0 || !packet.dup, malformed("MQTT-3.3.1-2"));  // MQTT-4.3.1-1
  packet.topic = in.published_topic("MQTT-3.3.2-1", "MQTT-3.3.2-2");
  if (qos != 0) {
    const bool by_server = in.v5() && in.sender() == Sender::server;
    packet.packet_id = in.packet_id(by_server ? "MQTT-2.2.1-4" : rule.zero_id_statement);
  }
  if (in.v5()) {
    packet.properties = in.properties(place_of(PacketType::publish));
    in.require(!packet.topic.empty() || packet.properties.has(PropertyId::topic_alias),
               protocol_error("U-3.3.2.1-1"));
  }
  packet.payload = in.rest();
}

// What ends early says success, or has no properties: 5.0's short forms.
template <typename T>
void read_outcome(Reader& in, PacketType type, T& packet) {
  if (!in.v5() || in.left() == 0) return;
  packet.reason = in.reason(type, rule_of(type, ProtocolVersion::v5_0).reason_statement);
  if (in.left() > 0) packet.properties = in.properties(place_of(type));
}

template <typename T>
void read_acknowledgement(Reader& in, PacketType type, const PacketRule& rule, T& packet) {
  packet.packet_id = in.packet_id(rule.zero_id_statement);
  read_outcome(in, type, packet);
}

// 3.1.1: a byte of QoS.
Subscription read_subscription(Reader& in) {
  using namespace subscription_option;
  Subscription subscription;
  subscription.filter = in.topic_filter("MQTT-3.8.3-1");
  const std::uint8_t options = in.u8();
  if (!in.v5()) {
    in.require(options <= 2, malformed("MQTT-3.8.3-4"));
    subscription.qos = static_cast<QoS>(options & qos);
    return subscription;
  }
  in.require((options & reserved) == 0, malformed("MQTT-3.8.3-5"));
  in.require((options & qos) != qos, protocol_error("U-3.8.3.1-1"));
  in.require((options & retain_handling) != retain_handling, protocol_error("U-3.8.3.1-2"));
  subscription.qos = static_cast<QoS>(options & qos);
  subscription.no_local = (options & no_local) != 0;
  subscription.retain_as_published = (options & retain_as_published) != 0;
  subscription.retain_handling =
      static_cast<RetainHandling>((options & retain_handling) >> retain_handling_shift);
  in.require(!subscription.no_local || !shared_filter(subscription.filter.text()),
             protocol_error("MQTT-3.8.3-4"));  // v5 MQTT-3.8.3-4
  return subscription;
}

void read_subscribe(Reader& in, const PacketRule& rule, Subscribe& packet) {
  packet.packet_id = in.packet_id(rule.zero_id_statement);
  if (in.v5()) packet.properties = in.properties(place_of(PacketType::subscribe));
  in.require(in.left() > 0, protocol_error("MQTT-3.8.3-3", "U-3.8.3-1"));  // v5 MQTT-3.8.3-2
  while (in.ok() && in.left() > 0) packet.subscriptions.push_back(read_subscription(in));
}

void read_suback(Reader& in, const PacketRule& rule, Suback& packet) {
  packet.packet_id = in.packet_id(rule.zero_id_statement);
  if (in.v5()) packet.properties = in.properties(place_of(PacketType::suback));
  in.require(in.left() > 0, protocol_error("MQTT-3.8.4-5", "MQTT-3.8.4-6"));
  const Slice codes = in.rest();
  for (const std::uint8_t code : codes.bytes()) {
    const bool known = in.v5() ? find_reason(code, PacketType::suback) != nullptr
                               : code <= 2 || code == suback_failure;
    in.require(known, malformed("MQTT-3.9.3-2"));
  }
  packet.codes.assign(codes.bytes().begin(), codes.bytes().end());
}

void read_unsubscribe(Reader& in, const PacketRule& rule, Unsubscribe& packet) {
  packet.packet_id = in.packet_id(rule.zero_id_statement);
  if (in.v5()) packet.properties = in.properties(place_of(PacketType::unsubscribe));
  in.require(in.left() > 0, protocol_error("MQTT-3.10.3-2", "U-3.10.3-1"));  // v5 MQTT-3.10.3-2
  while (in.ok() && in.left() > 0) packet.filters.push_back(in.topic_filter("MQTT-3.10.3-1"));
}

void read_unsuback(Reader& in, const PacketRule& rule, Unsuback& packet) {
  packet.packet_id = in.packet_id(rule.zero_id_statement);
  if (!in.v5()) return;
  packet.properties = in.properties(place_of(PacketType::unsuback));
  in.require(in.left() > 0, protocol_error("MQTT-3.11.3-1"));
  while (in.ok() && in.left() > 0)
    packet.codes.push_back(in.reason(PacketType::unsuback, rule.reason_statement));
}

void read_disconnect(Reader& in, Disconnect& packet) {
  read_outcome(in, PacketType::disconnect, packet);
}

// A Remaining Length of 0 is success without properties (3.15.2.1); every other AUTH names its
// method.
void read_auth(Reader& in, Auth& packet) {
  const bool short_form = in.left() == 0;
  in.require(!short_form || in.sender() == Sender::server, protocol_error("MQTT-3.15.2-1"));
  read_outcome(in, PacketType::auth, packet);
  in.require(short_form || packet.properties.has(PropertyId::authentication_method),
             protocol_error("U-3.15.2.2.2-2"));
}

// Each packet is read where it stays: moving one costs about as much as reading it.
void read_body(Reader& in, PacketType type, std::uint8_t flags, const PacketRule& rule,
               Packet& packet) {
  switch (type) {
    case PacketType::connect:
      return read_connect(in, packet.emplace<Connect>());
    case PacketType::connack:
      return read_connack(in, rule, packet.emplace<Connack>());
    case PacketType::publish:
      return read_publish(in, flags, rule, packet.emplace<Publish>());
    case PacketType::puback:
      return read_acknowledgement(in, type, rule, packet.emplace<Puback>());
    case PacketType::pubrec:
      return read_acknowledgement(in, type, rule, packet.emplace<Pubrec>());
    case PacketType::pubrel:
      return read_acknowledgement(in, type, rule, packet.emplace<Pubrel>());
    case PacketType::pubcomp:
      return read_acknowledgement(in, type, rule, packet.emplace<Pubcomp>());
    case PacketType::subscribe:
      return read_subscribe(in, rule, packet.emplace<Subscribe>());
    case PacketType::suback:
      return read_suback(in, rule, packet.emplace<Suback>());
    case PacketType::unsubscribe:
      return read_unsubscribe(in, rule, packet.emplace<Unsubscribe>());
    case PacketType::unsuback:
      return read_unsuback(in, rule, packet.emplace<Unsuback>());
    case PacketType::disconnect:
      return read_disconnect(in, packet.emplace<Disconnect>());
    case PacketType::auth:
      return read_auth(in, packet.emplace<Auth>());
    case PacketType::pingreq:
      packet.emplace<Pingreq>();
      return;
    case PacketType::pingresp:
      packet.emplace<Pingresp>();
      return;
  }
}

// Table 2.2. Under 3.1 a repeated PUBREL, SUBSCRIBE or UNSUBSCRIBE may carry DUP.
bool flags_allowed(PacketType type, std::uint8_t flags, ProtocolVersion version) {
  if (type == PacketType::publish) return true;
  const std::uint8_t expected = rule_of(type, version).flags;
  if (version == ProtocolVersion::v3_1 && expected != 0) flags &= ~publish_dup & 0x0F;
  return flags == expected;
}

std::optional<Violation> read_packet(const Slice& frame, Sender sender, ProtocolVersion version,
                                     Packet& packet) {
  const auto header = read_fixed_header(frame.bytes(), version);
  if (!header) return header.violation();
  Reader in(frame, *header ? (*header)->size : frame.size(), sender, version);
  if (!*header || (*header)->frame_size() != frame.size())
    return malformed(in.in_version(length_statement));
  const auto type = static_cast<PacketType>((*header)->first_byte >> 4);
  const std::uint8_t flags = (*header)->first_byte & 0x0F;
  const PacketRule& rule = rule_of(type, version);
  if (!rule.from_client && !rule.from_server) return malformed(in.in_version(type_statement));
  if (!(sender == Sender::client ? rule.from_client : rule.from_server))
    return protocol_error(in.in_version(type_statement));
  // v5 MQTT-2.1.3-1, MQTT-3.6.1-1, MQTT-3.8.1-1, MQTT-3.10.1-1, MQTT-3.14.1-1, MQTT-3.15.1-1
  if (!flags_allowed(type, flags, version)) return malformed(rule.flags_statement);
  read_body(in, type, flags, rule, packet);
  if (in.left() != 0) in.require(false, malformed(in.in_version(length_statement)));
  return in.outcome();
}

}  // namespace

Result<Packet> decode(const Slice& frame, Sender sender, ProtocolVersion version) {
  Result<Packet> result(Packet(std::in_place_type<Pingreq>));
  if (const auto violation = read_packet(frame, sender, version, *result)) result = *violation;
  return result;
}

}  // namespace mqttlab
