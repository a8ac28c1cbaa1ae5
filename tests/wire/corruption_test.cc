// Damaged packets. What decodes must be a packet that encodes to exactly the bytes that came: the
// strict format has one encoding per packet. Frames lie in blocks of their exact size, so that a
// sanitizer sees every read past the end.
#include <gtest/gtest.h>

#include "tests/wire/samples.h"

namespace mqttlab {
namespace {

using namespace test;

// Returns whether it decoded.
bool probe(const Buffer& bytes, Sender sender) {
  const auto packet = decoded(bytes, sender);
  if (!packet) {
    EXPECT_NE(packet.violation().reason, 0);
    EXPECT_FALSE(packet.violation().statement.empty());
    return false;
  }
  EXPECT_EQ(encoded(*packet), bytes) << describe(*packet);
  return true;
}

TEST(Corruption, EveryValueOfEveryByte) {
  std::size_t survivors = 0;
  for (const Sample& sample : samples()) {
    Buffer bytes = sample.bytes;
    if (bytes.size() > 300) continue;
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      for (int value = 0; value < 256; ++value) {
        bytes[at] = static_cast<std::uint8_t>(value);
        survivors += probe(bytes, sample.sender) + probe(bytes, Sender::server);
      }
      bytes[at] = sample.bytes[at];
    }
  }
  EXPECT_GT(survivors, 10'000u);
}

TEST(Corruption, EveryTruncationIsRefused) {
  for (const Sample& sample : samples()) {
    for (std::size_t size = 0; size < sample.bytes.size(); ++size) {
      const Buffer cut(sample.bytes.begin(), sample.bytes.begin() + static_cast<long>(size));
      EXPECT_FALSE(probe(cut, sample.sender)) << describe(sample.packet) << " to " << size;
    }
  }
}

// The body is cut, or grows by a byte, and the Remaining Length tells so.
TEST(Corruption, EveryBodyLength) {
  for (const Sample& sample : samples()) {
    if (sample.bytes.size() > 120) continue;
    for (std::size_t size = 2; size <= sample.bytes.size() + 1; ++size) {
      Buffer bytes = sample.bytes;
      bytes.resize(size, 0x01);
      bytes[1] = static_cast<std::uint8_t>(size - 2);
      const bool whole = size == sample.bytes.size();
      const PacketType type = type_of(sample.packet);
      const bool open_end = type == PacketType::publish || type == PacketType::suback ||
                            type == PacketType::subscribe || type == PacketType::unsubscribe;
      const bool read = probe(bytes, sample.sender);
      if (whole) {
        EXPECT_TRUE(read);
      } else if (!open_end) {
        EXPECT_FALSE(read) << describe(sample.packet) << " body of " << size - 2;
      }
    }
  }
}

TEST(Corruption, EveryTinyFrame) {
  std::size_t survivors = 0;
  for (int first = 0; first < 256; ++first) {
    const auto first_byte = static_cast<std::uint8_t>(first);
    for (const Sender sender : {Sender::client, Sender::server}) {
      survivors += probe({first_byte, 0}, sender);
      for (int a = 0; a < 256; ++a) {
        const auto byte = static_cast<std::uint8_t>(a);
        survivors += probe({first_byte, 1, byte}, sender);
        for (const std::uint8_t b : {0x00, 0x01, 0x02, 0x05, 0x7F, 0x80, 0xFF})
          survivors += probe({first_byte, 2, byte, b}, sender);
      }
    }
  }
  EXPECT_GT(survivors, 10'000u);
}

TEST(Corruption, RandomPacketsWithSeveralWrongBytes) {
  Generator random(2);
  for (int i = 0; i < 50'000; ++i) {
    Sample sample = random_sample(random);
    Buffer& bytes = sample.bytes;
    if (bytes.size() > 2'000) continue;
    for (std::size_t n = 1 + random.below(3); n > 0; --n)
      bytes[random.below(bytes.size())] ^= static_cast<std::uint8_t>(1u << random.below(8));
    probe(bytes, sample.sender);
  }
}

}  // namespace
}  // namespace mqttlab
