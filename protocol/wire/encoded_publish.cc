#include <cassert>
#include <vector>

#include "protocol/wire/codec.h"
#include "protocol/wire/writer.h"

namespace mqttlab {
namespace {

// Of the properties that a copy may have of its own, identifier included.
constexpr std::size_t expiry_bytes = 5, alias_bytes = 3;

void put(std::vector<std::uint8_t>& out, Bytes bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace

EncodedPublish::EncodedPublish(const Slice& topic, const Slice& payload,
                               const Properties& properties)
    : payload_(payload), properties_size_(static_cast<std::uint32_t>(properties.bytes().size())) {
  assert(topic.size() <= 0xFFFF);
  assert(!Properties::fault(properties.bytes().bytes(), place_of(PacketType::publish), {}));
  std::vector<std::uint8_t> head;
  head.reserve(field_size(topic) + properties_size_);
  head.push_back(static_cast<std::uint8_t>(topic.size() >> 8));
  head.push_back(static_cast<std::uint8_t>(topic.size()));
  put(head, topic.bytes());
  put(head, properties.bytes().bytes());
  head_ = Slice::copy_of(head);
}

std::string_view EncodedPublish::topic() const {
  return head_.empty() ? ""
                       : head_.text().substr(length_prefix, topic_field_size() - length_prefix);
}

std::size_t EncodedPublish::own_properties_size(const PublishCopy& copy) const {
  return (copy.expiry_s ? expiry_bytes : 0) + copy.identifiers.size() +
         (copy.alias != 0 ? alias_bytes : 0);
}

std::size_t EncodedPublish::remaining_length(const PublishCopy& copy) const {
  std::size_t size = copy.alias_known ? length_prefix : topic_field_size();
  if (copy.qos != QoS::at_most_once) size += packet_id_bytes;
  if (copy.version == ProtocolVersion::v5_0) {
    const std::size_t properties = own_properties_size(copy) + properties_size_;
    size += variable_byte_integer_size(properties) + properties;
  }
  return size + payload_.size();
}

std::size_t EncodedPublish::size(const PublishCopy& copy) const {
  const std::size_t remaining = remaining_length(copy);
  return 1 + variable_byte_integer_size(remaining) + remaining;
}

void EncodedPublish::append_to(Outbox& out, const PublishCopy& copy) const {
  assert(!head_.empty() && (copy.packet_id != 0) == (copy.qos != QoS::at_most_once));
  assert(!copy.alias_known || copy.alias != 0);
  Writer writer(out, copy.version);
  const auto head = [&](std::size_t from, std::size_t size) {
    if (size < Outbox::share_from)
      writer.raw(head_.bytes().subspan(from, size));
    else
      writer.raw(head_.part(from, size));
  };
  const unsigned flags = publish_flags(copy.qos, copy.dup, copy.retain);
  writer.header(first_byte(PacketType::publish, flags), remaining_length(copy));
  if (copy.alias_known)
    writer.u16(0);
  else
    head(0, topic_field_size());
  if (copy.qos != QoS::at_most_once) writer.u16(copy.packet_id);
  if (writer.v5()) {
    writer.length(own_properties_size(copy) + properties_size_);
    if (copy.expiry_s) writer.property(PropertyId::message_expiry_interval, *copy.expiry_s);
    if (!copy.identifiers.empty()) writer.raw(copy.identifiers);
    if (copy.alias != 0) writer.property(PropertyId::topic_alias, copy.alias);
    if (properties_size_ > 0) head(topic_field_size(), properties_size_);
  }
  writer.raw(payload_);
  writer.publish_ends();
}

}  // namespace mqttlab
