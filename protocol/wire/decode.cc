#include "protocol/wire/codec.h"
#include "protocol/wire/framer.h"
#include "protocol/wire/packet_rules.h"
#include "protocol/wire/reader.h"

namespace mqttlab {
namespace {

void check_connect_flags(Reader& in, std::uint8_t flags) {
  using namespace connect_flag;
  in.require((flags & reserved) == 0, malformed("MQTT-3.1.2-3"));
  if ((flags & will) == 0) {
    in.require((flags & will_qos) == 0, malformed("MQTT-3.1.2-13"));
    in.require((flags & will_retain) == 0, malformed("MQTT-3.1.2-15"));
  }
  in.require((flags & will_qos) != will_qos, malformed("MQTT-3.1.2-14"));
  in.require((flags & password) == 0 || (flags & user_name) != 0, malformed("MQTT-3.1.2-22"));
}

// Name and level come first, because a server must tell one it does not know (no answer,
// MQTT-3.1.2-1) from a level it does not support (CONNACK 0x01, MQTT-3.1.2-2), whatever follows.
ProtocolVersion read_version(Reader& in) {
  const Slice name = in.binary("MQTT-3.1.2-1");
  const std::uint8_t level = in.u8();
  for (const ProtocolName& known : protocol_names) {
    if (name.text() != known.name) continue;
    in.require(level == static_cast<std::uint8_t>(known.version), unsupported_protocol_level);
    return known.version;
  }
  in.require(false, {0x84, "MQTT-3.1.2-1"});
  return {};
}

Packet read_connect(Reader& in) {
  using namespace connect_flag;
  Connect packet;
  packet.version = read_version(in);
  const std::uint8_t flags = in.u8();
  check_connect_flags(in, flags);
  packet.clean_session = (flags & clean_session) != 0;
  packet.keep_alive_s = in.u16();
  packet.client_id = in.utf8("MQTT-3.1.3-4", "MQTT-3.1.3-3");
  if ((flags & will) != 0) {
    Will& declared = packet.will.emplace();
    declared.topic = in.topic_name("MQTT-3.1.3-10", "MQTT-3.1.2-9");
    declared.payload = in.binary("MQTT-3.1.2-9");
    declared.qos = static_cast<QoS>((flags & will_qos) >> will_qos_shift & 3);
    declared.retain = (flags & will_retain) != 0;
  }
  if ((flags & user_name) != 0) packet.user_name = in.utf8("MQTT-3.1.3-11", "MQTT-3.1.2-19");
  if ((flags & password) != 0) packet.password = in.binary("MQTT-3.1.2-21");
  // What is left over can only be a field whose flag is 0.
  if (!packet.user_name) in.require(in.left() == 0, malformed("MQTT-3.1.2-18"));
  if (!packet.password) in.require(in.left() == 0, malformed("MQTT-3.1.2-20"));
  return packet;
}

Packet read_connack(Reader& in) {
  const std::uint8_t acknowledge_flags = in.u8();
  const std::uint8_t code = in.u8();
  in.require(acknowledge_flags <= 1, malformed("MQTT-3.2.2"));
  in.require(code <= static_cast<std::uint8_t>(ConnectReturn::not_authorized),
             malformed("MQTT-3.2.2-6"));
  in.require(code == 0 || acknowledge_flags == 0, protocol_error("MQTT-3.2.2-4"));
  return Connack{acknowledge_flags != 0, static_cast<ConnectReturn>(code)};
}

Packet read_publish(Reader& in, std::uint8_t flags, const PacketRule& rule) {
  Publish packet;
  const int qos = flags >> publish_qos_shift & 3;
  in.require(qos != 3, malformed("MQTT-3.3.1-4"));
  packet.qos = static_cast<QoS>(qos);
  packet.retain = (flags & publish_retain) != 0;
  packet.dup = (flags & publish_dup) != 0;
  in.require(qos != 0 || !packet.dup, malformed("MQTT-3.3.1-2"));
  packet.topic = in.topic_name("MQTT-3.3.2-1");
  if (qos != 0) packet.packet_id = in.packet_id(rule.zero_id_statement);
  packet.payload = in.rest();
  return packet;
}

template <typename T>
Packet read_acknowledgement(Reader& in, const PacketRule& rule) {
  return T{in.packet_id(rule.zero_id_statement)};
}

Packet read_subscribe(Reader& in, const PacketRule& rule) {
  Subscribe packet{in.packet_id(rule.zero_id_statement), {}};
  in.require(in.left() > 0, protocol_error("MQTT-3.8.3-3"));
  while (in.ok() && in.left() > 0) {
    Slice filter = in.topic_filter("MQTT-3.8.3-1");
    const std::uint8_t qos = in.u8();
    in.require(qos <= 2, malformed("MQTT-3.8.3-4"));
    packet.subscriptions.push_back({std::move(filter), static_cast<QoS>(qos & 3)});
  }
  return packet;
}

Packet read_suback(Reader& in, const PacketRule& rule) {
  Suback packet{in.packet_id(rule.zero_id_statement), {}};
  in.require(in.left() > 0, protocol_error("MQTT-3.8.4-5"));
  const Slice codes = in.rest();
  for (const std::uint8_t code : codes.bytes())
    in.require(code <= 2 || code == suback_failure, malformed("MQTT-3.9.3-2"));
  packet.codes.assign(codes.bytes().begin(), codes.bytes().end());
  return packet;
}

Packet read_unsubscribe(Reader& in, const PacketRule& rule) {
  Unsubscribe packet{in.packet_id(rule.zero_id_statement), {}};
  in.require(in.left() > 0, protocol_error("MQTT-3.10.3-2"));
  while (in.ok() && in.left() > 0) packet.filters.push_back(in.topic_filter("MQTT-3.10.3-1"));
  return packet;
}

Packet read_body(Reader& in, PacketType type, std::uint8_t flags) {
  const PacketRule& rule = rule_of(type);
  switch (type) {
    case PacketType::connect:
      return read_connect(in);
    case PacketType::connack:
      return read_connack(in);
    case PacketType::publish:
      return read_publish(in, flags, rule);
    case PacketType::puback:
      return read_acknowledgement<Puback>(in, rule);
    case PacketType::pubrec:
      return read_acknowledgement<Pubrec>(in, rule);
    case PacketType::pubrel:
      return read_acknowledgement<Pubrel>(in, rule);
    case PacketType::pubcomp:
      return read_acknowledgement<Pubcomp>(in, rule);
    case PacketType::subscribe:
      return read_subscribe(in, rule);
    case PacketType::suback:
      return read_suback(in, rule);
    case PacketType::unsubscribe:
      return read_unsubscribe(in, rule);
    case PacketType::unsuback:
      return read_acknowledgement<Unsuback>(in, rule);
    case PacketType::pingreq:
      return Pingreq{};
    case PacketType::pingresp:
      return Pingresp{};
    case PacketType::disconnect:
      return Disconnect{};
  }
  in.require(false, malformed("MQTT-2.2.1"));
  return {};
}

// Table 2.2. Under 3.1 a repeated PUBREL, SUBSCRIBE or UNSUBSCRIBE may carry DUP.
bool flags_allowed(PacketType type, std::uint8_t flags, ProtocolVersion version) {
  if (type == PacketType::publish) return true;
  const std::uint8_t expected = rule_of(type).flags;
  if (version == ProtocolVersion::v3_1 && expected != 0) flags &= ~publish_dup & 0x0F;
  return flags == expected;
}

}  // namespace

Result<Packet> decode(const Slice& frame, Sender sender, ProtocolVersion version) {
  const auto header = read_fixed_header(frame.bytes());
  if (!header) return header.violation();
  if (!*header || (*header)->frame_size() != frame.size()) return malformed(length_statement);
  const auto type = static_cast<PacketType>((*header)->first_byte >> 4);
  const std::uint8_t flags = (*header)->first_byte & 0x0F;
  const PacketRule& rule = rule_of(type);
  if (!rule.from_client && !rule.from_server) return malformed("MQTT-2.2.1");
  if (!(sender == Sender::client ? rule.from_client : rule.from_server))
    return protocol_error("MQTT-2.2.1");
  if (!flags_allowed(type, flags, version)) return malformed(rule.flags_statement);
  Reader in(frame, (*header)->size);
  Packet packet = read_body(in, type, flags);
  in.require(in.left() == 0, malformed(length_statement));
  if (!in.ok()) return in.violation();
  return packet;
}

}  // namespace mqttlab
