#include "sim/nat.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/sim/captured.h"
#include "tests/sim/worlds.h"

namespace mqttlab::sim {
namespace {

constexpr Time crossing = 25 * millisecond, idle = 60 * second;
constexpr Time sending = 2;  // at most: ns-3 sends a nanosecond after it is given bytes

class BehindANat : public CapturedWorld {
 protected:
  BehindANat() {
    desk_ = add_client(world_, "desk", symmetric(millisecond));
    world_.start(desk_);
  }
  /// A subscriber that is connected at 1 s; the last packet of that crosses the NAT at heard_.
  void connect(const std::optional<Nat>& nat, std::uint16_t keep_alive_s = 300) {
    LinkSpec link = symmetric(crossing);
    link.nat = nat;
    device_ = world_.add_device("phone", link);
    ClientConfig config = client_config("phone");
    config.keep_alive_s = keep_alive_s;
    client_ = world_.add_client(device_, config);
    world_.start(client_);
    (void)world_.subscribe(client_, {{text("t"), {}}});
    world_.run(second);
    ASSERT_TRUE(world_.client(client_).connected());
    for (const auto& one : packets())
      heard_ = one.to_site ? one.at : one.at - crossing;  // it stands on the site's side
  }
  void publish_at(Time when) {
    world_.at(when - millisecond, [this] {  // the desk is a millisecond away from the broker
      (void)world_.publish(desk_, text("t"), text("x"), QoS::at_least_once, false);
    });
  }
  std::vector<Captured> packets() {  // of the device, in order
    std::vector<Captured> its;
    for (auto& one : read_capture(path_)) {
      const auto host = (one.to_site ? one.segment.source : one.segment.destination) & 0xFFFF;
      if (host == 2) its.push_back(std::move(one));
    }
    return its;
  }
  std::size_t delivered() {
    return events(world_, trace::Kind::delivered, trace::End::client, device_).size();
  }
  std::vector<trace::Event> forgotten() {
    return events(world_, trace::Kind::fault, trace::End::client, device_);
  }
  std::vector<trace::Event> closed() {
    return events(world_, trace::Kind::closed, trace::End::client, device_);
  }
  std::uint64_t lost() {
    return world_.counters(device_, true).lost_nat + world_.counters(device_, false).lost_nat;
  }

