// A stream cut into frames, whatever the pieces it arrives in.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "tests/wire/samples.h"

namespace mqttlab {
namespace {

using namespace test;

constexpr std::uint32_t no_limit = max_remaining_length + 5;

// Reads `bytes` the way a host does and takes every frame that becomes whole.
void feed(Framer& framer, Bytes bytes, std::vector<Slice>& frames) {
  while (!bytes.empty()) {
    const auto room = framer.space();
    ASSERT_FALSE(room.empty());
    const std::size_t n = std::min(room.size(), bytes.size());
    std::copy_n(bytes.begin(), n, room.begin());
    framer.received(n);
    bytes = bytes.subspan(n);
    for (;;) {
      auto frame = framer.next();
      ASSERT_TRUE(frame) << frame.violation().statement;
      if (!*frame) break;
      frames.push_back(**frame);
    }
  }
}

struct Stream {
  Buffer bytes;
  std::vector<Buffer> frames;
};

Stream stream_of_all_types() {
  Stream stream;
  for (const Sample& sample : samples_of_both()) {
    stream.bytes.insert(stream.bytes.end(), sample.bytes.begin(), sample.bytes.end());
    stream.frames.push_back(sample.bytes);
  }
  return stream;
}

void expect_frames(const std::vector<Slice>& frames, const std::vector<Buffer>& expected) {
  ASSERT_EQ(frames.size(), expected.size());
  for (std::size_t i = 0; i < frames.size(); ++i)
    ASSERT_TRUE(std::ranges::equal(frames[i].bytes(), expected[i])) << "frame " << i;
}

TEST(Framer, EverySplitInTwoGivesTheSameFrames) {
  const Stream stream = stream_of_all_types();
  const Bytes bytes(stream.bytes);
  for (std::size_t at = 0; at <= bytes.size(); ++at) {
    Framer framer(no_limit);
    std::vector<Slice> frames;
    feed(framer, bytes.first(at), frames);
    feed(framer, bytes.subspan(at), frames);
    expect_frames(frames, stream.frames);
    EXPECT_EQ(framer.buffered(), 0u);
  }
}

TEST(Framer, EveryPieceSizeGivesTheSameFrames) {
  const Stream stream = stream_of_all_types();
  for (std::size_t piece = 1; piece <= stream.bytes.size(); ++piece) {
    Framer framer(no_limit);
    std::vector<Slice> frames;
    Bytes rest(stream.bytes);
    while (!rest.empty()) {
      const std::size_t n = std::min(piece, rest.size());
      feed(framer, rest.first(n), frames);
      rest = rest.subspan(n);
    }
    expect_frames(frames, stream.frames);
  }
}

// Slices are held for a random while, so that blocks are shared, left, reused and grown.
TEST(Framer, FramesStayIntactWhileBlocksAreReused) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Generator random(seed);
    Framer framer(no_limit);
    std::deque<std::pair<Slice, Buffer>> held;
    std::deque<Buffer> expected;
    Buffer wire;
    for (int i = 0; i < 300; ++i) {
      const auto version = random.flip() ? ProtocolVersion::v3_1_1 : ProtocolVersion::v5_0;
      const Sample sample = random_sample(random, version);
      expected.push_back(sample.bytes);
      wire.insert(wire.end(), sample.bytes.begin(), sample.bytes.end());
      const std::size_t n = random.below(wire.size() + 1);
      std::vector<Slice> frames;
      feed(framer, Bytes(wire).first(n), frames);
      wire.erase(wire.begin(), wire.begin() + static_cast<long>(n));
      for (const Slice& frame : frames) {
        held.emplace_back(frame, expected.front());
        expected.pop_front();
      }
      while (!held.empty() && random.below(3) != 0) {
        ASSERT_TRUE(std::ranges::equal(held.front().first.bytes(), held.front().second));
        held.pop_front();
      }
    }
  }
}

