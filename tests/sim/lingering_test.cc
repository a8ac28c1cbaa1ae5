// Ends that close while what they have written waits for its place: they are done, and their kernel
// goes on.
#include <gtest/gtest.h>

#include "tests/sim/worlds.h"

namespace mqttlab::sim {
namespace {

using trace::End;
using trace::Kind;

constexpr Time one_way = 20 * millisecond;
constexpr Time written_at = second;
constexpr std::uint16_t pings_after_s = 10;

/// A client that gets what it publishes, at QoS 1; how its connections end is looked at.
class ClosingScene {
 public:
  explicit ClosingScene(Transport transport) {
    world_.add_broker("broker", {});
    device_ = world_.add_device("meter", symmetric(one_way));
    ClientConfig config = client_config("meter");
    config.clean_session = false;
    config.keep_alive_s = pings_after_s;
    config.ping_timeout = 5 * second;
    config.backoff = {.initial = second, .maximum = second};
    client_ = world_.add_client(device_, config, transport);
    world_.start(client_);
    (void)world_.subscribe(client_, {{.filter = text("t"), .qos = QoS::at_least_once}});
  }

  void publish_two() {
    for (const char* payload : {"one", "two"})
      (void)world_.publish(client_, text("t"), text(payload), QoS::at_least_once, false);
  }
  void stop() { (void)world_.stop(client_); }
  void wait(
      Trigger::Kind kind, Way way, PacketType packet, std::uint32_t count,
      const std::function<void()>& then = [] {}) {
    world_.when(device_, {.kind = kind, .way = way, .bytes = 1, .packet = packet, .count = count},
                [this, then](const Fired& fired) {
                  fired_.push_back(fired);
                  then();
                });
  }
  std::vector<trace::Event> all(Kind kind, End end, std::uint32_t connection = 1) {
    return events(world_, [=](const trace::Event& event) {
      return event.kind == kind && event.end == end && event.connection == connection;
    });
  }
  std::vector<trace::Event> arrived(PacketType packet, End end, std::uint32_t connection = 1) {
    auto found = all(Kind::arrived, end, connection);
    std::erase_if(found, [=](const trace::Event& event) { return event.packet != packet; });
    return found;
  }
  World& world() { return world_; }
  [[nodiscard]] DeviceId device() const { return device_; }
  [[nodiscard]] const std::vector<Fired>& fired() const { return fired_; }

