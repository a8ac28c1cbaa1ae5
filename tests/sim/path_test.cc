#include <gtest/gtest.h>

#include <set>

#include "tests/sim/captured.h"
#include "tests/sim/worlds.h"

namespace mqttlab::sim {
namespace {

constexpr Time delay = 25 * millisecond;
constexpr Time sends = 1;  // ns-3's TCP does a nanosecond after it is given bytes

class OnTheWay : public CapturedWorld {
 protected:
  /// A client that is connected at 1 s and listens to what it publishes.
  void connect(const LinkSpec& link = symmetric(delay)) {
    device_ = world_.add_device("meter", link);
    ClientConfig config = client_config("meter");
    config.keep_alive_s = 600;
    client_ = world_.add_client(device_, config);
    world_.handle(client_, [this](const ClientEvent& event) {
      if (const auto* message = std::get_if<Received>(&event))
        received_.push_back({world_.now(), std::string(message->payload.text())});
    });
    world_.start(client_);
    (void)world_.subscribe(client_, {{text("t"), {}}});
    world_.run(second);
    ASSERT_TRUE(world_.client(client_).connected());
  }
  void publish(const std::string& payload) {
    (void)world_.publish(client_, text("t"), text(payload), QoS::at_least_once, false);
  }
  void disturb(const Disturbance& disturbance, bool up = true, bool down = true) {
    if (up) world_.disturb(device_, Way::up, disturbance);
    if (down) world_.disturb(device_, Way::down, disturbance);
  }
  DirectionCounters counters(Way way) { return world_.counters(device_, way == Way::up); }
  /// Of one way, as their receivers got them.
  std::vector<Captured> captured(Way way) {
    std::vector<Captured> some;
    for (auto& one : read_capture(path_))
      if (one.to_site == (way == Way::up)) some.push_back(std::move(one));
    return some;
  }
  void expect_all_counted() {
    for (const Way way : {Way::up, Way::down}) {
      const auto c = counters(way);
      EXPECT_EQ(c.packets + c.duplicated, c.delivered + c.lost_random + c.lost_burst +
                                              c.lost_queue + c.lost_down + c.lost_blackhole +
                                              c.lost_corrupt + c.lost_nat + c.lost_moved);
    }
  }

