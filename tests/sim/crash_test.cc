// The broker's process crashes and comes back, in virtual time.
#include <gtest/gtest.h>

#include <set>

#include "tests/sim/worlds.h"

namespace mqttlab::sim {
namespace {

using trace::StoreFate;

constexpr Time latency = 5 * millisecond;

/// A publisher and a subscriber with a session that outlives links, at QoS 2.
class BrokerCrash : public testing::Test {
 protected:
  void begin(std::optional<DiskConfig> disk, Transport transport = over::tcp) {
    if (disk) world_.use_disk(*disk);
    world_.add_broker("broker", {});
    for (const char* name : {"meter", "desk"}) {
      ClientConfig config = client_config(name);
      config.clean_session = false;
      config.backoff = {.initial = 100 * millisecond, .maximum = second};
      const DeviceId device = world_.add_device(name, symmetric(latency));
      clients_.push_back(world_.add_client(device, config, transport));
      world_.handle(clients_.back(), [this, name](const ClientEvent& event) {
        if (const auto* connected = std::get_if<Connected>(&event))
          presents_.emplace(name, connected->session_present);
        if (const auto* message = std::get_if<Received>(&event))
          received_.emplace_back(message->payload.text());
      });
      world_.start(clients_.back());
    }
    world_.run(second);
    std::vector<Subscription> wanted(1);
    wanted[0].filter = text("t");
    wanted[0].qos = QoS::exactly_once;
    (void)world_.subscribe(clients_[1], wanted);
    world_.run(2 * second);
    presents_.clear();
  }
  void publish(std::string_view payload, QoS qos = QoS::exactly_once) {
    (void)world_.publish(clients_[0], text("t"), text(payload), qos, false);
  }
  std::vector<trace::Event> at_broker(trace::Kind kind) {
    return events(world_, kind, trace::End::broker, 0);
  }
  std::vector<trace::Event> at_meter(trace::Kind kind) {
    return events(world_, kind, trace::End::client, world_.device_of(clients_[0]));
  }
  using Texts = std::vector<std::string>;
  using Present = std::set<std::pair<std::string, bool>>;

