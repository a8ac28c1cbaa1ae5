// Devices crash at every instant of their exchanges and go on with what their clients had stored.
#include <gtest/gtest.h>

#include "tests/sim/worlds.h"

namespace mqttlab::sim {
namespace {

using trace::Death;
using trace::StoreFate;

constexpr int instants = 50;  // ms: an exchange takes 6 trips of 5 ms, and more to be passed on

class DeviceStore : public testing::TestWithParam<ProtocolVersion> {
 protected:
  DeviceStore() {
    world_.add_broker("broker", {});
    for (const char* name : {"meter", "desk"}) {
      ClientConfig config = client_config(name);
      config.clean_session = false;
      config.version = GetParam();
      config.backoff = {.initial = 100 * millisecond, .maximum = 200 * millisecond};
      const DeviceId device = world_.add_device(name, symmetric(5 * millisecond));
      world_.use_disk(device, {.durability = Durability::sync});
      clients_.push_back(world_.add_client(device, config));
      world_.handle(clients_.back(), [this](const ClientEvent& event) {
        if (const auto* message = std::get_if<Received>(&event))
          received_.emplace_back(message->payload.text());
        if (const auto* done = std::get_if<Completed>(&event))
          if (done->outcome == Outcome::done) completed_.push_back(done->token);
      });
      world_.start(clients_.back());
    }
    world_.run(second);
    std::vector<Subscription> wanted(1);
    wanted[0].filter = text("t");
    wanted[0].qos = QoS::exactly_once;
    (void)world_.subscribe(clients_[1], wanted);
    world_.run(2 * second);
    completed_.clear();
  }
  /// Publishes once per instant, and crashes a device that long after it.
  void crash_at_every_instant(ClientId client, StoreFate fate, Death how) {
    for (int i = 0; i < instants; ++i) {
      const Time begin = world_.now();
      sent_.push_back(std::to_string(i));
      const auto token =
          world_.publish(clients_[0], text("t"), text(sent_.back()), QoS::exactly_once, false);
      tokens_.push_back(std::get<Token>(token));
      const DeviceId device = world_.device_of(client);
      world_.at(begin + i * millisecond, [=, this] { world_.crash(device, fate, how); });
      world_.at(begin + 200 * millisecond, [=, this] { world_.restart(device); });
      world_.run(begin + 3 * second);
    }
  }

  World world_{{}};
  std::vector<ClientId> clients_;
  std::vector<std::string> received_, sent_;
  std::vector<Token> completed_, tokens_;
};

INSTANTIATE_TEST_SUITE_P(Of, DeviceStore,
                         testing::Values(ProtocolVersion::v3_1_1, ProtocolVersion::v5_0),
                         [](const auto& info) {
                           return info.param == ProtocolVersion::v5_0 ? "v5" : "v3";
                         });

TEST_P(DeviceStore, APublisherFinishesWhatItHasBegun) {
  crash_at_every_instant(clients_[0], StoreFate::kept, Death::reset);
  EXPECT_EQ(received_, sent_);
  EXPECT_EQ(completed_, tokens_) << "each call of before the crash is answered once";
}

TEST_P(DeviceStore, WithASyncedStoreALossOfPowerDoesNoMore) {
  crash_at_every_instant(clients_[0], StoreFate::torn, Death::silent);
  EXPECT_EQ(received_, sent_);
  EXPECT_EQ(completed_, tokens_);
}

TEST_P(DeviceStore, ASubscriberTakesEachMessageOnce) {
  crash_at_every_instant(clients_[1], StoreFate::kept, Death::fin);
  EXPECT_EQ(received_, sent_);
}

TEST_P(DeviceStore, WithoutItTheSameIsLostAndRepeated) {
  crash_at_every_instant(clients_[0], StoreFate::lost, Death::reset);
  EXPECT_LT(completed_.size(), tokens_.size());
  EXPECT_LT(received_.size(), sent_.size());
  received_.clear();
  sent_.clear();
  crash_at_every_instant(clients_[1], StoreFate::lost, Death::silent);
  EXPECT_GT(received_.size(), sent_.size()) << "an amnesiac takes a repeat for a new message";
}

TEST_P(DeviceStore, PacketIdsOfTheNextProcessAreNoneOfTheLast) {
  const DeviceId meter = world_.device_of(clients_[0]);
  world_.set_link(meter, false);
  for (int i = 0; i < 3; ++i)
    (void)world_.publish(clients_[0], text("t"), text("x"), QoS::at_least_once, false);
  world_.run(world_.now() + 10 * millisecond);
  world_.crash(meter, StoreFate::kept, Death::reset);
  world_.restart(meter);
  (void)world_.publish(clients_[0], text("t"), text("y"), QoS::at_least_once, false);
  world_.run(world_.now() + 1);
  (void)world_.publish(clients_[0], text("t"), text("z"), QoS::at_least_once, false);
  world_.set_link(meter, true);
  world_.run(world_.now() + 60 * second);
  std::vector<std::uint16_t> ids;
  for (const auto& event : world_.log().events())
    if (event.kind == trace::Kind::arrived && event.end == trace::End::broker &&
        event.packet == PacketType::publish)
      ids.push_back(event.packet_id);
  EXPECT_EQ(ids, (std::vector<std::uint16_t>{1, 2, 3, 4}));
}

}  // namespace
}  // namespace mqttlab::sim
