// Framer and codec on arbitrary bytes in arbitrary pieces.
//
// Input: one byte of options, one that seeds the split, then the stream. Checked for every input:
// pieces give the same frames and the same end as the whole stream; memory stays within twice what
// has arrived; what decodes encodes to a packet that decodes to the same, under 3.1.1 to the very
// same bytes, under 5.0 to no more bytes; names, topics, filters and properties that were let in
// are valid.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "protocol/wire/codec.h"
#include "protocol/wire/framer.h"
#include "protocol/wire/topic.h"

namespace mqttlab {
namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

struct Options {
  explicit Options(std::uint8_t byte)
      : sender((byte & 1) != 0 ? Sender::server : Sender::client),
        version((byte & 8) != 0   ? ProtocolVersion::v5_0
                : (byte & 2) != 0 ? ProtocolVersion::v3_1
                                  : ProtocolVersion::v3_1_1),
        max_packet_size((byte & 4) != 0 ? 64 : max_remaining_length + 5) {}
  Sender sender;
  ProtocolVersion version;
  std::uint32_t max_packet_size;
};

struct Outcome {
  std::vector<Slice> frames;
  bool broken = false;
  std::size_t tail = 0;
};

// `split`: 0 for the whole stream at once, or else the seed of the piece sizes.
Outcome cut(Bytes stream, std::uint32_t max_packet_size, std::uint32_t split) {
  Framer framer(max_packet_size);
  Outcome outcome;
  std::size_t most_buffered = 0;
  while (!stream.empty() && !outcome.broken) {
    const auto room = framer.space();
    require(!room.empty(), "space() is never empty");
    std::size_t n = std::min(room.size(), stream.size());
    if (split != 0) {
      split = split * 1'664'525 + 1'013'904'223;
      n = std::min<std::size_t>(n, 1 + (split >> 28));
    }
    std::copy_n(stream.begin(), n, room.begin());
    framer.received(n);
    stream = stream.subspan(n);
    most_buffered = std::max(most_buffered, framer.buffered());
    require(framer.capacity() <= std::max<std::size_t>(2'048, 2 * most_buffered),
            "memory grows with what has arrived");
    for (;;) {
      auto frame = framer.next();
      outcome.broken = !frame;
      if (!frame || !*frame) break;
      outcome.frames.push_back(std::move(**frame));
    }
  }
  outcome.tail = framer.buffered();
  return outcome;
}

Slice encoded(const Packet& packet, ProtocolVersion version) {
  Outbox out;
  encode(packet, version, out);
  std::vector<Bytes> pieces(out.size());
  pieces.resize(out.pending(pieces));
  std::vector<std::uint8_t> bytes;
  for (const Bytes piece : pieces) bytes.insert(bytes.end(), piece.begin(), piece.end());
  return Slice::copy_of(Bytes(bytes));
}

void check_publish(const Publish& packet, const Slice& bytes, ProtocolVersion version) {
  const std::string_view topic = packet.topic.text();
  if (topic.empty()) {
    require(packet.properties.has(PropertyId::topic_alias), "an alias stands for an empty topic");
  } else {
    require(valid_topic_name(topic), "a topic that was let in is valid");
    require(matches(topic, topic), "a name as a filter matches itself");
  }
  Outbox out;
  const EncodedPublish shared(packet.topic, packet.payload, packet.properties);
  const PublishCopy copy{version, packet.qos, packet.packet_id, packet.dup, packet.retain};
  shared.append_to(out, copy);
  require(out.size() == bytes.size(), "EncodedPublish has the size of encode()");
  require(shared.size(copy) == bytes.size(), "EncodedPublish knows its size");
}

void check_properties(const Properties& properties) {
  std::size_t bytes = 0;
  properties.for_each([&](const Property& property) {
    require(find_property(static_cast<std::uint32_t>(property.id)) != nullptr, "a known property");
    bytes += 1 + property.text.size() + property.name.size();
  });
  require(bytes <= properties.bytes().size(), "properties lie within their set");
  Properties without = properties;
  without.remove(PropertyId::user_property);
  require(!without.has(PropertyId::user_property), "what is removed is gone");
}

void check_frame(const Slice& frame, const Options& options) {
  const Slice alone = Slice::copy_of(frame.bytes());  // reads past its end are seen
  const auto packet = decode(alone, options.sender, options.version);
  if (!packet) {
    require(!packet.violation().statement.empty(), "a violation names its statement");
    return;
  }
  require(!describe(*packet).empty(), "every packet has a description");
  const Slice again = encoded(*packet, options.version);
  if (options.version == ProtocolVersion::v3_1_1)
    require(again == frame, "a packet has one encoding");
  if (options.version == ProtocolVersion::v5_0)
    require(again.size() <= frame.size(), "the shortest form is written");
  const auto twice = decode(again, options.sender, options.version);
  require(bool(twice), "what encodes decodes");
  require(encoded(*twice, options.version) == again, "decode and encode are stable");
  if (const auto* publish = std::get_if<Publish>(&*packet))
    check_publish(*publish, again, options.version);
  const auto check_set = [](const auto& value) {
    if constexpr (requires { value.properties; }) check_properties(value.properties);
  };
  std::visit(check_set, *packet);
  if (const auto* subscribe = std::get_if<Subscribe>(&*packet)) {
    for (const auto& subscription : subscribe->subscriptions)
      require(valid_topic_filter(subscription.filter.text()), "a filter that was let in is valid");
  }
}

void check(Bytes input) {
  if (input.size() < 2) return;
  const Options options(input[0]);
  const Bytes stream = input.subspan(2);
  const Outcome whole = cut(stream, options.max_packet_size, 0);
  const Outcome pieces = cut(stream, options.max_packet_size, input[1] + 1u);
  require(whole.frames == pieces.frames, "pieces give the frames of the whole");
  require(whole.broken == pieces.broken, "pieces break where the whole does");
  require(whole.broken || whole.tail == pieces.tail, "pieces leave the tail of the whole");
  for (const Slice& frame : whole.frames) check_frame(frame, options);
}

}  // namespace
}  // namespace mqttlab

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mqttlab::check({data, size});
  return 0;
}
