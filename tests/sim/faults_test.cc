#include <gtest/gtest.h>

#include "tests/sim/worlds.h"

namespace mqttlab::sim {
namespace {

class Faults : public testing::TestWithParam<Transport> {
 protected:
  Faults() {
    world_.add_broker("broker", {});
    device_ = world_.add_device("meter", symmetric(25 * millisecond));
    ClientConfig config = client_config("meter");
    config.keep_alive_s = 20;
    client_ = world_.add_client(device_, config, GetParam());
    world_.start(client_);
    world_.run(second);
    EXPECT_TRUE(world_.client(client_).connected());
  }
  std::vector<trace::Event> closed(trace::End end) {
    return events(world_, trace::Kind::closed, end, end == trace::End::client ? device_ : 0);
  }
  /// Nothing of the dead device after its death but its sockets' ends.
  void expect_silence_after_death() {
    bool dead = false;
    for (const auto& event : world_.log().events()) {
      if (event.kind == trace::Kind::died) dead = true;
      const bool acts = event.actor == device_ && event.end == trace::End::client &&
                        (event.kind == trace::Kind::written || event.kind == trace::Kind::arrived ||
                         event.kind == trace::Kind::opened);
      EXPECT_FALSE(dead && acts) << trace::name(event.kind);
    }
    EXPECT_TRUE(dead);
  }

