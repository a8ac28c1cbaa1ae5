// Many clients on wires that break at random: whatever the seed, the promises hold.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "protocol/session/random.h"
#include "tests/support/memory_world.h"

namespace mqttlab::testing {
namespace {

constexpr int publishers = 6;

class Soak {
 public:
  explicit Soak(std::uint64_t seed)
      : random_(seed, "soak"), world_({.window = 4}, seed, settings()) {
    for (const bool clean : {false, true}) {
      ClientConfig config = config_of(clean ? "visitor" : "desk", clean);
      subscribers_.push_back(world_.add(config, wires()));
      world_.start(subscribers_.back());
      world_.subscribe(subscribers_.back(), "#", QoS::exactly_once);
    }
    while (world_.completions(subscribers_[0]).empty()) world_.run(100 * millisecond);
    for (int i = 0; i < publishers; ++i) {
      ClientConfig config = config_of("p" + std::to_string(i), i % 2 == 1);
      if (i % 3 == 0) {
        config.will = Will{Slice::copy_of("gone/" + config.client_id), Slice::copy_of("x"),
                           QoS::exactly_once, false};
      }
      publishers_.push_back(world_.add(config, wires()));
      world_.start(publishers_.back());
    }
  }

  void run() {
    for (int step = 0; step < 200; ++step) {
      const auto who = publishers_[random_.below(publishers_.size())];
      const auto qos = static_cast<QoS>(random_.below(3));
      const std::string payload = std::to_string(step) + std::string(random_.below(60), '.');
      const Token token =
          world_.publish(who, "t/" + std::to_string(who), payload, qos, random_.below(10) == 0);
      if (token != 0) published_.push_back({who, token, payload, qos});
      if (random_.below(30) == 0) world_.cut(who);
      if (random_.below(60) == 0) world_.cut(subscribers_[random_.below(2)]);
      world_.run(static_cast<Time>(random_.below(static_cast<std::uint64_t>(500 * millisecond))));
    }
    calm_ = true;
    world_.run(30 * second);  // the last of the bad wires is noticed
    for (const auto client : all()) world_.cut(client);
    world_.phase("settle");
    world_.run(60 * second);
  }

  void check() {
    std::map<std::pair<MemoryWorld::Index, Token>, Outcome> outcomes;
    for (const auto who : publishers_) {
      for (const auto& completed : world_.completions(who)) {
        EXPECT_TRUE(outcomes.emplace(std::pair(who, completed.token), completed.outcome).second)
            << "completed twice";
      }
      EXPECT_EQ(world_.client(who).queued() + world_.client(who).in_flight(), 0U);
    }
    const auto received = world_.received(subscribers_[0]);
    for (const auto& [who, token, payload, qos] : published_) {
      const auto outcome = outcomes.find({who, token});
      ASSERT_NE(outcome, outcomes.end()) << "never completed: " << payload;
      if (qos == QoS::at_most_once) continue;
      const auto copies = std::count(received.begin(), received.end(), payload);
      EXPECT_GE(copies, outcome->second == Outcome::done ? 1 : 0) << "lost: " << payload;
      EXPECT_LE(copies, qos == QoS::exactly_once ? 1 : copies) << "repeated: " << payload;
    }
    EXPECT_EQ(world_.findings(), "");
  }

 private:
  static oracle::Settings settings() {
    oracle::Settings settings;
    settings.ping_timeout = 2 * second;
    settings.converge_within = 60 * second;
    return settings;
  }

  static ClientConfig config_of(std::string id, bool clean) {
    ClientConfig config{.client_id = std::move(id),
                        .clean_session = clean,
                        .keep_alive_s = 5,
                        .ping_timeout = 2 * second,
                        .window = 3};
    config.backoff = {.initial = 200 * millisecond, .maximum = 2 * second, .stable = 1 * second};
    return config;
  }

  MemoryWorld::Wires wires() {
    return [this](int) {
      Wire wire;
      wire.latency = static_cast<Time>(1 + random_.below(80)) * millisecond;
      wire.segment = 1 + random_.below(300);
      wire.buffer = 50 + random_.below(2'000);
      if (calm_) return wire;
      switch (random_.below(6)) {
        case 0:
          wire.cut_up = random_.below(600);
          break;
        case 1:
          wire.cut_down = random_.below(600);
          break;
        case 2:
          wire.stall_up = random_.below(600);
          break;
        case 3:
          wire.stall_down = random_.below(600);
          break;
        default:
          break;
      }
      return wire;
    };
  }

  [[nodiscard]] std::vector<MemoryWorld::Index> all() const {
    auto clients = subscribers_;
    clients.insert(clients.end(), publishers_.begin(), publishers_.end());
    return clients;
  }

  struct Published {
    MemoryWorld::Index who;
    Token token;
    std::string payload;
    QoS qos;
  };
  Random random_;
  bool calm_ = false;
  MemoryWorld world_;
  std::vector<MemoryWorld::Index> subscribers_, publishers_;
  std::vector<Published> published_;
};

TEST(Soak, PromisesHoldForEverySeed) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Soak soak(seed);
    soak.run();
    soak.check();
    if (HasFailure()) break;
  }
}

}  // namespace
}  // namespace mqttlab::testing
