// Streams over socket pairs with small buffers: both directions, back-pressure, every end.
#include "protocol/live/stream.h"

#include <sys/socket.h>
#include <unistd.h>

#include <numeric>
#include <string>
#include <vector>

#include "protocol/live/accept_rate.h"
#include "tests/live/loop.h"

namespace mqttlab::live {
namespace {

/// Takes as much as it is allowed to, writes what it is given.
struct Barrel final : Peer {
  std::vector<std::uint8_t> in, out, room = std::vector<std::uint8_t>(700);
  std::size_t allowed = SIZE_MAX, taken = 0, calls_after_end = 0;
  std::optional<CloseCause> end;
  bool done = false;

  std::span<std::uint8_t> space() override {
    calls_after_end += end.has_value();
    return std::span(room).first(std::min(room.size(), allowed - in.size()));
  }
  void received(std::size_t n, Time) override {
    in.insert(in.end(), room.begin(), room.begin() + static_cast<long>(n));
  }
  std::size_t pending(std::span<Bytes> pieces) const override {
    // In pieces of three bytes at first, so that there are more than one write takes.
    std::size_t count = 0;
    for (std::size_t at = taken; at < out.size() && count < pieces.size(); ++count) {
      const std::size_t size = std::min(out.size() - at, at < 3'000 ? 3 : out.size());
      pieces[count] = Bytes(out).subspan(at, size);
      at += size;
    }
    return count;
  }
  void sent(std::size_t n, Time) override { taken += n; }
  void closed(CloseCause cause, Time) override {
    calls_after_end += end.has_value();
    end = cause;
  }
  void advance(Time) override {}
  Time deadline() const override { return never; }
  bool finished() const override { return done; }
};

class StreamTest : public ::testing::Test, public StreamOwner {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    const int small = 4'096;
    for (const int end : ends) setsockopt(end, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    other = ends[1];
    stream = std::make_unique<Stream>(sockets, ends[0], barrel, *this);
  }
  void TearDown() override {
    if (other >= 0) close(other);
  }
  void active(Stream&) override {}
  void ended(Stream&, CloseCause) override { ++ends; }

  /// What the other end gets until there is nothing more for now.
  std::size_t read_other() {
    std::uint8_t buffer[3'000];
    std::size_t all = 0;
    for (ssize_t got; (got = recv(other, buffer, sizeof buffer, 0)) >= 0;) {
      other_ended |= got == 0;
      if (got == 0) break;
      arrived.insert(arrived.end(), buffer, buffer + got);
      all += static_cast<std::size_t>(got);
    }
    return all;
  }
  bool until(const std::function<bool()>& happened) { return loop.until(happened); }

  testing::Loop loop;
  Barrel barrel;
  bool woken = false;
  int other = -1, ends = 0;
  bool other_ended = false;
  std::vector<std::uint8_t> arrived;
  std::unique_ptr<Stream> stream;
  ReadySet sockets{loop.io, [this] {
                     if (stream) stream->flush(std::exchange(woken, false));
                   }};
};

std::vector<std::uint8_t> counting(std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + i / 251);
  return bytes;
}

TEST_F(StreamTest, CarriesEveryByteBothWays) {
  barrel.out = counting(300'000);
  const auto up = counting(200'000);
  std::size_t put = 0;
  ASSERT_TRUE(until([&] {
    const ssize_t n = send(other, up.data() + put, up.size() - put, MSG_NOSIGNAL);
    if (n > 0) put += static_cast<std::size_t>(n);
    read_other();
    return arrived.size() == barrel.out.size() && barrel.in.size() == up.size();
  }));
  EXPECT_EQ(arrived, barrel.out);
  EXPECT_EQ(barrel.in, up);
}

TEST_F(StreamTest, AFullPeerIsAskedAgainWhenItIsWoken) {
  barrel.allowed = 1'000;
  ASSERT_EQ(send(other, counting(2'500).data(), 2'500, 0), 2'500);
  ASSERT_TRUE(until([&] { return barrel.in.size() == 1'000; }));
  barrel.allowed = 5'000;
  woken = true;
  sockets.wake();
  ASSERT_TRUE(until([&] { return barrel.in.size() == 2'500; }));
}

TEST_F(StreamTest, TheOthersEndComesAfterItsBytes) {
  ASSERT_EQ(send(other, counting(2'500).data(), 2'500, 0), 2'500);
  close(std::exchange(other, -1));
  ASSERT_TRUE(until([&] { return barrel.end.has_value(); }));
  EXPECT_EQ(barrel.in.size(), 2'500U);
  EXPECT_EQ(barrel.end, CloseCause::fin);
  EXPECT_TRUE(stream->is_closed());
  EXPECT_EQ(ends, 1);
}

TEST_F(StreamTest, AFinishedPeersLastBytesAreNotTakenBack) {
  barrel.out = counting(2'000);
  barrel.done = true;
  barrel.allowed = 0;  // what the other end sends stays unread: closing over it would be a reset
  ASSERT_EQ(send(other, "unread", 6, 0), 6);
  ASSERT_TRUE(until([&] { return barrel.end.has_value(); }));
  EXPECT_EQ(barrel.end, CloseCause::local);
  ASSERT_TRUE(until([&] { return read_other() == 0 && other_ended; }));
  EXPECT_EQ(arrived, barrel.out);
  EXPECT_FALSE(stream->is_closed());
  close(std::exchange(other, -1));
  ASSERT_TRUE(until([&] { return stream->is_closed(); }));
  EXPECT_EQ(ends, 1);
  EXPECT_EQ(barrel.calls_after_end, 0U);
}

TEST_F(StreamTest, ABrokenConnectionEndsAPeerThatTakesNothing) {
  barrel.allowed = 0;
  barrel.out = counting(100'000);
  ASSERT_EQ(send(other, "unread", 6, 0), 6);
  sockets.wake();
  ASSERT_TRUE(until([&] { return barrel.taken > 0; }));
  close(std::exchange(other, -1));  // over unread bytes
  ASSERT_TRUE(until([&] { return barrel.end.has_value(); }));
  EXPECT_EQ(barrel.end, CloseCause::reset);
  EXPECT_TRUE(stream->is_closed());
}

TEST(AcceptRate, LetsSoManyThroughASecond) {
  AcceptRate rate(10);
  int at_once = 0;
  while (rate.take(5 * second)) ++at_once;
  EXPECT_EQ(at_once, 10);
  EXPECT_FALSE(rate.take(rate.next() - millisecond));
  EXPECT_TRUE(rate.take(rate.next()));
  int later = 0;
  for (Time now = 6 * second; now < 16 * second; now += 10 * millisecond) later += rate.take(now);
  EXPECT_NEAR(later, 110, 2);
  AcceptRate endless(0);
  for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(endless.take(0));
}

}  // namespace
}  // namespace mqttlab::live
