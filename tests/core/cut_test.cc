// Every exchange, cut at every byte of each direction and resumed, and cut again at every byte of
// the resume: nothing is lost, QoS 2 arrives once, each call completes once, the oracle finds
// nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

#include "tests/support/memory_world.h"

namespace mqttlab::testing {
namespace {

enum class Towards { broker, client };  // the way of the message whose link is cut

/// Where a connection ends. stall: both directions fall silent instead of being reset.
struct Fault {
  bool up = true;
  std::uint64_t at = Wire::nowhere;
  bool stall = false;
};

Wire wire(const Fault& fault) {
  Wire wire;
  if (fault.stall) {
    (fault.up ? wire.stall_up : wire.stall_down) = fault.at;
  } else {
    (fault.up ? wire.cut_up : wire.cut_down) = fault.at;
  }
  return wire;
}

struct Story {
  Towards towards;
  std::vector<QoS> messages;  ///< published in one burst
  Fault first, second;        ///< of the first and second connection of the cut client
};

/// Plays a story with oracle; gives the bytes that arrived on the cut client's first two
/// connections: {up, down} each.
struct Streams {
  std::pair<std::uint64_t, std::uint64_t> first, second;
};

Streams play(const Story& story) {
  MemoryWorld world({}, 1, {.ping_timeout = 2 * second, .converge_within = 30 * second});
  ClientConfig config{.clean_session = false, .keep_alive_s = 4, .ping_timeout = 2 * second};
  config.backoff = {.initial = 100 * millisecond, .maximum = 1 * second};
  const auto wires = [&](int connection) {
    return connection == 1 ? wire(story.first) : connection == 2 ? wire(story.second) : Wire{};
  };
  config.client_id = "cut";
  const auto cut = world.add(config, wires);
  config.client_id = "calm";
  const auto calm = world.add(config);
  const auto publisher = story.towards == Towards::broker ? cut : calm;
  const auto subscriber = story.towards == Towards::broker ? calm : cut;

  world.start(subscriber);
  world.subscribe(subscriber, "t", QoS::exactly_once);
  while (world.completions(subscriber).empty()) world.run(10 * millisecond);
  world.start(publisher);
  world.run(5 * millisecond);  // connected; or cut, and then published while offline
  for (std::size_t i = 0; i < story.messages.size(); ++i) {
    world.publish(publisher, "t", std::to_string(i), story.messages[i]);
  }
  world.run(20 * second);
  world.phase("settle");
  world.run(30 * second);

  const auto received = world.received(subscriber);
  for (std::size_t i = 0; i < story.messages.size(); ++i) {
    const auto copies = std::count(received.begin(), received.end(), std::to_string(i));
    EXPECT_GE(copies, 1) << "message " << i << " is lost";
    if (story.messages[i] == QoS::exactly_once) {
      EXPECT_LE(copies, 1) << "message " << i << " came " << copies << " times";
    }
  }
  const auto completions = world.completions(publisher);
  EXPECT_EQ(completions.size(), story.messages.size());
  for (const auto& completed : completions) EXPECT_EQ(completed.outcome, Outcome::done);
  EXPECT_EQ(world.client(publisher).in_flight() + world.client(publisher).queued(), 0U);
  EXPECT_EQ(world.findings(), "");
  return {world.arrived(cut, 1), world.arrived(cut, 2)};
}

/// Calls `what` for every fault in a stream of these lengths.
template <typename What>
void at_every_byte(std::pair<std::uint64_t, std::uint64_t> lengths, What what) {
  for (const bool up : {true, false}) {
    const std::uint64_t length = up ? lengths.first : lengths.second;
    for (std::uint64_t at = 0; at <= length && !::testing::Test::HasFailure(); ++at) {
      what(Fault{up, at});
    }
  }
}

std::string words(const Fault& fault) {
  return std::string(fault.stall ? "stall" : "cut") + (fault.up ? " up at " : " down at ") +
         std::to_string(fault.at);
}

struct Case {
  const char* name;
  Towards towards;
  QoS qos;
};
void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

class EveryByte : public ::testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(
    Exchange, EveryByte,
    ::testing::Values(Case{"Qos1ToBroker", Towards::broker, QoS::at_least_once},
                      Case{"Qos2ToBroker", Towards::broker, QoS::exactly_once},
                      Case{"Qos1ToClient", Towards::client, QoS::at_least_once},
                      Case{"Qos2ToClient", Towards::client, QoS::exactly_once}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_P(EveryByte, CutAndCutAgainDuringTheResume) {
  const Story calm{GetParam().towards, {GetParam().qos}, {}, {}};
  at_every_byte(play(calm).first, [&](const Fault& first) {
    Story once = calm;
    once.first = first;
    SCOPED_TRACE(words(first));
    at_every_byte(play(once).second, [&](const Fault& second) {
      Story twice = once;
      twice.second = second;
      SCOPED_TRACE("then " + words(second));
      play(twice);
    });
  });
}

TEST_P(EveryByte, ALinkThatFallsSilent) {
  const Story calm{GetParam().towards, {GetParam().qos}, {}, {}};
  at_every_byte(play(calm).first, [&](Fault first) {
    first.stall = true;
    Story silent = calm;
    silent.first = first;
    SCOPED_TRACE(words(first));
    play(silent);
  });
}

TEST_P(EveryByte, AWindowfulOfBothLevels) {
  Story calm{GetParam().towards, {}, {}, {}};
  for (int i = 0; i < 25; ++i) {
    calm.messages.push_back(i % 2 == 0 ? QoS::at_least_once : QoS::exactly_once);
  }
  at_every_byte(play(calm).first, [&](const Fault& first) {
    if (first.at % 3 != 0) return;  // a third of the bytes: most of the stream repeats itself
    Story once = calm;
    once.first = first;
    SCOPED_TRACE(words(first));
    play(once);
  });
}

}  // namespace
}  // namespace mqttlab::testing