  World world_{{}};
  std::vector<ClientId> clients_;
  Present presents_;  // session present, as CONNACKs said since begin()
  Texts received_;
};

TEST_F(BrokerCrash, EndsConnectionsAsADeadProcessDoesAndRefusesDials) {
  begin(DiskConfig{.durability = Durability::sync});
  world_.crash_broker(StoreFate::kept, trace::Death::fin);
  world_.run(5 * second);
  ASSERT_EQ(at_broker(trace::Kind::crashed).size(), 1U);
  EXPECT_EQ(at_broker(trace::Kind::crashed)[0].at, 2 * second);
  EXPECT_EQ(at_broker(trace::Kind::crashed)[0].code, static_cast<int>(StoreFate::kept));
  ASSERT_EQ(at_meter(trace::Kind::closed).size(), 1U);
  EXPECT_EQ(at_meter(trace::Kind::closed)[0].code, static_cast<int>(CloseCause::fin));
  EXPECT_EQ(at_meter(trace::Kind::closed)[0].at, 2 * second + latency);
  EXPECT_FALSE(world_.client(clients_[0]).connected());
  EXPECT_EQ(world_.broker_gauges().sessions, 0U);
  world_.restart_broker();
  world_.run(10 * second);
  ASSERT_EQ(at_broker(trace::Kind::restarted).size(), 1U);
  EXPECT_EQ(at_broker(trace::Kind::restarted)[0].at, 5 * second);
  EXPECT_TRUE(world_.client(clients_[0]).connected());
  EXPECT_EQ(presents_, (Present{{"meter", true}, {"desk", true}}));
  publish("after");
  world_.run(11 * second);
  EXPECT_EQ(received_, Texts{"after"}) << "the subscription has come back";
}

TEST_F(BrokerCrash, WithoutItsStoreKnowsNobody) {
  begin(DiskConfig{.durability = Durability::sync});
  world_.crash_broker(StoreFate::lost, trace::Death::reset);
  world_.restart_broker();
  world_.run(10 * second);
  ASSERT_EQ(at_meter(trace::Kind::closed).size(), 1U);
  EXPECT_EQ(at_meter(trace::Kind::closed)[0].code, static_cast<int>(CloseCause::reset));
  EXPECT_EQ(presents_, (Present{{"meter", false}, {"desk", false}}));
}

TEST_F(BrokerCrash, TornForgetsWhatWasNotSyncedAndStartsAllTheSame) {
  begin(DiskConfig{.durability = Durability::batch});
  publish("synced");
  world_.run(3 * second);
  world_.set_link(world_.device_of(clients_[1]), false);
  for (int i = 0; i < 20; ++i)
    world_.at(3 * second + i * 2 * millisecond,
              [this, i] { publish("unsynced " + std::to_string(i), QoS::at_least_once); });
  world_.at(3 * second + 60 * millisecond,
            [this] { world_.crash_broker(StoreFate::torn, trace::Death::silent); });
  world_.run(4 * second);
  ASSERT_EQ(events(world_, trace::Kind::publish_completed, trace::End::client,
                   world_.device_of(clients_[0]))
                .size(),
            21U)
      << "not gated: all were acknowledged";
  world_.set_link(world_.device_of(clients_[1]), true);
  world_.restart_broker();
  world_.run(120 * second);
  EXPECT_GT(received_.size(), 1U) << "some of it was left";
  EXPECT_LT(received_.size(), 21U);
  EXPECT_EQ(received_[0], "synced");
  EXPECT_TRUE(world_.client(clients_[1]).connected());
}

TEST_F(BrokerCrash, WhatIsAcknowledgedIsOnDisk) {
  begin(DiskConfig{.durability = Durability::sync, .sync_time = 30 * millisecond});
  publish("a", QoS::at_least_once);
  world_.at(2 * second + latency + 29 * millisecond,
            [this] { world_.crash_broker(StoreFate::torn, trace::Death::fin); });
  world_.run(2 * second + 100 * millisecond);
  EXPECT_EQ(at_meter(trace::Kind::publish_completed).size(), 0U);
  world_.restart_broker();
  world_.run(20 * second);
  EXPECT_EQ(at_meter(trace::Kind::publish_completed).size(), 1U);
  EXPECT_EQ(received_, Texts{"a"});
}

TEST_F(BrokerCrash, APowerLossIsHeardOfWhenTheRestartedHostIsSpokenTo) {
  begin(DiskConfig{.durability = Durability::sync});
  world_.crash_broker(StoreFate::kept, trace::Death::silent);
  world_.run(8 * second);
  EXPECT_EQ(at_meter(trace::Kind::closed).size(), 0U);
  const DeviceId late = world_.add_device("late", symmetric(latency));
  world_.start(world_.add_client(late, client_config("late")));
  world_.run(10 * second);
  EXPECT_EQ(events(world_, trace::Kind::opened, trace::End::client, late).size(), 0U)
      << "nobody answers its SYN, nobody refuses it";
  world_.restart_broker();
  world_.run(11 * second);
  EXPECT_EQ(at_meter(trace::Kind::closed).size(), 0U) << "it has not said anything yet";
  publish("b");
  world_.run(11 * second + 2 * latency + microsecond);
  ASSERT_EQ(at_meter(trace::Kind::closed).size(), 1U);
  EXPECT_EQ(at_meter(trace::Kind::closed)[0].code, static_cast<int>(CloseCause::reset));
  EXPECT_NEAR(at_meter(trace::Kind::closed)[0].at, 11 * second + 2 * latency, microsecond);
  world_.run(120 * second);
  EXPECT_EQ(received_, Texts{"b"}) << "the subscriber's keep alive has met the reset";
}

TEST_F(BrokerCrash, TimeGoesOnForWhatItOwes) {
  world_.use_disk({.durability = Durability::sync});
  world_.add_broker("broker", {});
  ClientConfig config = client_config("meter");
  config.version = ProtocolVersion::v5_0;
  config.clean_session = false;
  config.session_expiry_s = 10;
  config.reconnect = false;
  const DeviceId device = world_.add_device("meter", symmetric(latency));
  world_.start(world_.add_client(device, config));
  world_.run(second);
  world_.die(device, trace::Death::fin);
  world_.run(2 * second);
  world_.crash_broker(StoreFate::kept, trace::Death::fin);
  world_.run(8 * second);
  world_.restart_broker();
  world_.run(9 * second);
  EXPECT_EQ(world_.broker_gauges().sessions, 1U);
  world_.run(12 * second);
  EXPECT_EQ(world_.broker_gauges().sessions, 0U);
}

TEST_F(BrokerCrash, ComesBackToWebSocketsInTls) {
  begin(DiskConfig{.durability = Durability::sync}, over::wss);
  world_.crash_broker(StoreFate::kept, trace::Death::fin);
  world_.run(3 * second);
  world_.restart_broker();
  publish("x");
  world_.run(10 * second);
  EXPECT_EQ(received_, Texts{"x"});
}

TEST_F(BrokerCrash, IsRefusedInWords) {
  begin({});
  EXPECT_THROW(world_.restart_broker(), std::logic_error);
  EXPECT_THROW(world_.crash_broker(StoreFate::kept, trace::Death::fin), std::logic_error);
  world_.crash_broker(StoreFate::lost, trace::Death::fin);
  EXPECT_THROW(world_.crash_broker(StoreFate::lost, trace::Death::fin), std::logic_error);
  EXPECT_THROW(world_.pause_broker(), std::logic_error);
}

/// A QoS 1 and a QoS 2 message from one to another while the broker crashes at an instant.
class EveryInstant : public BrokerCrash {};

TEST_F(EveryInstant, NothingIsLostOrRepeatedWithAStore) {
  begin(DiskConfig{.durability = Durability::sync, .sync_time = millisecond});
  // The exchange takes six trips; the crash falls in, and between, all of its steps.
  Time at = world_.now();
  Texts sent;
  for (int i = 0; i < 48; ++i) {
    at += 4 * second;
    world_.run(at);
    ASSERT_TRUE(world_.client(clients_[0]).connected() && world_.client(clients_[1]).connected());
    sent.push_back(std::to_string(i));
    publish(sent.back());
    world_.at(at + i * millisecond,
              [this] { world_.crash_broker(StoreFate::torn, trace::Death::fin); });
    world_.at(at + i * millisecond + 300 * millisecond, [this] { world_.restart_broker(); });
  }
  world_.run(at + 60 * second);
  EXPECT_EQ(received_, sent);
  EXPECT_EQ(at_meter(trace::Kind::publish_completed).size(), sent.size());
}

}  // namespace
}  // namespace mqttlab::sim