TEST(Framer, AppendEqualsReceiving) {
  const Stream stream = stream_of_all_types();
  Framer framer(no_limit);
  framer.append(stream.bytes);
  std::vector<Slice> frames;
  for (auto frame = framer.next(); frame && *frame; frame = framer.next())
    frames.push_back(**frame);
  expect_frames(frames, stream.frames);
}

TEST(Framer, TheTailIsWhatIsNotWhole) {
  Framer framer(no_limit);
  framer.append(Buffer{0xC0, 0x00, 0x30, 0x05, 0x00});
  EXPECT_TRUE(*framer.next());
  EXPECT_FALSE(*framer.next());
  EXPECT_EQ(framer.buffered(), 3u);
}

// Five bytes from a stranger: the limit is seen on the header, before the packet is.
TEST(Framer, TheLimitIsCheckedOnTheHeader) {
  Framer framer(100);
  framer.append(Buffer{0x30, 0xFF, 0xFF, 0xFF, 0x7F});
  const auto frame = framer.next();
  ASSERT_FALSE(frame);
  EXPECT_EQ(frame.violation(), (Violation{0x95, ""}));
  EXPECT_LE(framer.capacity(), 2'048u);
}

TEST(Framer, TheLimitCountsTheFixedHeader) {
  const Buffer at_limit = frame(0x30, field("t") + std::string(95, 'x'));
  const Buffer over_limit = frame(0x30, field("t") + std::string(96, 'x'));
  ASSERT_EQ(at_limit.size(), 100u);
  for (const Buffer& bytes : {at_limit, over_limit}) {
    Framer framer(100);
    framer.append(bytes);
    EXPECT_EQ(bool(framer.next()), bytes.size() == 100);
  }
}

// MQTT 2.2.3
TEST(Framer, RemainingLengthTooLongOrNotMinimal) {
  for (const Buffer& bytes :
       {Buffer{0x30, 0x80, 0x80, 0x80, 0x80}, Buffer{0x30, 0x80, 0x00},
        Buffer{0x30, 0xFF, 0x80, 0x00}, Buffer{0x30, 0xFF, 0xFF, 0x80, 0x00}}) {
    Framer framer(no_limit);
    framer.append(bytes);
    const auto frame = framer.next();
    ASSERT_FALSE(frame);
    EXPECT_EQ(frame.violation(), malformed("MQTT-2.2.3"));
    EXPECT_EQ(framer.next(ProtocolVersion::v5_0).violation(), malformed("MQTT-1.5.5-1"));
    framer.append(Bytes(bytes).first(1));
    EXPECT_FALSE(framer.next()) << "a broken stream stays broken";
  }
}

TEST(Framer, EveryFormOfRemainingLengthIsReadOnce) {
  Generator random(3);
  for (int i = 0; i < 100'000; ++i) {
    const std::uint32_t value = random.next() & max_remaining_length >> random.below(28);
    Buffer bytes{0x30};
    std::uint32_t rest = value;
    do {
      bytes.push_back(static_cast<std::uint8_t>(rest % 128 + (rest >= 128 ? 128 : 0)));
      rest /= 128;
    } while (rest > 0);
    for (std::size_t n = 0; n < bytes.size(); ++n)
      EXPECT_FALSE(*read_fixed_header(Bytes(bytes).first(n)));
    const auto header = read_fixed_header(bytes);
    ASSERT_TRUE(header && *header);
    EXPECT_EQ((*header)->remaining_length, value);
    EXPECT_EQ((*header)->size, bytes.size());
  }
}

// A header announces 256 MiB, and then bytes trickle in: memory stays under twice what has come.
TEST(Framer, MemoryGrowsWithWhatHasArrived) {
  Framer framer(no_limit);
  framer.append(Buffer{0x30, 0xFF, 0xFF, 0xFF, 0x7F});
  const Buffer piece(997, 'x');
  for (std::size_t arrived = 5; arrived < (4 << 20); arrived += piece.size()) {
    framer.append(piece);
    EXPECT_FALSE(*framer.next());
    ASSERT_LE(framer.capacity(), std::max<std::size_t>(2'048, 2 * framer.buffered()));
  }
}

TEST(Framer, ASilentLinkHoldsNoMemoryAndALargePacketLeavesNone) {
  Framer framer(no_limit);
  EXPECT_EQ(framer.capacity(), 0u);
  framer.append(
      encoded(Publish{slice("t"), slice(std::string(1 << 20, 'x')), {}, false, false, 0}));
  EXPECT_GT(framer.capacity(), 1u << 20);
  EXPECT_TRUE(*framer.next());
  EXPECT_EQ(framer.capacity(), 0u);
}

// The end of the large packet came together with the front of the next: the link never runs empty.
TEST(Framer, AStreamThatGoesOnAfterALargePacketGivesItsMemoryBack) {
  Framer framer(no_limit);
  framer.append(
      encoded(Publish{slice("t"), slice(std::string(1 << 20, 'x')), {}, false, false, 0}));
  const Buffer torn = {0x40, 0x02, 0x00};
  framer.append(torn);
  EXPECT_TRUE(*framer.next());
  const std::size_t grown = framer.capacity();
  EXPECT_GT(grown, 1u << 20);
  for (std::size_t arrived = 0; arrived <= grown; arrived += 4) {
    framer.append(Buffer{0x01, 0x40, 0x02, 0x00});
    EXPECT_TRUE(*framer.next());
  }
  EXPECT_EQ(framer.capacity(), 2'048u);
}

TEST(Framer, OneBlockServesAStreamWhoseFramesAreNotKept) {
  Framer framer(no_limit);
  const std::uint8_t* block = framer.space().data();
  for (int i = 0; i < 10'000; ++i) {
    framer.append(Buffer{0x40, 0x02, 0x00, 0x01});
    const auto frame = framer.next();
    const auto offset = (*frame)->bytes().data() - block;
    ASSERT_TRUE(offset >= 0 && offset < 2'048);
  }
}

TEST(Framer, ABlockOfAPoolGoesFromLinkToLink) {
  BlockPool pool;
  const std::uint8_t* block = nullptr;
  for (int i = 0; i < 100; ++i) {
    Framer framer(no_limit, &pool);
    EXPECT_EQ(framer.capacity(), 0u);
    framer.append(Buffer{0x40, 0x02, 0x00, 0x01, 0xD0, 0x00, 0xD0});
    if (!block) block = framer.space().data();
    EXPECT_EQ(framer.space().data(), block);
    EXPECT_TRUE(*framer.next());
    EXPECT_TRUE(*framer.next());
    EXPECT_FALSE(*framer.next());
    EXPECT_GT(framer.capacity(), 0u);  // the front of the next frame is in it
    framer.append(Buffer{0x00});
    EXPECT_TRUE(*framer.next());
    EXPECT_FALSE(*framer.next());
    EXPECT_EQ(framer.capacity(), 0u);
  }
}

TEST(Framer, ABlockOfAPoolIsLeftToTheSlicesThatShareIt) {
  BlockPool pool;
  std::vector<Slice> kept;
  for (std::uint8_t i = 1; i <= 50; ++i) {
    Framer framer(no_limit, &pool);
    framer.append(Buffer{0x40, 0x02, 0x00, i});
    kept.push_back(**framer.next());
    EXPECT_FALSE(*framer.next());
    EXPECT_EQ(framer.capacity(), 0u);
  }
  for (std::size_t i = 0; i < kept.size(); ++i) EXPECT_EQ(kept[i].bytes()[3], i + 1);
}

TEST(Framer, WhatHasGrownBeyondABlockOfThePoolIsGivenBack) {
  BlockPool pool;
  Framer framer(no_limit, &pool);
  framer.append(
      encoded(Publish{slice("t"), slice(std::string(1 << 20, 'x')), {}, false, false, 0}));
  EXPECT_TRUE(*framer.next());
  EXPECT_EQ(framer.capacity(), 0u);
  EXPECT_EQ(framer.space().size(), BlockPool::block_bytes);
}

}  // namespace
}  // namespace mqttlab
