#include <cassert>
#include <vector>

#include "protocol/wire/codec.h"
#include "protocol/wire/writer.h"

namespace mqttlab {

EncodedPublish::EncodedPublish(const Slice& topic, const Slice& payload, QoS qos,
                               ProtocolVersion version, const Properties& properties)
    : payload_(payload), qos_(qos) {
  const std::size_t id = qos == QoS::at_most_once ? 0 : packet_id_bytes;
  const std::size_t property_bytes = properties_size(properties, version);
  const HeaderBytes header =
      fixed_header(first_byte(PacketType::publish, publish_flags(qos, false, false)),
                   field_size(topic) + id + property_bytes + payload.size());
  const Bytes name = topic.bytes();
  assert(name.size() <= 0xFFFF);
  std::vector<std::uint8_t> head;
  head.reserve(header.size + field_size(topic) + property_bytes);
  head.assign(header.view().begin(), header.view().end());
  head.push_back(static_cast<std::uint8_t>(name.size() >> 8));
  head.push_back(static_cast<std::uint8_t>(name.size()));
  head.insert(head.end(), name.begin(), name.end());
  id_at_ = static_cast<std::uint32_t>(head.size());
  if (property_bytes > 0) {
    const Bytes set = properties.bytes().bytes();
    assert(!Properties::fault(set, place_of(PacketType::publish), std::nullopt));
    write_variable_byte_integer(set.size(), [&](std::uint8_t byte) { head.push_back(byte); });
    head.insert(head.end(), set.begin(), set.end());
  }
  head_ = Slice::copy_of(head);
}

void EncodedPublish::append_to(Outbox& out, std::uint16_t packet_id, bool dup, bool retain) const {
  assert(!head_.empty() && (packet_id != 0) == (qos_ != QoS::at_most_once));
  Writer writer(out, ProtocolVersion::v5_0);
  const auto head = [&](std::size_t from, std::size_t to) {
    if (to - from < Outbox::share_from)
      writer.raw(head_.bytes().subspan(from, to - from));
    else
      writer.raw(head_.part(from, to - from));
  };
  writer.u8(first_byte(PacketType::publish, publish_flags(qos_, dup, retain)));
  head(1, id_at_);
  if (qos_ != QoS::at_most_once) writer.u16(packet_id);
  if (id_at_ < head_.size()) head(id_at_, head_.size());
  writer.raw(payload_);
  writer.publish_ends();
}

}  // namespace mqttlab