  World world_{{}};
  DeviceId device_ = 0;
  ClientId client_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Over, Faults, testing::Values(over::tcp, over::tls, over::ws, over::wss),
                         name_of_transport);

TEST_P(Faults, ADownLinkDropsBothWaysAndCountsIt) {
  world_.set_link(device_, false);
  (void)world_.publish(client_, text("t"), text("x"), QoS::at_least_once, false);
  world_.run(3 * second);
  EXPECT_GT(world_.counters(device_, true).lost_down, 0U);
  EXPECT_EQ(world_.broker_gauges().messages_received, 0U);
  world_.set_link(device_, true);
  world_.run(10 * second);
  EXPECT_EQ(world_.broker_gauges().messages_received, 1U) << "TCP sends it again";
  EXPECT_GT(world_.counters(device_, true).retransmitted_bytes, 0U);
  EXPECT_EQ(closed(trace::End::client).size(), 0U);
}

TEST_P(Faults, WhatIsInTheAirWhenALinkGoesDownIsLost) {
  (void)world_.publish(client_, text("t"), text("x"), QoS::at_least_once, false);
  const Time arrives = world_.now() + 25 * millisecond;
  world_.at(arrives - millisecond, [&] { world_.set_link(device_, false); });
  world_.at(arrives + millisecond, [&] { world_.set_link(device_, true); });
  world_.run(arrives + 10 * millisecond);
  EXPECT_EQ(world_.counters(device_, true).lost_down, 1U);
  EXPECT_EQ(world_.broker_gauges().messages_received, 0U);
}

TEST_P(Faults, ALongOutageEndsInPingTimeoutAndReconnect) {
  world_.set_link(device_, false);
  world_.run(60 * second);
  ASSERT_EQ(closed(trace::End::client).size(), 1U);
  EXPECT_EQ(closed(trace::End::client)[0].code, static_cast<int>(CloseCause::local));
  ASSERT_EQ(closed(trace::End::broker).size(), 1U);
  EXPECT_EQ(closed(trace::End::broker)[0].code, static_cast<int>(CloseCause::local));
  world_.set_link(device_, true);
  world_.run(200 * second);
  EXPECT_TRUE(world_.client(client_).connected());
  EXPECT_EQ(events(world_, trace::Kind::opened, trace::End::client, device_).size(), 2U);
}

TEST_P(Faults, ANewDialWhileTheSynIsLostSucceedsLater) {
  world_.stop(client_);
  world_.run(2 * second);
  world_.set_link(device_, false);
  world_.start(client_);
  world_.run(10 * second);
  EXPECT_FALSE(world_.client(client_).connected());
  world_.set_link(device_, true);
  world_.run(20 * second);
  EXPECT_TRUE(world_.client(client_).connected());
}

TEST_P(Faults, ProcessDeathWithFinIsSeenAsFin) {
  world_.die(device_, trace::Death::fin);
  world_.run(10 * second);
  ASSERT_EQ(closed(trace::End::broker).size(), 1U);
  // A TLS stream that ends without a goodbye may have been ended by anybody.
  const CloseCause cause = GetParam().tls ? CloseCause::reset : CloseCause::fin;
  EXPECT_EQ(closed(trace::End::broker)[0].code, static_cast<int>(cause));
  EXPECT_EQ(closed(trace::End::broker)[0].at, second + 25 * millisecond);
  EXPECT_EQ(world_.broker_gauges().connections, 0U);
  expect_silence_after_death();
}

TEST_P(Faults, ProcessDeathWithRstIsSeenAsReset) {
  world_.die(device_, trace::Death::reset);
  world_.run(10 * second);
  ASSERT_EQ(closed(trace::End::broker).size(), 1U);
  EXPECT_EQ(closed(trace::End::broker)[0].code, static_cast<int>(CloseCause::reset));
  EXPECT_EQ(closed(trace::End::broker)[0].at, second + 25 * millisecond);
  expect_silence_after_death();
}

TEST_P(Faults, PowerLossIsSeenByKeepAliveOnly) {
  world_.die(device_, trace::Death::silent);
  world_.run(25 * second);
  EXPECT_EQ(closed(trace::End::broker).size(), 0U);
  world_.set_link(device_, true);  // nothing brings a dead device back
  world_.run(40 * second);
  ASSERT_EQ(closed(trace::End::broker).size(), 1U);
  EXPECT_EQ(closed(trace::End::broker)[0].code, static_cast<int>(CloseCause::local));
  EXPECT_EQ(events(world_, trace::Kind::link_down, trace::End::client, device_).size(), 1U);
  EXPECT_EQ(events(world_, trace::Kind::link_up, trace::End::client, device_).size(), 0U);
  expect_silence_after_death();
}

TEST_P(Faults, AShorterKeepAliveThanTheOneWaitedForIsKept) {
  // MQTT-3.1.2-24: the broker's one timer stands at 30 s when a client with 4 s connects.
  ClientConfig config = client_config("hasty");
  config.keep_alive_s = 4;
  const DeviceId hasty = world_.add_device("hasty", symmetric(millisecond));
  world_.start(world_.add_client(hasty, config, GetParam()));
  world_.run(2 * second);
  world_.die(hasty, trace::Death::silent);
  world_.run(20 * second);
  ASSERT_EQ(closed(trace::End::broker).size(), 1U);
  EXPECT_LT(closed(trace::End::broker)[0].at, 8 * second);
}

TEST_P(Faults, UnansweredDataEndsInATcpTimeoutAtTheSender) {
  // Without keep alive only TCP itself can notice: 15 repeats, doubling from 200 ms to 60 s.
  const ClientId quiet = world_.add_client(
      world_.add_device("quiet", symmetric(millisecond)),
      [] {
        ClientConfig config = client_config("quiet");
        config.keep_alive_s = 0;
        return config;
      }(),
      GetParam());
  world_.start(quiet);
  world_.run(2 * second);
  const DeviceId device = world_.device_of(quiet);
  world_.set_link(device, false);
  (void)world_.publish(quiet, text("t"), text("x"), QoS::at_least_once, false);
  world_.run(1'500 * second);
  const auto ends = events(world_, trace::Kind::closed, trace::End::client, device);
  ASSERT_EQ(ends.size(), 1U);
  EXPECT_EQ(ends[0].code, static_cast<int>(CloseCause::timeout));
  EXPECT_GT(ends[0].at, 300 * second);
}

TEST_P(Faults, TheDeadAnswerNothing) {
  world_.die(device_, trace::Death::fin);
  EXPECT_EQ(
      std::get<Misuse>(world_.publish(client_, text("t"), text("x"), QoS::at_least_once, false)),
      Misuse::not_connected);
  world_.start(client_);
  world_.run(120 * second);
  EXPECT_TRUE(world_.is_dead(client_));
  EXPECT_EQ(events(world_, trace::Kind::opened, trace::End::broker, 0).size(), 1U);
}

TEST(Orphans, AFinThatNobodyAnswersIsNotRepeatedForEver) {
  World world({});
  world.add_broker("broker", {});
  ClientConfig config = client_config("meter");
  config.keep_alive_s = 10;
  const DeviceId device = world.add_device("meter", symmetric(25 * millisecond));
  world.start(world.add_client(device, config));
  world.run(second);
  world.die(device, trace::Death::silent);
  world.run(600 * second);
  const auto offered = world.counters(device, false).packets;
  EXPECT_LT(offered, 30U);
  world.run(3'600 * second);
  EXPECT_EQ(world.counters(device, false).packets, offered);
}

TEST(Cycles, TakeTheLinkDownAndUpAndCanBeStopped) {
  World world({});
  world.add_broker("broker", {});
  LinkSpec link = symmetric(10 * millisecond);
  link.cycle = Cycle{20 * second, 5 * second, 0.5};
  const DeviceId device = world.add_device("meter", link);
  world.run(10'000 * second);
  const auto downs = events(world, trace::Kind::link_down, trace::End::client, device);
  const auto ups = events(world, trace::Kind::link_up, trace::End::client, device);
  EXPECT_NEAR(static_cast<double>(downs.size()), 400.0, 25.0);
  Time down_time = 0;
  for (std::size_t i = 0; i < ups.size(); ++i) {
    const Time outage = ups[i].at - downs[i].at;
    EXPECT_GE(outage, 2'500 * millisecond);
    EXPECT_LE(outage, 7'500 * millisecond);
    down_time += outage;
  }
  EXPECT_NEAR(static_cast<double>(down_time) / second, 2'000.0, 150.0);
  world.stop_cycles();
  const auto before = world.log().events().size();
  world.run(11'000 * second);
  EXPECT_LE(world.log().events().size(), before);
  EXPECT_EQ(events(world, trace::Kind::link_up, trace::End::client, device).size(), downs.size());
}

TEST(LossFree, LosesNothingFromThenOn) {
  World world({});
  world.add_broker("broker", {});
  const auto clients = add_clients(world, 20, symmetric(10 * millisecond, 0.2));
  FleetConfig config;
  config.interval = second;
  const Fleet fleet(world, "meters", clients, config);
  world.run(60 * second);
  const auto lost = [&] {
    std::uint64_t sum = 0;
    for (const ClientId client : clients)
      for (const bool up : {true, false})
        sum += world.counters(world.device_of(client), up).lost_random;
    return sum;
  };
  const auto before = lost();
  EXPECT_GT(before, 100U);
  world.set_loss_free();
  world.run(120 * second);
  EXPECT_EQ(lost(), before);
}

}  // namespace
}  // namespace mqttlab::sim
