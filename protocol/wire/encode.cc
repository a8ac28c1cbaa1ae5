#include <cassert>

#include "protocol/wire/codec.h"
#include "protocol/wire/writer.h"

namespace mqttlab {
namespace {

std::uint8_t connect_flags(const Connect& packet) {
  using namespace connect_flag;
  unsigned flags = packet.clean_session ? clean_session : 0u;
  if (packet.will) {  // MQTT-3.1.2-11
    flags |= will | static_cast<unsigned>(packet.will->qos) << will_qos_shift;
    if (packet.will->retain) flags |= will_retain;
  }
  if (packet.user_name) flags |= user_name;
  if (packet.password) flags |= password;
  return static_cast<std::uint8_t>(flags);
}

std::uint8_t options(const Subscription& subscription) {
  using namespace subscription_option;
  const auto handling = static_cast<unsigned>(subscription.retain_handling);
  return static_cast<std::uint8_t>(static_cast<unsigned>(subscription.qos) |
                                   (subscription.no_local ? no_local : 0u) |
                                   (subscription.retain_as_published ? retain_as_published : 0u) |
                                   handling << retain_handling_shift);
}

// One write() per packet: the standard's layout, top to bottom.
void write(Writer out, const Connect& packet) {
  const ProtocolVersion version = out.version();
  assert(!packet.password || packet.user_name || out.v5());  // MQTT-3.1.2-22 of 3.1.1
  std::string_view name;
  for (const ProtocolName& known : protocol_names)
    if (known.version == version) name = known.name;
  std::size_t size = length_prefix + name.size() + 4 + field_size(packet.client_id);
  size += properties_size(packet.properties, version);
  if (packet.will) {
    size += properties_size(packet.will->properties, version);
    size += field_size(packet.will->topic) + field_size(packet.will->payload);
  }
  if (packet.user_name) size += field_size(*packet.user_name);
  if (packet.password) size += field_size(*packet.password);
  out.header(first_byte(PacketType::connect), size);
  out.text(name);
  out.u8(static_cast<std::uint8_t>(version));
  out.u8(connect_flags(packet));
  out.u16(packet.keep_alive_s);
  out.properties(packet.properties, place_of(PacketType::connect));
  out.field(packet.client_id);  // the order of MQTT-3.1.3-1
  if (packet.will) {
    out.properties(packet.will->properties, PropertyPlace::will);
    out.field(packet.will->topic);
    out.field(packet.will->payload);
  }
  if (packet.user_name) out.field(*packet.user_name);
  if (packet.password) out.field(*packet.password);
}

void write(Writer out, const Connack& packet) {
  assert(!packet.session_present || (packet.code == ConnectReturn::accepted &&
                                     packet.reason == ReasonCode::success));  // MQTT-3.2.2-4
  const bool has_flags = out.version() != ProtocolVersion::v3_1;  // 3.1 reserves the byte
  out.header(first_byte(PacketType::connack),
             2 + properties_size(packet.properties, out.version()));
  out.u8(has_flags && packet.session_present ? 1 : 0);
  out.u8(out.v5() ? static_cast<std::uint8_t>(packet.reason)
                  : static_cast<std::uint8_t>(packet.code));
  out.properties(packet.properties, place_of(PacketType::connack));
}

void write(Writer out, const Publish& packet) {
  const bool has_id = packet.qos != QoS::at_most_once;  // MQTT-2.3.1-5; in 5.0 MQTT-2.2.1-2
  assert((packet.packet_id != 0) == has_id);
  out.header(first_byte(PacketType::publish, publish_flags(packet.qos, packet.dup, packet.retain)),
             field_size(packet.topic) + (has_id ? packet_id_bytes : 0) +
                 properties_size(packet.properties, out.version()) + packet.payload.size());
  out.field(packet.topic);
  if (has_id) out.u16(packet.packet_id);
  out.properties(packet.properties, place_of(PacketType::publish));
  out.raw(packet.payload);
  out.publish_ends();
}

// The shortest form that says it: 5.0 leaves out what is success and empty. Before 5.0 no outcome
// is written at all.
template <typename T>
std::size_t outcome_size(const Writer& out, const T& packet) {
  if (!out.v5()) return 0;
  if (!packet.properties.empty()) return 1 + properties_size(packet.properties, out.version());
  return packet.reason == ReasonCode::success ? 0 : 1;
}
template <typename T>
void write_outcome(Writer& out, PacketType type, const T& packet) {
  const std::size_t size = outcome_size(out, packet);
  if (size > 0) out.u8(static_cast<std::uint8_t>(packet.reason));
  if (size > 1) out.properties(packet.properties, place_of(type));
}

template <typename T>
void write_acknowledgement(Writer out, PacketType type, const T& packet) {
  assert(packet.packet_id != 0);
  out.header(first_byte(type), packet_id_bytes + outcome_size(out, packet));
  out.u16(packet.packet_id);
  write_outcome(out, type, packet);
}
void write(Writer out, const Puback& packet) {
  write_acknowledgement(out, PacketType::puback, packet);
}
void write(Writer out, const Pubrec& packet) {
  write_acknowledgement(out, PacketType::pubrec, packet);
}
void write(Writer out, const Pubrel& packet) {
  write_acknowledgement(out, PacketType::pubrel, packet);
}
void write(Writer out, const Pubcomp& packet) {
  write_acknowledgement(out, PacketType::pubcomp, packet);
}

// What the four packets of subscribing begin with.
void write_request(Writer& out, PacketType type, std::uint16_t packet_id,
                   const Properties& properties, std::size_t payload_bytes) {
  assert(packet_id != 0);
  out.header(first_byte(type),
             packet_id_bytes + properties_size(properties, out.version()) + payload_bytes);
  out.u16(packet_id);
  out.properties(properties, place_of(type));
}

void write(Writer out, const Subscribe& packet) {
  assert(!packet.subscriptions.empty());  // MQTT-3.8.3-3
  std::size_t size = 0;
  for (const auto& subscription : packet.subscriptions) size += field_size(subscription.filter) + 1;
  write_request(out, PacketType::subscribe, packet.packet_id, packet.properties, size);
  for (const auto& subscription : packet.subscriptions) {
    out.field(subscription.filter);
    out.u8(out.v5() ? options(subscription) : static_cast<std::uint8_t>(subscription.qos));
  }
}

void write(Writer out, const Suback& packet) {
  assert(!packet.codes.empty());
  write_request(out, PacketType::suback, packet.packet_id, packet.properties, packet.codes.size());
  out.raw(Bytes(packet.codes));
}

void write(Writer out, const Unsubscribe& packet) {
  assert(!packet.filters.empty());  // MQTT-3.10.3-2
  std::size_t size = 0;
  for (const auto& filter : packet.filters) size += field_size(filter);
  write_request(out, PacketType::unsubscribe, packet.packet_id, packet.properties, size);
  for (const auto& filter : packet.filters) out.field(filter);
}

void write(Writer out, const Unsuback& packet) {
  assert(!out.v5() || !packet.codes.empty());
  const std::size_t codes = out.v5() ? packet.codes.size() : 0;
  write_request(out, PacketType::unsuback, packet.packet_id, packet.properties, codes);
  for (std::size_t i = 0; i < codes; ++i) out.u8(static_cast<std::uint8_t>(packet.codes[i]));
}

void write(Writer out, const Pingreq&) { out.header(first_byte(PacketType::pingreq), 0); }
void write(Writer out, const Pingresp&) { out.header(first_byte(PacketType::pingresp), 0); }

void write(Writer out, const Disconnect& packet) {
  out.header(first_byte(PacketType::disconnect), outcome_size(out, packet));
  write_outcome(out, PacketType::disconnect, packet);
}

void write(Writer out, const Auth& packet) {
  assert(out.v5());
  out.header(first_byte(PacketType::auth), outcome_size(out, packet));
  write_outcome(out, PacketType::auth, packet);
}

}  // namespace

void encode(const Packet& packet, ProtocolVersion version, Outbox& out) {
  const auto* connect = std::get_if<Connect>(&packet);
  const Writer writer(out, connect ? connect->version : version);
  std::visit([&](const auto& value) { write(writer, value); }, packet);
}

}  // namespace mqttlab
