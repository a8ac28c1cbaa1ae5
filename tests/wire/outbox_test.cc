// The outbox against the plainest model: one string of bytes.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tests/wire/samples.h"

namespace mqttlab {
namespace {

using namespace test;

TEST(Outbox, EqualsAStringUnderRandomAppendsAndPartialWrites) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Generator random(seed);
    Outbox out;
    std::string model;
    char next = 0;
    for (int step = 0; step < 300; ++step) {
      const std::size_t size = random.below(random.below(10) == 0 ? 9'000 : 700);
      std::string bytes(size, '\0');
      for (char& byte : bytes) byte = next++;
      if (random.flip()) {
        out.append(slice(bytes));
      } else {
        out.append(Bytes(buffer(bytes)));
      }
      model += bytes;
      std::array<Bytes, 3> pieces;
      const std::size_t count = out.pending(pieces);
      ASSERT_EQ(count == 0, model.empty());
      std::string front;
      for (std::size_t i = 0; i < count; ++i) {
        ASSERT_FALSE(pieces[i].empty());
        front.append(pieces[i].begin(), pieces[i].end());
      }
      ASSERT_EQ(front, model.substr(0, front.size()));
      const std::size_t taken =
          random.below(3) == 0 ? front.size() : random.below(front.size() + 1);
      out.sent(taken);
      model.erase(0, taken);
      ASSERT_EQ(out.size(), model.size());
      ASSERT_EQ(out.empty(), model.empty());
    }
    out.clear();
    EXPECT_TRUE(out.empty());
  }
}

TEST(Outbox, LargeSlicesAreReferencedSmallOnesCopied) {
  const Slice small = slice(std::string(Outbox::share_from - 1, 's'));
  const Slice large = slice(std::string(Outbox::share_from, 'l'));
  Outbox out;
  out.append(small);
  out.append(large);
  std::array<Bytes, 4> pieces;
  ASSERT_EQ(out.pending(pieces), 2u);
  EXPECT_NE(pieces[0].data(), small.bytes().data());
  EXPECT_EQ(pieces[1].data(), large.bytes().data());
}

TEST(Outbox, SmallPacketsShareOnePiece) {
  Outbox out;
  for (int i = 0; i < 20; ++i) encode(Puback{1}, ProtocolVersion::v3_1_1, out);
  std::array<Bytes, 4> pieces;
  EXPECT_EQ(out.pending(pieces), 1u);
  EXPECT_EQ(out.size(), 80u);
}

}  // namespace
}  // namespace mqttlab
