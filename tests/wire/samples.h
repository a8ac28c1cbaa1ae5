// What the tests of the wire share: bytes written by hand, sample packets of every type, a seeded
// generator.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/wire/codec.h"
#include "protocol/wire/framer.h"

namespace mqttlab::test {

using Buffer = std::vector<std::uint8_t>;
inline constexpr ProtocolVersion v5 = ProtocolVersion::v5_0;

inline Buffer buffer(std::string_view text) { return {text.begin(), text.end()}; }

/// A string field: two bytes of length, then the text.
inline std::string field(std::string_view text) {
  return std::string{static_cast<char>(text.size() >> 8), static_cast<char>(text.size())}.append(
      text);
}

/// Fixed header and body; the body is shorter than 16,384 bytes.
inline Buffer frame(std::uint8_t first_byte, std::string_view body) {
  std::string bytes(1, static_cast<char>(first_byte));
  if (body.size() >= 128) bytes += static_cast<char>(body.size() % 128 + 128);
  bytes += static_cast<char>(body.size() < 128 ? body.size() : body.size() / 128);
  return buffer(bytes.append(body));
}

inline Buffer encoded(const Packet& packet, ProtocolVersion version = ProtocolVersion::v3_1_1) {
  Outbox out;
  encode(packet, version, out);
  std::vector<Bytes> pieces(64);
  pieces.resize(out.pending(pieces));
  Buffer bytes;
  for (const Bytes piece : pieces) bytes.insert(bytes.end(), piece.begin(), piece.end());
  EXPECT_EQ(bytes.size(), out.size());
  return bytes;
}

inline Result<Packet> decoded(const Buffer& bytes, Sender sender,
                              ProtocolVersion version = ProtocolVersion::v3_1_1) {
  return decode(Slice::copy_of(Bytes(bytes)), sender, version);  // a block of exactly this size
}

inline Slice slice(std::string_view text) { return Slice::copy_of(text); }

/// A property set of 5.0 with its length, which is below 128.
inline std::string set(std::string_view properties) {
  return std::string(1, static_cast<char>(properties.size())).append(properties);
}

struct Sample {
  Packet packet;
  Sender sender;
  Buffer bytes;  ///< written by hand, not by encode()
  ProtocolVersion version = ProtocolVersion::v3_1_1;
};

/// Every packet type, each in the shapes that its flags and optional fields give it.
std::vector<Sample> samples();    ///< 3.1.1, and a CONNECT of 3.1
std::vector<Sample> samples_5();  ///< 5.0
std::vector<Sample> samples_of_both();

/// SplitMix64.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t bound) { return next() % bound; }
  bool flip() { return below(2) == 0; }

 private:
  std::uint64_t state_;
};

/// A valid packet of any type, drawn from the generator.
Sample random_sample(Generator& random, ProtocolVersion version = ProtocolVersion::v3_1_1);
/// Adds what 5.0 can say beyond 3.1.1 to a packet of `sender`.
void extend(Packet& packet, Sender sender, Generator& random);
Packet random_auth(Generator& random, Sender sender);

}  // namespace mqttlab::test