  DeviceId device_ = 0;
  ClientId client_ = 0;
  struct Message {
    Time at = 0;
    std::string payload;
  };
  std::vector<Message> received_;
};

INSTANTIATE_TEST_SUITE_P(Ip, OnTheWay, testing::Bool(),
                         [](const auto& version) { return version.param ? "v6" : "v4"; });

TEST_P(OnTheWay, ABlackholeOfOneWaySwallowsThatWayOnly) {
  connect();
  disturb({.blackhole = true}, true, false);
  publish("x");
  world_.run(5 * second);
  disturb({}, true, false);
  world_.run(30 * second);
  Time next = never;
  for (const auto& one : captured(Way::up))
    if (one.at > second) next = std::min(next, one.at);
  EXPECT_GE(next, 5 * second + delay) << "what was on its way when it ended had been sent in it";
  ASSERT_EQ(received_.size(), 1U) << "TCP sends it again";
  EXPECT_GT(counters(Way::up).lost_blackhole, 3U);
  EXPECT_EQ(counters(Way::down).lost_blackhole, 0U);
  expect_all_counted();
}

TEST_P(OnTheWay, ABlackholeTakesWhatIsInTheAir) {
  connect();
  publish("x");
  const Time arrival = second + sends + delay;
  world_.at(arrival - 1, [&] { disturb({.blackhole = true}); });
  world_.at(arrival + 1, [&] { disturb({}); });
  world_.run(arrival + 10 * millisecond);
  EXPECT_EQ(counters(Way::up).lost_blackhole, 1U);
  EXPECT_TRUE(received_.empty());
}

TEST_P(OnTheWay, ADelaySpikeDelaysWhatIsSentInItAndNothingOvertakesThat) {
  connect();
  disturb({.delay = 2 * second}, true, false);
  publish("slow");
  world_.run(second + 10 * millisecond);
  disturb({}, true, false);
  publish("fast");
  world_.run(10 * second);
  ASSERT_EQ(received_.size(), 2U);
  EXPECT_EQ(received_[0].payload, "slow");
  EXPECT_EQ(received_[0].at, 3 * second + 2 * (sends + delay) - sends);
  EXPECT_EQ(received_[1].at, received_[0].at) << "it waited behind the first";
}

TEST_P(OnTheWay, AThrottleLimitsTheRateForAWhile) {
  connect();
  const auto before = counters(Way::up).bytes;
  disturb({.rate_bps = 80e3}, true, false);
  publish(std::string(20'000, '.'));
  world_.run(20 * second);
  ASSERT_EQ(received_.size(), 1U);
  const double service_s = static_cast<double>(counters(Way::up).bytes - before) * 8 / 80e3;
  const double took_s = static_cast<double>(received_[0].at - second) / 1e9;
  EXPECT_NEAR(took_s, service_s, 0.15) << "20 kB at 10 kB/s";
  disturb({}, true, false);
  publish(std::string(20'000, '.'));
  world_.run(21 * second);
  EXPECT_EQ(received_.size(), 2U);
}

TEST_P(OnTheWay, WhatIsReorderedOrRepeatedIsWholeAtTheReceiver) {
  connect();
  disturb({.reorder = 0.2, .reorder_by = 10 * millisecond, .duplicate = 0.2});
  std::string sent;
  for (int i = 0; i < 60; ++i) {
    const std::string payload = std::to_string(i) + std::string(4'000, '.');
    world_.at(second + i * 20 * millisecond, [this, payload] { publish(payload); });
    sent += payload;
  }
  world_.run(60 * second);
  std::string got;
  for (const auto& one : received_) got += one.payload;
  EXPECT_EQ(got, sent);
  const auto packets = captured(Way::up);
  std::size_t behind = 0;
  std::size_t again = 0;
  std::set<std::pair<std::uint32_t, std::uint32_t>> seen;
  std::uint32_t last = 0;
  for (const auto& one : packets) {
    if (one.segment.payload_bytes == 0) continue;
    behind += one.segment.sequence < last ? 1 : 0;
    again += seen.insert({one.segment.sequence, one.segment.payload_bytes}).second ? 0 : 1;
    last = std::max(last, one.segment.sequence);
  }
  EXPECT_GT(behind, 10U);
  EXPECT_GT(again, 20U);
  EXPECT_GT(counters(Way::up).reordered, 20U);
  expect_all_counted();
}

TEST_P(OnTheWay, ACorruptPacketIsDiscardedByItsReceiverAndSentAgain) {
  connect();  // without checksums so far
  publish("before");
  world_.run(second + 10 * millisecond);  // it is in the air
  disturb({.corrupt = 0.05});
  std::string sent = "before";
  for (int i = 0; i < 100; ++i) {
    const std::string payload = std::to_string(i) + std::string(4'000, '.');
    world_.at(2 * second + i * 50 * millisecond, [this, payload] { publish(payload); });
    sent += payload;
  }
  world_.run(60 * second);
  std::string got;
  for (const auto& one : received_) got += one.payload;
  EXPECT_EQ(got, sent) << "no flipped bit got through, and none ended the connection";
  std::uint64_t wrong = 0;
  for (const Way way : {Way::up, Way::down})
    for (const auto& one : captured(way))
      wrong += one.at > second + delay && !one.packet.checksums_match() ? 1 : 0;
  EXPECT_EQ(wrong, counters(Way::up).lost_corrupt + counters(Way::down).lost_corrupt);
  EXPECT_GT(counters(Way::up).lost_corrupt, 10U);
  EXPECT_GT(counters(Way::up).retransmitted_bytes, 10'000U);
  EXPECT_EQ(events(world_, trace::Kind::closed, trace::End::client, device_).size(), 0U);
  expect_all_counted();
}

TEST_P(OnTheWay, PayloadsArriveInPieces) {
  connect();
  disturb({.segment_bytes = 1}, true, false);
  publish("0123456789");
  world_.run(2 * second);
  ASSERT_EQ(received_.size(), 1U);
  EXPECT_EQ(received_[0].payload, "0123456789");
  std::size_t pieces = 0;
  for (const auto& one : captured(Way::up)) {
    if (one.at <= second || one.segment.payload_bytes == 0) continue;
    EXPECT_EQ(one.segment.payload_bytes, 1U);
    pieces += one.at == second + sends + delay ? 1 : 0;
  }
  EXPECT_EQ(pieces, 2U + 2 + 1 + 2 + 10) << "each byte of PUBLISH by itself";
}

TEST_P(OnTheWay, PayloadsWaitAndArriveAsOne) {
  connect();
  disturb({.coalesce = 100 * millisecond}, true, false);
  for (int i = 0; i < 5; ++i)
    world_.at(second + i * 10 * millisecond, [this, i] { publish(std::to_string(i)); });
  world_.run(2 * second);
  ASSERT_EQ(received_.size(), 5U);
  std::vector<Captured> payloads;
  for (const auto& one : captured(Way::up))
    if (one.at > second && one.segment.payload_bytes > 0) payloads.push_back(one);
  ASSERT_GE(payloads.size(), 1U);
  EXPECT_EQ(payloads[0].at, second + sends + delay + 100 * millisecond)
      << "after the first of them";
  EXPECT_EQ(payloads[0].segment.payload_bytes, 5U * (2 + 2 + 1 + 2 + 1));
  std::vector<Time> arrived;
  for (const auto& event : events(world_, [](const trace::Event& one) {
         return one.kind == trace::Kind::arrived && one.packet == PacketType::publish &&
                one.end == trace::End::broker;
       }))
    arrived.push_back(event.at);
  EXPECT_EQ(arrived, std::vector<Time>(5, payloads[0].at));
}

TEST_P(OnTheWay, WhatWaitsArrivesWhenTheWaitingEnds) {
  connect();
  disturb({.coalesce = 60 * second}, true, false);
  publish("x");
  world_.run(3 * second);
  EXPECT_TRUE(received_.empty());
  disturb({}, true, false);
  world_.run(4 * second);
  ASSERT_EQ(received_.size(), 1U);
  EXPECT_EQ(received_[0].at, 3 * second + delay);
}

TEST_P(OnTheWay, WhatWaitsIsLostWhenItsLinkIsDownByThen) {
  connect();
  disturb({.coalesce = 500 * millisecond}, true, false);
  publish("x");
  const Time arrival = second + sends + delay;
  world_.at(arrival + 100 * millisecond, [&] { world_.set_link(device_, false); });
  world_.run(5 * second);
  for (const auto& one : captured(Way::up)) EXPECT_LT(one.at, arrival);
  EXPECT_TRUE(received_.empty());
  world_.set_link(device_, true);
  world_.run(60 * second);
  EXPECT_EQ(received_.size(), 1U);
  expect_all_counted();
}

TEST_P(OnTheWay, WhatWaitsIsLostWhenItsConnectionIsCutByThen) {
  connect();
  world_.rebind(device_);  // so the site knows it by another port than the device
  disturb({.coalesce = 500 * millisecond}, true, false);
  publish("x");
  const Time arrival = second + sends + delay;
  const auto before = counters(Way::up).lost_down;
  world_.at(arrival + 100 * millisecond, [&] { world_.cut(device_, Cut::half_open); });
  world_.run(arrival + 600 * millisecond);
  EXPECT_GT(counters(Way::up).lost_down, before);
  for (const auto& one : captured(Way::up))
    if (one.at > second) {
      EXPECT_EQ(one.segment.payload_bytes, 0U);
    }
}

TEST_P(OnTheWay, TheEndOfAStreamIsHeldBackUntilItIsOver) {
  connect();
  disturb({.holds_fin = true}, true, false);
  world_.stop(client_);
  world_.run(10 * second);
  const auto disconnects = events(world_, [](const trace::Event& one) {
    return one.kind == trace::Kind::arrived && one.packet == PacketType::disconnect;
  });
  ASSERT_EQ(disconnects.size(), 1U) << "what comes before the end arrives";
  for (const auto& one : captured(Way::up)) EXPECT_FALSE(one.packet.has(TcpPacket::fin));
  disturb({}, true, false);
  world_.run(20 * second);
  std::vector<Time> fins;
  for (const auto& one : captured(Way::up))
    if (one.packet.has(TcpPacket::fin)) fins.push_back(one.at);
  ASSERT_FALSE(fins.empty());
  EXPECT_EQ(fins[0], 10 * second);
}

TEST_P(OnTheWay, ASocketTakesFewBytesAtATime) {
  connect();
  world_.limit_writes(device_, trace::End::client, 3);
  publish("0123456789");
  world_.run(2 * second);
  world_.limit_writes(device_, trace::End::client, 0);
  publish("0123456789");
  world_.run(3 * second);
  ASSERT_EQ(received_.size(), 2U);
  std::vector<std::uint32_t> sizes;
  for (const auto& one : captured(Way::up))
    if (one.at > second && one.segment.payload_bytes > 0)
      sizes.push_back(one.segment.payload_bytes);
  const std::vector<std::uint32_t> expected{3, 3, 3, 3, 3, 2, 17};
  EXPECT_EQ(sizes, expected);
  const auto down = [&] {
    std::size_t largest = 0;
    for (const auto& one : captured(Way::down))
      largest = std::max<std::size_t>(largest, one.at > 3 * second ? one.segment.payload_bytes : 0);
    return largest;
  };
  world_.limit_writes(device_, trace::End::broker, 2);
  publish("0123456789");
  world_.run(4 * second);
  EXPECT_EQ(down(), 2U) << "the broker's end, too";
}

TEST_P(OnTheWay, ADeviceThatMovesGetsANewAddressAndItsOldConnectionGoesDark) {
  connect();
  world_.roam(device_, false);
  publish("x");
  world_.run(60 * second);
  EXPECT_TRUE(received_.empty());
  EXPECT_GT(counters(Way::up).lost_moved, 3U) << "TCP sends from the old address";
  EXPECT_EQ(counters(Way::down).lost_moved, 0U);
  EXPECT_TRUE(world_.client(client_).connected()) << "nobody has told it";
  const auto before = captured(Way::up);
  world_.die(device_, trace::Death::reset);
  // A new connection comes from another address.
  ClientConfig config = client_config("meter2");
  const ClientId again = world_.add_client(world_.add_device("other", symmetric(delay)), config);
  world_.roam(world_.device_of(again), false);
  world_.start(again);
  world_.run(62 * second);
  EXPECT_TRUE(world_.client(again).connected());
  const auto packets = captured(Way::up);
  EXPECT_NE(packets.back().segment.source, before.back().segment.source);
  expect_all_counted();
}

TEST_P(OnTheWay, APhoneThatMovesKnowsItAndDialsFromItsNewAddress) {
  connect();
  const auto old_address = captured(Way::up).back().segment.source;
  world_.roam(device_, true);
  world_.run(10 * second);
  const auto closed = events(world_, trace::Kind::closed, trace::End::client, device_);
  ASSERT_EQ(closed.size(), 1U);
  EXPECT_EQ(closed[0].at, second);
  EXPECT_EQ(closed[0].code, static_cast<int>(CloseCause::reset));
  EXPECT_TRUE(world_.client(client_).connected());
  for (const auto& one : captured(Way::up))
    EXPECT_EQ(one.segment.source == old_address, one.at <= second + delay) << one.at;
  publish("x");
  world_.run(20 * second);
  ASSERT_EQ(received_.size(), 1U);
  EXPECT_EQ(counters(Way::up).lost_moved, 0U);
  expect_all_counted();
}

TEST_P(OnTheWay, WhatTheBrokerSendsToAnAddressThatIsLeftIsLost) {
  connect();
  world_.roam(device_, true);
  world_.run(10 * second);
  EXPECT_TRUE(world_.client(client_).connected());
  world_.run(1'500 * second);  // the old connection's end at the broker: takeover, and its FINs
  EXPECT_GT(counters(Way::down).lost_moved, 0U);
  expect_all_counted();
}

}  // namespace
}  // namespace mqttlab::sim
