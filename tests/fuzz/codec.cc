// Codec on arbitrary frames.
//
// Input: one byte of options, one of no use here, then a stream that is cut into frames. Checked
// for every frame: what decodes encodes to a packet that decodes to the same, under 3.1.1 to the
// very same bytes, under 5.0 to no more bytes; names, topics, filters and properties that were let
// in are valid. The mutator keeps Remaining Lengths right, so that what it changes is read.
#include "protocol/wire/codec.h"

#include <vector>

#include "protocol/wire/framer.h"
#include "protocol/wire/topic.h"
#include "tests/fuzz/packets.h"
#include "tests/fuzz/target.h"

namespace mqttlab::fuzz {
namespace {

struct Options {
  explicit Options(std::uint8_t byte)
      : sender((byte & 1) != 0 ? Sender::server : Sender::client),
        version((byte & 8) != 0   ? ProtocolVersion::v5_0
                : (byte & 2) != 0 ? ProtocolVersion::v3_1
                                  : ProtocolVersion::v3_1_1) {}
  Sender sender;
  ProtocolVersion version;
};

Slice encoded(const Packet& packet, ProtocolVersion version) {
  return Slice::copy_of(Bytes(bytes_of(packet, version)));
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

std::vector<Slice> frames_of(Bytes stream, ProtocolVersion version) {
  Framer framer(max_remaining_length + 5);
  framer.append(stream);
  std::vector<Slice> frames;
  for (;;) {
    auto frame = framer.next(version);
    if (!frame || !*frame) return frames;
    frames.push_back(std::move(**frame));
  }
}

void check(Bytes input) {
  if (input.size() < 2) return;
  const Options options(input[0]);
  for (const Slice& frame : frames_of(input.subspan(2), options.version))
    check_frame(frame, options);
}

using Buffer = std::vector<std::uint8_t>;

void append_frame(Buffer& out, std::uint8_t first_byte, Bytes body) {
  out.push_back(first_byte);
  auto left = static_cast<std::uint32_t>(body.size());
  for (; left >= 128; left /= 128) out.push_back(static_cast<std::uint8_t>(left % 128 + 128));
  out.push_back(static_cast<std::uint8_t>(left));
  out.insert(out.end(), body.begin(), body.end());
}

}  // namespace

/// Changes the body of one frame, or adds a packet that is valid; everything else stays.
Buffer mutated(Bytes input, std::uint32_t seed,
               std::size_t (*mutate)(std::uint8_t*, std::size_t, std::size_t)) {
  const Options options(input[0]);
  const auto frames = frames_of(input.subspan(2), options.version);
  const std::size_t chosen = seed % (frames.size() + 1);
  Buffer out(input.begin(), input.begin() + 2);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const Bytes frame = frames[i].bytes();
    const auto header = *read_fixed_header(frame, options.version);
    Buffer body(frame.begin() + header->size, frame.end());
    if (i == chosen) {
      const std::size_t size = body.size();
      body.resize(size + 64);
      body.resize(mutate(body.data(), size, body.size()));
    }
    append_frame(out, frame[0], body);
  }
  if (chosen == frames.size()) {
    Buffer draws(64);
    for (std::uint8_t& draw : draws)
      draw = static_cast<std::uint8_t>((seed = seed * 69'069 + 1) >> 24);
    Choices choices{Bytes(draws)};
    const Buffer packet =
        bytes_of(draw_packet(choices, options.sender, options.version), options.version);
    out.insert(out.end(), packet.begin(), packet.end());
  }
  return out;
}

}  // namespace mqttlab::fuzz

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  if (size < 2 || seed % 4 == 0) return LLVMFuzzerMutate(data, size, most);
  const auto bytes = mqttlab::fuzz::mutated({data, size}, seed / 4, LLVMFuzzerMutate);
  const std::size_t taken = std::min(bytes.size(), most);
  std::copy_n(bytes.begin(), taken, data);
  return taken;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return mqttlab::fuzz::run_target([&] { mqttlab::fuzz::check({data, size}); });
}