  DeviceId device_ = 0;
  ClientId client_ = 0, desk_ = 0;
  Time heard_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Ip, BehindANat, testing::Bool(),
                         [](const auto& version) { return version.param ? "v6" : "v4"; });

TEST_P(BehindANat, AConnectionIsForgottenAtTheNanosecond) {
  connect(Nat{.idle = idle});
  publish_at(heard_ + idle);
  world_.run(heard_ + idle - 1);
  EXPECT_TRUE(forgotten().empty());
  world_.run(heard_ + idle + second);
  ASSERT_EQ(forgotten().size(), 1U);
  EXPECT_EQ(forgotten()[0].at, heard_ + idle);
  EXPECT_NE(forgotten()[0].connection, 0U);
  EXPECT_EQ(world_.log().text(forgotten()[0].text), "NAT forgot the connection: idle for 60000 ms");
  EXPECT_EQ(delivered(), 0U) << "at the very instant it is too late";
  EXPECT_GT(lost(), 0U);
}

TEST_P(BehindANat, OneMillisecondBeforeThatItIsRemembered) {
  connect(Nat{.idle = idle});
  publish_at(heard_ + idle - millisecond);
  world_.run(heard_ + idle + second);
  EXPECT_EQ(delivered(), 1U);
  EXPECT_TRUE(forgotten().empty());
}

TEST_P(BehindANat, PacketsFromTheSiteNeedNotRefresh) {
  connect(Nat{.idle = idle, .refreshed_by_down = false});
  publish_at(heard_ + 30 * second);
  world_.run(heard_ + 35 * second);
  EXPECT_EQ(delivered(), 1U);
  Time acknowledged = 0;  // it comes from the device, and refreshes
  for (const auto& one : packets())
    if (one.to_site) acknowledged = one.at;
  world_.run(acknowledged + idle + second);
  ASSERT_EQ(forgotten().size(), 1U);
  EXPECT_EQ(forgotten()[0].at, acknowledged + idle);
}

TEST_P(BehindANat, TheBrokersMessagesGoNowhereUntilThePingFindsOut) {
  connect(Nat{.idle = idle});
  for (const Time at : {100, 150, 200}) publish_at(at * second);
  world_.run(299 * second);
  EXPECT_EQ(delivered(), 0U);
  EXPECT_TRUE(closed().empty()) << "nobody has noticed";
  world_.run(330 * second);
  ASSERT_EQ(closed().size(), 1U);
  EXPECT_EQ(closed()[0].code, static_cast<int>(CloseCause::reset));
  const auto pings = events(world_, [&](const trace::Event& one) {
    return one.kind == trace::Kind::written && one.packet == PacketType::pingreq &&
           one.actor == device_;
  });
  ASSERT_FALSE(pings.empty());
  EXPECT_LE(closed()[0].at - pings[0].at - 2 * crossing, sending)
      << "from a new port, so it is refused";
}

TEST_P(BehindANat, ANewPortIsDrawnFromTheSeedAndTheCaptureHasItOnTheSitesSide) {
  connect(Nat{.idle = idle});
  const auto port = packets().front().segment.source_port;
  world_.run(330 * second);
  std::set<std::uint16_t> from, to;
  for (const auto& one : packets()) {
    if (one.at <= heard_ + idle || one.at > closed()[0].at) continue;
    one.to_site ? from.insert(one.packet.source_port()) : to.insert(one.packet.destination_port());
  }
  EXPECT_EQ(to, std::set<std::uint16_t>{port}) << "the device knows of nothing";
  ASSERT_EQ(from.size(), 1U);
  EXPECT_NE(*from.begin(), port);
}

TEST_P(BehindANat, WithoutRebindingTheDeviceHearsNothingEither) {
  connect(Nat{.idle = idle, .rebind = false});
  world_.run(400 * second);
  ASSERT_EQ(closed().size(), 1U);
  EXPECT_EQ(closed()[0].code, static_cast<int>(CloseCause::local)) << "PINGRESP never came";
  EXPECT_GT(lost(), 0U);
}

TEST_P(BehindANat, AResetFromTheNatTellsWhoSpeaksFirst) {
  connect(Nat{.idle = idle, .on_expiry = Nat::Expiry::reset, .rebind = false});
  publish_at(100 * second);
  world_.run(110 * second);
  std::vector<trace::Event> at_broker = events(world_, [&](const trace::Event& one) {
    return one.kind == trace::Kind::closed && one.end == trace::End::broker;
  });
  ASSERT_EQ(at_broker.size(), 1U);
  EXPECT_LE(at_broker[0].at - 100 * second, sending) << "answered where it was lost";
  EXPECT_EQ(at_broker[0].code, static_cast<int>(CloseCause::reset));
  EXPECT_TRUE(closed().empty());
  world_.run(330 * second);
  ASSERT_EQ(closed().size(), 1U);
  EXPECT_EQ(closed()[0].code, static_cast<int>(CloseCause::reset));
  EXPECT_LT(closed()[0].at, 305 * second);
}

TEST_P(BehindANat, AKeepAliveShorterThanTheTimeoutKeepsIt) {
  connect(Nat{.idle = idle}, 50);
  world_.run(1'000 * second);
  EXPECT_TRUE(forgotten().empty());
  EXPECT_EQ(lost(), 0U);
  EXPECT_TRUE(closed().empty());
}

TEST_P(BehindANat, AConnectionThatWasClosedIsForgottenWithoutAWord) {
  connect(Nat{.idle = idle});
  world_.stop(client_);
  world_.run(400 * second);
  EXPECT_TRUE(forgotten().empty());
}

TEST_P(BehindANat, NothingIsForgottenAfterTheFaults) {
  connect(Nat{.idle = idle});
  world_.set_loss_free();
  publish_at(200 * second);
  world_.run(210 * second);
  EXPECT_EQ(delivered(), 1U);
  EXPECT_TRUE(forgotten().empty());
}

TEST_P(BehindANat, RebindingOnPurposeNeedsNoNatOfTheLink) {
  connect(std::nullopt);
  world_.rebind(device_);
  publish_at(10 * second);
  world_.run(20 * second);
  EXPECT_EQ(delivered(), 0U) << "the site still sends to the old port";
  (void)world_.publish(client_, text("u"), text("y"), QoS::at_least_once, false);
  world_.run(21 * second);
  ASSERT_EQ(closed().size(), 1U);
  EXPECT_LE(closed()[0].at - 20 * second - 2 * crossing, sending);
  world_.run(60 * second);
  EXPECT_TRUE(world_.client(client_).connected());
}

// What an older connection's peer still sends must not reach a younger one.
TEST(NatBoxes, GiveNoPortASecondTime) {
  NatBox box({.idle = never}, 1, "phone", [](std::uint16_t) {});
  std::set<std::uint16_t> given;
  for (int i = 0; i < 20'000; ++i) {
    given.insert(box.up(50'000, i == 0, false).value());
    box.forget_all();
  }
  EXPECT_EQ(given.size(), 20'000U);
}

}  // namespace
}  // namespace mqttlab::sim
