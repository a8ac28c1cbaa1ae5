// Processes that stand still, crash and come back at the device; the order of one instant; packet
// ids that run out.
#include <gtest/gtest.h>

#include <set>

#include "tests/sim/worlds.h"

namespace mqttlab::sim {
namespace {

constexpr Time trip = 5 * millisecond;

class Processes : public testing::Test {
 protected:
  ClientId add(const std::string& name) {
    ClientConfig config = client_config(name);
    config.clean_session = false;
    config.keep_alive_s = 10;
    config.backoff = {.initial = 100 * millisecond, .maximum = second};
    return add(config);
  }
  ClientId add(const ClientConfig& config) {
    const DeviceId device = world_.add_device(config.client_id, symmetric(trip));
    const ClientId client = world_.add_client(device, config);
    world_.handle(client, [this](const ClientEvent& event) {
      if (const auto* message = std::get_if<Received>(&event))
        received_.emplace_back(message->payload.text());
      if (const auto* done = std::get_if<Completed>(&event)) completed_.push_back(*done);
    });
    world_.start(client);
    return client;
  }
  void subscribe(ClientId client) {
    std::vector<Subscription> wanted(1);
    wanted[0].filter = text("t");
    wanted[0].qos = QoS::exactly_once;
    (void)world_.subscribe(client, wanted);
  }
  void publish(ClientId client, std::string_view payload, QoS qos = QoS::at_least_once) {
    (void)world_.publish(client, text("t"), text(payload), qos, false);
  }
  std::vector<trace::Event> at_broker(trace::Kind kind) {
    return events(world_, kind, trace::End::broker, 0);
  }
  std::vector<trace::Event> at(ClientId client, trace::Kind kind) {
    return events(world_, kind, trace::End::client, world_.device_of(client));
  }
  /// Packets of a kind that an end has written or read since an instant.
  std::size_t count(trace::Kind kind, trace::End end, Time since) {
    return events(world_,
                  [=](const trace::Event& event) {
                    return event.kind == kind && event.end == end && event.at >= since;
                  })
        .size();
  }

