// Damaged packets. What decodes must be a packet that encodes to exactly the bytes that came: the
// strict format has one encoding per packet. In 5.0 an outcome has a short form and long ones; the
// encoder writes the short one. Frames lie in blocks of their exact size, so that a
// sanitizer sees every read past the end.
#include <gtest/gtest.h>

#include "tests/wire/samples.h"

namespace mqttlab {
namespace {

using namespace test;

// Returns whether it decoded.
bool probe(const Buffer& bytes, Sender sender, ProtocolVersion version = ProtocolVersion::v3_1_1) {
  const auto packet = decoded(bytes, sender, version);
  if (!packet) {
    EXPECT_NE(packet.violation().reason, 0);
    EXPECT_FALSE(packet.violation().statement.empty());
    return false;
  }
  const Buffer again = encoded(*packet, version);
  if (again == bytes) return true;
  EXPECT_EQ(version, ProtocolVersion::v5_0) << describe(*packet);
  EXPECT_LT(again.size(), bytes.size()) << describe(*packet);
  const auto twice = decoded(again, sender, version);
  EXPECT_TRUE(twice && *twice == *packet) << describe(*packet);
  return true;
}

TEST(Corruption, EveryValueOfEveryByte) {
  std::size_t survivors = 0;
  for (const Sample& sample : samples_of_both()) {
    Buffer bytes = sample.bytes;
    if (bytes.size() > 300) continue;
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      for (int value = 0; value < 256; ++value) {
        bytes[at] = static_cast<std::uint8_t>(value);
        survivors += probe(bytes, sample.sender, sample.version) +
                     probe(bytes, Sender::server, sample.version);
      }
      bytes[at] = sample.bytes[at];
    }
  }
  EXPECT_GT(survivors, 10'000u);
}

TEST(Corruption, EveryTruncationIsRefused) {
  for (const Sample& sample : samples_of_both()) {
    for (std::size_t size = 0; size < sample.bytes.size(); ++size) {
      const Buffer cut(sample.bytes.begin(), sample.bytes.begin() + static_cast<long>(size));
      EXPECT_FALSE(probe(cut, sample.sender, sample.version))
          << describe(sample.packet) << " to " << size;
    }
  }
}

// Packets that go on to the end of the frame, or in 5.0 may end early.
bool open_end(const Sample& sample, std::size_t body) {
  const PacketType type = type_of(sample.packet);
  const bool v5 = sample.version == ProtocolVersion::v5_0;
  if (type == PacketType::publish || type == PacketType::suback) return true;
  if (type == PacketType::subscribe || type == PacketType::unsubscribe) return true;
  if (type == PacketType::unsuback) return v5;
  if (type >= PacketType::puback && type <= PacketType::pubcomp) return v5 && body <= 3;
  return v5 && type >= PacketType::disconnect && body <= 1;
}

// The body is cut, or grows by a byte, and the Remaining Length tells so.
TEST(Corruption, EveryBodyLength) {
  for (const Sample& sample : samples_of_both()) {
    if (sample.bytes.size() > 120) continue;
    for (std::size_t size = 2; size <= sample.bytes.size() + 1; ++size) {
      Buffer bytes = sample.bytes;
      bytes.resize(size, 0x01);
      bytes[1] = static_cast<std::uint8_t>(size - 2);
      const bool whole = size == sample.bytes.size();
      const bool read = probe(bytes, sample.sender, sample.version);
      if (whole) {
        EXPECT_TRUE(read);
      } else if (!open_end(sample, size - 2)) {
        EXPECT_FALSE(read) << describe(sample.packet) << " body of " << size - 2;
      }
    }
  }
}

TEST(Corruption, EveryTinyFrame) {
  std::size_t survivors = 0;
  for (int first = 0; first < 256; ++first) {
    const auto first_byte = static_cast<std::uint8_t>(first);
    for (int way = 0; way < 4; ++way) {
      const Sender sender = way % 2 == 0 ? Sender::client : Sender::server;
      const auto version = way < 2 ? ProtocolVersion::v3_1_1 : ProtocolVersion::v5_0;
      survivors += probe({first_byte, 0}, sender, version);
      for (int a = 0; a < 256; ++a) {
        const auto byte = static_cast<std::uint8_t>(a);
        survivors += probe({first_byte, 1, byte}, sender, version);
        for (const std::uint8_t b : {0x00, 0x01, 0x02, 0x05, 0x7F, 0x80, 0xFF})
          survivors += probe({first_byte, 2, byte, b}, sender, version);
      }
    }
  }
  EXPECT_GT(survivors, 10'000u);
}

TEST(Corruption, RandomPacketsWithSeveralWrongBytes) {
  Generator random(2);
  for (int i = 0; i < 100'000; ++i) {
    const auto version = i % 2 == 0 ? ProtocolVersion::v3_1_1 : ProtocolVersion::v5_0;
    Sample sample = random_sample(random, version);
    Buffer& bytes = sample.bytes;
    if (bytes.size() > 2'000) continue;
    for (std::size_t n = 1 + random.below(3); n > 0; --n)
      bytes[random.below(bytes.size())] ^= static_cast<std::uint8_t>(1u << random.below(8));
    probe(bytes, sample.sender, version);
  }
}

}  // namespace
}  // namespace mqttlab
