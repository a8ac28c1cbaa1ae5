// mqttlab-broker itself, killed at random instants under load from clients on real sockets: it
// starts again each time, and what it has acknowledged is not lost.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "protocol/live/client_runner.h"
#include "protocol/live/clock.h"
#include "protocol/session/random.h"
#include "tests/live/broker_process.h"
#include "tests/live/loop.h"

namespace mqttlab::live {
namespace {

constexpr int kills = 50, publishers = 3, in_flight = 8;

ClientConfig config_of(std::string id) {
  ClientConfig config{.client_id = std::move(id), .clean_session = false, .window = in_flight};
  config.backoff = {.initial = 5 * millisecond, .maximum = 20 * millisecond};
  return config;
}

/// Publishes as fast as it is acknowledged, QoS 1 and 2 in turn.
class Publisher {
 public:
  Publisher(testing::Loop& loop, int port, const std::string& name)
      : name_(name),
        runner(loop.io, testing::dial_of(port), config_of(name), 1,
               [this](const ClientEvent& event) { on(event); }) {
    runner.client().start(steady_now());
    for (int i = 0; i < in_flight; ++i) publish();
    runner.wake();
  }
  [[nodiscard]] bool is_done() const { return is_stopping && acknowledged == published; }
  bool is_stopping = false;
  int published = 0, acknowledged = 0;

 private:
  void publish() {
    const int number = published++;
    const QoS qos = number % 2 == 0 ? QoS::at_least_once : QoS::exactly_once;
    const std::string payload = name_ + " " + std::to_string(number);
    const auto token = runner.client().publish(Slice::copy_of(std::string("load")),
                                               Slice::copy_of(payload), qos, false, steady_now());
    EXPECT_TRUE(std::holds_alternative<Token>(token));
  }
  void on(const ClientEvent& event) {
    const auto* completed = std::get_if<Completed>(&event);
    if (!completed) return;
    EXPECT_EQ(completed->outcome, Outcome::done);
    ++acknowledged;
    if (!is_stopping) publish();
  }
  const std::string name_;

 public:
  ClientRunner runner;
};

TEST(Kill, StartsAgainAndHasWhatItAcknowledged) {
  testing::BrokerProcess broker(::testing::TempDir() + "kill-" + std::to_string(getpid()));
  broker.start();
  ASSERT_NE(broker.port(), 0);
  testing::Loop loop;
  std::map<std::string, int> got;
  bool is_subscribed = false;
  ClientRunner desk(loop.io, testing::dial_of(broker.port()), config_of("desk"), 1,
                    [&](const ClientEvent& event) {
                      if (const auto* message = std::get_if<Received>(&event))
                        ++got[std::string(message->payload.text())];
                      is_subscribed |= std::holds_alternative<Completed>(event);
                    });
  desk.client().start(steady_now());
  static_cast<void>(desk.client().subscribe(
      {{.filter = Slice::copy_of(std::string("load")), .qos = QoS::exactly_once}}, steady_now()));
  desk.wake();
  ASSERT_TRUE(loop.until([&] { return is_subscribed; }));
  std::vector<std::unique_ptr<Publisher>> all;
  for (int i = 0; i < publishers; ++i)
    all.push_back(std::make_unique<Publisher>(loop, broker.port(), "p" + std::to_string(i)));
  const auto acknowledged = [&] {
    int sum = 0;
    for (const auto& publisher : all) sum += publisher->acknowledged;
    return sum;
  };
  Random random(1, "kill");
  for (int i = 0; i < kills && !HasFailure(); ++i) {
    const int enough = acknowledged() + 1 + static_cast<int>(random.below(150));
    ASSERT_TRUE(loop.until([&] { return acknowledged() >= enough; })) << "after kill " << i;
    broker.end(SIGKILL);
    broker.start();
  }
  for (const auto& publisher : all) publisher->is_stopping = true;
  const auto done = [&] {
    return std::all_of(all.begin(), all.end(), [](const auto& one) { return one->is_done(); });
  };
  ASSERT_TRUE(loop.until(done));
  const auto whole = static_cast<std::size_t>(acknowledged());
  EXPECT_TRUE(loop.until([&] { return got.size() >= whole; })) << got.size() << " of " << whole;
  int twice = 0;
  for (const auto& [payload, copies] : got)
    twice += copies > 1 && std::atoi(payload.c_str() + 3) % 2 != 0;
  EXPECT_EQ(twice, 0) << "QoS 2";
  EXPECT_TRUE(WIFEXITED(broker.end(SIGTERM)));
  std::printf("%d kills, %zu messages acknowledged\n", kills, whole);
}

}  // namespace
}  // namespace mqttlab::live