  World world_{{}};
  std::vector<std::string> received_;
  std::vector<Completed> completed_;
};

TEST_F(Processes, APausedBrokerReadsNothingAndThenAllOfIt) {
  world_.add_broker("broker", {});
  const ClientId meter = add("meter");
  world_.run(second);
  world_.pause_broker();
  publish(meter, "x");
  const ClientId late = add("late");
  world_.run(8 * second);
  EXPECT_EQ(count(trace::Kind::arrived, trace::End::broker, second), 0U);
  EXPECT_EQ(at(late, trace::Kind::opened).size(), 1U) << "the kernel takes connections";
  EXPECT_EQ(at_broker(trace::Kind::opened).size(), 1U) << "the process has not";
  world_.resume_broker();
  world_.run(8 * second + 2 * trip);
  EXPECT_EQ(at_broker(trace::Kind::went_on)[0].at, 8 * second);
  EXPECT_EQ(completed_.size(), 1U);
  EXPECT_TRUE(world_.client(late).connected());
}

TEST_F(Processes, ABrokersPauseIsNotTakenForItsClientsSilence) {
  // Keep alive 10 s: 15 s at the broker. The client pings meanwhile, and gives up at 20 s.
  world_.add_broker("broker", {});
  const ClientId meter = add("meter");
  world_.run(second);
  world_.pause_broker();
  world_.run(18 * second);
  world_.resume_broker();
  world_.run(40 * second);
  EXPECT_TRUE(world_.client(meter).connected());
  EXPECT_EQ(at_broker(trace::Kind::closed).size(), 0U);
}

TEST_F(Processes, ConnectionsThatCameAndWentInAPauseAreBothSeen) {
  world_.add_broker("broker", {});
  (void)add("first");
  world_.run(second);
  world_.pause_broker();
  const ClientId hasty = add("hasty");
  world_.run(2 * second);
  world_.die(world_.device_of(hasty), trace::Death::reset);
  const ClientId ordered = add("ordered");
  world_.run(3 * second);
  world_.die(world_.device_of(ordered), trace::Death::fin);
  world_.run(4 * second);
  world_.resume_broker();
  world_.run(5 * second);
  const auto ends = at_broker(trace::Kind::closed);
  ASSERT_EQ(ends.size(), 2U);
  EXPECT_EQ(ends[0].code, static_cast<int>(CloseCause::reset));
  EXPECT_EQ(ends[1].code, static_cast<int>(CloseCause::fin));
  EXPECT_EQ(ends[0].at, 4 * second);
  EXPECT_EQ(world_.broker_gauges().connections, 1U);
}

TEST_F(Processes, APausedDeviceIsTakenForDeadAndSeesItWhenItGoesOn) {
  world_.add_broker("broker", {});
  const ClientId meter = add("meter");
  world_.run(second);
  world_.pause(world_.device_of(meter));
  world_.run(30 * second);
  ASSERT_EQ(at_broker(trace::Kind::closed).size(), 1U);
  EXPECT_EQ(count(trace::Kind::written, trace::End::client, second), 0U);
  EXPECT_EQ(at(meter, trace::Kind::closed).size(), 0U);
  world_.resume(world_.device_of(meter));
  world_.run(40 * second);
  ASSERT_EQ(at(meter, trace::Kind::closed).size(), 1U);
  EXPECT_EQ(at(meter, trace::Kind::closed)[0].at, 30 * second);
  EXPECT_EQ(at(meter, trace::Kind::closed)[0].code, static_cast<int>(CloseCause::fin));
  EXPECT_TRUE(world_.client(meter).connected());
}

TEST_F(Processes, ADialThatComesThroughInAPauseIsUsedAfterIt) {
  world_.add_broker("broker", {});
  const ClientId meter = add("meter");
  world_.at(millisecond, [&] { world_.pause(world_.device_of(meter)); });
  world_.run(5 * second);
  EXPECT_EQ(at(meter, trace::Kind::opened).size(), 0U);
  EXPECT_EQ(at_broker(trace::Kind::opened).size(), 1U);
  world_.resume(world_.device_of(meter));
  world_.run(5 * second + 3 * trip);
  EXPECT_EQ(at(meter, trace::Kind::opened).size(), 1U);
  EXPECT_TRUE(world_.client(meter).connected());
}

TEST_F(Processes, ACrashedDeviceForgetsAndComesBack) {
  world_.add_broker("broker", {});
  const ClientId meter = add("meter");
  const ClientId desk = add("desk");
  world_.run(second);
  subscribe(desk);
  world_.run(2 * second);
  publish(meter, "lost with its sender", QoS::exactly_once);
  world_.at(2 * second + 1, [&] {
    world_.crash(world_.device_of(meter), trace::StoreFate::lost, trace::Death::silent);
  });
  world_.run(3 * second);
  EXPECT_TRUE(world_.is_dead(meter));
  EXPECT_FALSE(world_.client(meter).connected());
  world_.restart(world_.device_of(meter));
  world_.run(10 * second);
  EXPECT_TRUE(world_.client(meter).connected());
  EXPECT_EQ(at(meter, trace::Kind::crashed).size(), 1U);
  EXPECT_EQ(at(meter, trace::Kind::restarted).size(), 1U);
  EXPECT_EQ(at(meter, trace::Kind::link_up).size(), 1U) << "it has its power again";
  publish(meter, "after");
  world_.run(20 * second);
  EXPECT_EQ(received_.back(), "after");
  ASSERT_EQ(completed_.size(), 2U);  // SUBSCRIBE, and the message after
  std::set<std::uint32_t> tokens;
  for (const auto& event : at(meter, trace::Kind::publish_called)) tokens.insert(event.detail);
  EXPECT_EQ(tokens.size(), 2U) << "no token comes twice";
}

TEST_F(Processes, ASlowApplicationHoldsUpItsSender) {
  world_.add_broker("broker", {});
  const ClientId meter = add("meter");
  ClientConfig config = client_config("desk");
  config.inbox_messages = 5;
  const ClientId desk = add(config);
  world_.run(second);
  subscribe(desk);
  world_.run(2 * second);
  world_.take_slowly(world_.device_of(desk), second);
  for (int i = 0; i < 15; ++i) publish(meter, std::to_string(i));
  world_.run(2 * second + 10 * second - 1);
  EXPECT_EQ(received_.size(), 10U) << "one a second";
  EXPECT_GT(world_.broker_gauges().in_flight, 0U);
  world_.take_slowly(world_.device_of(desk), never);
  world_.run(20 * second);
  EXPECT_EQ(received_.size(), 10U);
  world_.take_slowly(world_.device_of(desk), 0);
  world_.run(21 * second);
  EXPECT_EQ(received_.size(), 15U);
}

TEST_F(Processes, PacketIdsThatRunOutAreWaitedFor) {
  BrokerConfig broker;
  broker.test_packet_id_max = 3;
  world_.add_broker("broker", broker);
  ClientConfig config = client_config("meter");
  config.test_packet_id_max = 2;
  const ClientId meter = add(config);
  const ClientId desk = add("desk");
  world_.run(second);
  subscribe(desk);
  world_.run(2 * second);
  for (int i = 0; i < 50; ++i) publish(meter, std::to_string(i), QoS::exactly_once);
  world_.run(60 * second);
  EXPECT_EQ(received_.size(), 50U);
  std::set<std::uint16_t> ids[2];
  for (const auto& event : world_.log().events())
    if (event.kind == trace::Kind::written && event.packet == PacketType::publish)
      ids[static_cast<std::size_t>(event.end)].insert(event.packet_id);
  EXPECT_EQ(ids[0], (std::set<std::uint16_t>{1, 2}));
  EXPECT_EQ(ids[1], (std::set<std::uint16_t>{1, 2, 3}));
}

WorldConfig seeded(std::uint64_t seed) {
  WorldConfig config;
  config.seed = seed;
  return config;
}

/// Which of two CONNECTs of one client id, sent at one nanosecond, the broker takes first.
std::string winner(std::uint64_t seed, bool shuffled) {
  World world(seeded(seed));
  world.add_broker("broker", {});
  if (shuffled) world.shuffle_ties();
  for (const char* name : {"left", "right"}) {
    ClientConfig config = client_config("twin");
    config.reconnect = false;
    world.start(world.add_client(world.add_device(name, symmetric(trip)), config));
  }
  world.run(second);
  std::string last;
  for (const auto& event : world.log().events())
    if (event.kind == trace::Kind::arrived && event.packet == PacketType::connack)
      last = last.empty() ? "both" : last;
  for (const ClientId client : {0U, 1U})
    if (world.client(client).connected()) last = world.log().actor_name(world.device_of(client));
  return last;
}

TEST(Ties, AreDrawnFromTheSeedIfAskedFor) {
  std::set<std::string> winners, in_order;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const std::string one = winner(seed, true);
    EXPECT_EQ(winner(seed, true), one) << "seed " << seed;
    winners.insert(one);
    in_order.insert(winner(seed, false));
  }
  EXPECT_EQ(winners, (std::set<std::string>{"left", "right"}));
  EXPECT_EQ(in_order.size(), 1U);
}

/// A client's old connection ends at the nanosecond at which the CONNECT of its new one arrives.
bool connect_came_first(std::uint64_t seed) {
  World world(seeded(seed));
  world.add_broker("broker", {});
  world.shuffle_ties();
  const DeviceId old = world.add_device("old", symmetric(trip));
  world.start(world.add_client(old, client_config("one")));
  const DeviceId other = world.add_device("other", symmetric(trip));
  const ClientId late = world.add_client(other, client_config("one"));
  world.run(second);
  world.start(late);
  // Its CONNECT leaves after one round trip, 1 ns behind the ACK: that is when the old one has to
  // die.
  world.at(second + 2 * trip + 1, [&] { world.die(old, trace::Death::reset); });
  world.run(2 * second);
  Time closed = 0, connected = 0;
  for (const auto& event : world.log().events()) {
    if (event.end != trace::End::broker || event.at < second) continue;
    if (event.kind == trace::Kind::closed && connected == 0) closed = event.at;
    if (event.kind == trace::Kind::arrived && event.packet == PacketType::connect)
      connected = event.at;
  }
  EXPECT_EQ(connected, second + 3 * trip + 1);
  return closed == 0;
}

TEST(Ties, AreBetweenAnOldEndAndANewConnectToo) {
  std::set<bool> orders;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const bool one = connect_came_first(seed);
    EXPECT_EQ(connect_came_first(seed), one);
    orders.insert(one);
  }
  EXPECT_EQ(orders.size(), 2U);
}

}  // namespace
}  // namespace mqttlab::sim
