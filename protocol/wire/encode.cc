#include <array>
#include <cassert>

#include "protocol/wire/codec.h"
#include "protocol/wire/packet_rules.h"

namespace mqttlab {
namespace {

constexpr std::size_t length_prefix = 2, packet_id_bytes = 2;

std::size_t field_size(const Slice& field) { return length_prefix + field.size(); }

struct HeaderBytes {
  std::array<std::uint8_t, 5> bytes{};
  std::size_t size = 0;
  [[nodiscard]] Bytes view() const { return {bytes.data(), size}; }
};

HeaderBytes fixed_header(std::uint8_t first_byte, std::size_t remaining) {
  assert(remaining <= max_remaining_length);
  HeaderBytes header{{first_byte}, 1};
  do {
    const bool more = remaining > 0x7F;
    header.bytes[header.size++] =
        static_cast<std::uint8_t>((remaining & 0x7F) | (more ? 0x80u : 0u));
    remaining >>= 7;
  } while (remaining > 0);
  return header;
}

// The fields of MQTT, appended to an Outbox.
class Writer {
 public:
  explicit Writer(Outbox& out) : out_(out) {}
  void header(std::uint8_t first_byte, std::size_t remaining) {
    out_.append(fixed_header(first_byte, remaining).view());
  }
  void u8(std::uint8_t value) { out_.append(Bytes(&value, 1)); }
  void u16(std::size_t value) {
    assert(value <= 0xFFFF);
    const std::array<std::uint8_t, 2> bytes{static_cast<std::uint8_t>(value >> 8),
                                            static_cast<std::uint8_t>(value)};
    out_.append(Bytes(bytes));
  }
  void text(std::string_view text) {
    u16(text.size());
    out_.append(Bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
  }
  void field(const Slice& field) {
    u16(field.size());
    out_.append(field);
  }
  void raw(const Slice& bytes) { out_.append(bytes); }
  void raw(Bytes bytes) { out_.append(bytes); }
  void publish_ends() { out_.publish_ends(); }

 private:
  Outbox& out_;
};

std::uint8_t first_byte(PacketType type, unsigned flags = 0) {
  return static_cast<std::uint8_t>(static_cast<unsigned>(type) << 4 | rule_of(type).flags | flags);
}

unsigned publish_flags(QoS qos, bool dup, bool retain) {
  assert(!dup || qos != QoS::at_most_once);  // MQTT-3.3.1-2
  return static_cast<unsigned>(qos) << publish_qos_shift | (dup ? publish_dup : 0u) |
         (retain ? publish_retain : 0u);
}

std::size_t publish_size(const Slice& topic, const Slice& payload, QoS qos) {
  const std::size_t id = qos == QoS::at_most_once ? 0 : packet_id_bytes;  // MQTT-2.3.1-5
  return field_size(topic) + id + payload.size();
}

std::uint8_t connect_flags(const Connect& packet) {
  using namespace connect_flag;
  unsigned flags = packet.clean_session ? clean_session : 0u;
  if (packet.will) {
    flags |= will | static_cast<unsigned>(packet.will->qos) << will_qos_shift;
    if (packet.will->retain) flags |= will_retain;
  }
  if (packet.user_name) flags |= user_name;
  if (packet.password) flags |= password;
  return static_cast<std::uint8_t>(flags);
}

// One write() per packet: the standard's layout, top to bottom.
void write(Writer out, const Connect& packet, ProtocolVersion) {
  assert(!packet.password || packet.user_name);  // MQTT-3.1.2-22
  std::string_view name;
  for (const ProtocolName& known : protocol_names)
    if (known.version == packet.version) name = known.name;
  std::size_t size = length_prefix + name.size() + 4 + field_size(packet.client_id);
  if (packet.will) size += field_size(packet.will->topic) + field_size(packet.will->payload);
  if (packet.user_name) size += field_size(*packet.user_name);
  if (packet.password) size += field_size(*packet.password);
  out.header(first_byte(PacketType::connect), size);
  out.text(name);
  out.u8(static_cast<std::uint8_t>(packet.version));
  out.u8(connect_flags(packet));
  out.u16(packet.keep_alive_s);
  out.field(packet.client_id);  // the order of MQTT-3.1.3-1
  if (packet.will) {
    out.field(packet.will->topic);
    out.field(packet.will->payload);
  }
  if (packet.user_name) out.field(*packet.user_name);
  if (packet.password) out.field(*packet.password);
}

void write(Writer out, const Connack& packet, ProtocolVersion version) {
  assert(!packet.session_present || packet.code == ConnectReturn::accepted);  // MQTT-3.2.2-4
  const bool has_flags = version != ProtocolVersion::v3_1;  // 3.1 reserves the byte
  out.header(first_byte(PacketType::connack), 2);
  out.u8(has_flags && packet.session_present ? 1 : 0);
  out.u8(static_cast<std::uint8_t>(packet.code));
}

void write(Writer out, const Publish& packet, ProtocolVersion) {
  assert((packet.packet_id != 0) == (packet.qos != QoS::at_most_once));
  out.header(first_byte(PacketType::publish, publish_flags(packet.qos, packet.dup, packet.retain)),
             publish_size(packet.topic, packet.payload, packet.qos));
  out.field(packet.topic);
  if (packet.qos != QoS::at_most_once) out.u16(packet.packet_id);
  out.raw(packet.payload);
  out.publish_ends();
}

void write_acknowledgement(Writer out, PacketType type, std::uint16_t packet_id) {
  assert(packet_id != 0);
  out.header(first_byte(type), packet_id_bytes);
  out.u16(packet_id);
}
void write(Writer out, const Puback& packet, ProtocolVersion) {
  write_acknowledgement(out, PacketType::puback, packet.packet_id);
}
void write(Writer out, const Pubrec& packet, ProtocolVersion) {
  write_acknowledgement(out, PacketType::pubrec, packet.packet_id);
}
void write(Writer out, const Pubrel& packet, ProtocolVersion) {
  write_acknowledgement(out, PacketType::pubrel, packet.packet_id);
}
void write(Writer out, const Pubcomp& packet, ProtocolVersion) {
  write_acknowledgement(out, PacketType::pubcomp, packet.packet_id);
}
void write(Writer out, const Unsuback& packet, ProtocolVersion) {
  write_acknowledgement(out, PacketType::unsuback, packet.packet_id);
}

void write(Writer out, const Subscribe& packet, ProtocolVersion) {
  assert(packet.packet_id != 0 && !packet.subscriptions.empty());  // MQTT-3.8.3-3
  std::size_t size = packet_id_bytes;
  for (const auto& subscription : packet.subscriptions) size += field_size(subscription.filter) + 1;
  out.header(first_byte(PacketType::subscribe), size);
  out.u16(packet.packet_id);
  for (const auto& subscription : packet.subscriptions) {
    out.field(subscription.filter);
    out.u8(static_cast<std::uint8_t>(subscription.qos));
  }
}

void write(Writer out, const Suback& packet, ProtocolVersion) {
  assert(packet.packet_id != 0 && !packet.codes.empty());
  out.header(first_byte(PacketType::suback), packet_id_bytes + packet.codes.size());
  out.u16(packet.packet_id);
  out.raw(Bytes(packet.codes));
}

void write(Writer out, const Unsubscribe& packet, ProtocolVersion) {
  assert(packet.packet_id != 0 && !packet.filters.empty());  // MQTT-3.10.3-2
  std::size_t size = packet_id_bytes;
  for (const auto& filter : packet.filters) size += field_size(filter);
  out.header(first_byte(PacketType::unsubscribe), size);
  out.u16(packet.packet_id);
  for (const auto& filter : packet.filters) out.field(filter);
}

void write(Writer out, const Pingreq&, ProtocolVersion) {
  out.header(first_byte(PacketType::pingreq), 0);
}
void write(Writer out, const Pingresp&, ProtocolVersion) {
  out.header(first_byte(PacketType::pingresp), 0);
}
void write(Writer out, const Disconnect&, ProtocolVersion) {
  out.header(first_byte(PacketType::disconnect), 0);
}

}  // namespace

void encode(const Packet& packet, ProtocolVersion version, Outbox& out) {
  std::visit([&](const auto& value) { write(Writer(out), value, version); }, packet);
}

EncodedPublish::EncodedPublish(const Slice& topic, const Slice& payload, QoS qos, ProtocolVersion)
    : payload_(payload), qos_(qos) {
  const HeaderBytes header =
      fixed_header(first_byte(PacketType::publish, publish_flags(qos, false, false)),
                   publish_size(topic, payload, qos));
  const Bytes name = topic.bytes();
  assert(name.size() <= 0xFFFF);
  std::vector<std::uint8_t> head;
  head.reserve(header.size + field_size(topic));
  head.assign(header.view().begin(), header.view().end());
  head.push_back(static_cast<std::uint8_t>(name.size() >> 8));
  head.push_back(static_cast<std::uint8_t>(name.size()));
  head.insert(head.end(), name.begin(), name.end());
  head_ = Slice::copy_of(head);
}

void EncodedPublish::append_to(Outbox& out, std::uint16_t packet_id, bool dup, bool retain) const {
  assert(!head_.empty() && (packet_id != 0) == (qos_ != QoS::at_most_once));
  Writer writer(out);
  writer.u8(first_byte(PacketType::publish, publish_flags(qos_, dup, retain)));
  writer.raw(head_.part(1, head_.size() - 1));
  if (qos_ != QoS::at_most_once) writer.u16(packet_id);
  writer.raw(payload_);
  writer.publish_ends();
}

}  // namespace mqttlab