 private:
  World world_{{}};
  DeviceId device_ = 0;
  ClientId client_ = 0;
  std::vector<Fired> fired_;
};

class LastWord : public ::testing::TestWithParam<Transport> {};

INSTANTIATE_TEST_SUITE_P(Over, LastWord, ::testing::Values(over::tcp, over::tls, over::wss),
                         name_of_transport);

// What the place waits for is lost on the way; it comes on the next connection.
TEST_P(LastWord, AClientGivesADarkConnectionUpInTimeAndDials) {
  ClosingScene scene(GetParam());
  for (const auto kind : {Trigger::Kind::before, Trigger::Kind::inside})
    scene.wait(kind, Way::up, PacketType::publish, 2);
  scene.world().at(written_at, [&] {
    scene.world().roam(scene.device(), false);
    scene.world().at(written_at + millisecond, [&] { scene.publish_two(); });
  });
  scene.world().run(60 * second);
  const auto closed = scene.all(Kind::closed, End::client);
  ASSERT_EQ(closed.size(), 1U);
  EXPECT_LE(closed[0].at, scene.all(Kind::arrived, End::client).back().at + 15 * second);
  EXPECT_EQ(scene.arrived(PacketType::publish, End::broker, 2).size(), 2U);
  ASSERT_EQ(scene.fired().size(), 2U);
  for (const Fired& fired : scene.fired()) EXPECT_EQ(fired.connection, 2U);
}

TEST_P(LastWord, ABrokerClosesADarkConnectionInTime) {
  ClosingScene scene(GetParam());
  scene.wait(Trigger::Kind::before, Way::down, PacketType::publish, 2);
  scene.world().at(written_at, [&] { scene.publish_two(); });
  scene.world().at(written_at + 3 * one_way / 2,
                   [&] { scene.world().set_link(scene.device(), false); });
  scene.world().run(60 * second);
  EXPECT_EQ(scene.arrived(PacketType::publish, End::broker).size(), 2U);
  EXPECT_TRUE(scene.arrived(PacketType::publish, End::client).empty());
  const auto closed = scene.all(Kind::closed, End::broker);
  ASSERT_EQ(closed.size(), 1U);
  const Time heard = scene.all(Kind::arrived, End::broker).back().at;
  EXPECT_EQ(closed[0].at, heard + pings_after_s * second * 3 / 2);
  EXPECT_TRUE(scene.fired().empty());
}

// The place is where it was: all before it has arrived, and nothing behind it.
TEST_P(LastWord, TheLastWordStillWaitsForItsPlace) {
  for (const bool is_cut : {true, false}) {
    SCOPED_TRACE(is_cut);
    ClosingScene scene(GetParam());
    scene.wait(Trigger::Kind::before, Way::up, PacketType::disconnect, 1, [&] {
      if (is_cut) scene.world().cut(scene.device(), Cut::reset);
    });
    scene.world().at(written_at, [&] {
      scene.publish_two();
      scene.stop();
    });
    scene.world().run(5 * second);
    const auto closed = scene.all(Kind::closed, End::client);
    ASSERT_EQ(closed.size(), 1U);
    EXPECT_EQ(closed[0].at, written_at) << "who closes does not wait";
    ASSERT_EQ(scene.fired().size(), 1U);
    const Time fired_at = scene.fired()[0].at;
    EXPECT_GE(fired_at, written_at + one_way);
    const auto published = scene.arrived(PacketType::publish, End::broker);
    ASSERT_EQ(published.size(), 2U);
    EXPECT_EQ(published[1].at, fired_at);
    const auto goodbye = scene.arrived(PacketType::disconnect, End::broker);
    ASSERT_EQ(goodbye.size(), is_cut ? 0U : 1U);
    const auto end = scene.all(Kind::closed, End::broker);
    ASSERT_EQ(end.size(), 1U);
    EXPECT_EQ(end[0].at, is_cut ? fired_at : goodbye[0].at);
  }
}

// A process that is gone has closed in order: only a reset or the end of its machine undoes that.
TEST_P(LastWord, ACrashTakesTheLastWordOnlyWithItsKernel) {
  for (const auto how : {trace::Death::fin, trace::Death::reset, trace::Death::silent}) {
    SCOPED_TRACE(std::string(trace::name(how)));
    ClosingScene scene(GetParam());
    scene.wait(Trigger::Kind::before, Way::up, PacketType::disconnect, 1,
               [&] { scene.world().crash(scene.device(), trace::StoreFate::lost, how); });
    scene.world().at(written_at, [&] {
      scene.publish_two();
      scene.stop();
    });
    scene.world().run(60 * second);
    ASSERT_EQ(scene.fired().size(), 1U);
    EXPECT_EQ(scene.arrived(PacketType::disconnect, End::broker).size(),
              how == trace::Death::fin ? 1U : 0U);
    EXPECT_EQ(scene.all(Kind::closed, End::broker).size(), 1U);
    EXPECT_EQ(scene.all(Kind::closed, End::client).size(), 1U);
  }
}

// A filter moves bytes by itself, also when the event in which the process ended goes on.
TEST_P(LastWord, AProcessThatHasEndedSaysNothingMore) {
  for (const auto how : {trace::Death::reset, trace::Death::silent}) {
    SCOPED_TRACE(std::string(trace::name(how)));
    ClosingScene scene(GetParam());
    scene.wait(Trigger::Kind::after, Way::down, PacketType::publish, 1,
               [&] { scene.world().crash(scene.device(), trace::StoreFate::kept, how); });
    scene.world().at(written_at, [&] { scene.publish_two(); });
    scene.world().run(5 * second);
    ASSERT_EQ(scene.fired().size(), 1U);
    EXPECT_EQ(scene.arrived(PacketType::publish, End::client).size(), 1U);
    for (const trace::Event& event : scene.all(Kind::written, End::client))
      EXPECT_NE(event.packet, PacketType::puback);
  }
}

}  // namespace
}  // namespace mqttlab::sim
