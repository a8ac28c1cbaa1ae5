#include "tests/mutants/trial.h"

#include <array>

namespace mqttlab::mutants {

namespace {

constexpr Time settle_time = 30 * second;
constexpr Time converge_within = 20 * second;
constexpr Time ping_timeout = 2 * second;
constexpr std::array<std::string_view, 5> topics{"t/0", "t/1", "t/0/deep", "s/0", "s/1"};
constexpr std::array<std::string_view, 7> filters{"t/0", "t/+", "t/#", "s/+", "s/1", "+/0", "#"};

oracle::Settings settings(const BrokerConfig& broker) {
  oracle::Settings settings;
  settings.ping_timeout = ping_timeout;
  settings.converge_within = converge_within;
  settings.queue_qos0 = broker.queue_qos0;
  return settings;
}

}  // namespace

Trial::Trial(std::uint64_t seed)
    : random_(seed, "trial"), broker_(broker(random_)), world_(broker_, seed, settings(broker_)) {
  long_payloads_ = one_of({0.03, 0.4});
  slow_ = chance(0.3);
  ClientConfig watch = client("watch", false);
  watch.keep_alive_s = 0;
  watch.will.reset();
  watch_ = world_.add(watch);
  world_.start(watch_);
  world_.subscribe(watch_, "#", QoS::exactly_once);
  const int units = 2 + static_cast<int>(draw(4));
  for (int number = 0; number < units; ++number) add_unit(number);
  // A twin has a clean session: it must not find the exchanges of the unit whose name it bears.
  ClientConfig twin = client("unit-0", true);
  twin.will.reset();
  twin_ = world_.add(twin, [this](int) { return wire(); });
}

BrokerConfig Trial::broker(Random& random) {
  BrokerConfig config;
  const std::uint16_t windows[] = {1, 2, 5, 20};
  config.window = windows[random.below(4)];
  config.connect_timeout = 5 * second;
  config.queue_qos0 = random.below(2) == 0;
  if (random.below(2) == 0) config.outbox_bytes = 400;
  return config;
}

ClientConfig Trial::client(std::string client_id, bool clean_session) {
  ClientConfig config;
  config.clean_session = clean_session;
  config.keep_alive_s = one_of<std::uint16_t>({0, 2, 3, 5});
  config.ping_timeout = ping_timeout;
  config.connect_timeout = 3 * second;
  config.backoff = {.initial = 200 * millisecond, .maximum = 2 * second, .stable = 5 * second};
  config.window = one_of<std::uint16_t>({1, 3, 20});
  if (chance(0.5)) config.outbox_bytes = 2'000;
  if (chance(0.6)) {
    config.will = Will{Slice::copy_of("will/" + client_id), Slice::copy_of("will of " + client_id),
                       static_cast<QoS>(draw(3)), chance(0.3)};
  }
  config.client_id = std::move(client_id);
  return config;
}

testing::Wire Trial::wire() {
  testing::Wire wire;
  wire.latency = (1 + static_cast<Time>(draw(40))) * millisecond;
  wire.segment = one_of<std::size_t>({1, 7, 100, 65'536});
  wire.buffer = one_of<std::size_t>({300, 65'536});
  if (!faults_) return wire;
  if (chance(0.2)) wire.cut_up = draw(1'500);
  if (chance(0.2)) wire.cut_down = draw(1'500);
  if (chance(0.05)) wire.stall_up = draw(1'500);
  if (chance(0.05)) wire.stall_down = draw(1'500);
  if (chance(0.03)) wire.stall_down = draw(4);  // within CONNACK
  return wire;
}

void Trial::add_unit(int number) {
  const Index index = world_.add(client("unit-" + std::to_string(number), chance(0.3)),
                                 [this](int) { return wire(); });
  units_.push_back({index});
  world_.start(index);
  if (chance(0.8)) subscribe(index);
}

const std::vector<oracle::Violation>& Trial::run() {
  const Time faults_end = (20 + static_cast<Time>(draw(40))) * second;
  while (world_.now() < faults_end) {
    world_.run(static_cast<Time>(random_.exponential(0.25 * static_cast<double>(second))));
    act();
  }
  settle();
  world_.findings();
  return world_.violations();
}

void Trial::act() {
  Unit& unit = units_[draw(units_.size())];
  if (unit.dead) return;
  const auto dice = draw(100);
  if (dice < 50) return publish(unit.index, 1);
  if (dice < 58) return publish(unit.index, 5 + static_cast<int>(draw(30)));
  if (dice < 72) return subscribe(unit.index);
  if (dice < 76) {
    world_.unsubscribe(unit.index, filters[draw(filters.size())]);
    return;
  }
  if (dice < 79) return twin();
  if (dice < 82) return world_.hold(unit.index, slow_ && chance(0.5));
  fault(unit);
}

// Payloads are all different, but for the empty ones that clear a retained message. Where an
// application may take its messages late, after its session has changed, nobody could tell those
// apart.
void Trial::publish(Index unit, int messages) {
  const std::string_view topic = topics[draw(topics.size())];
  for (int i = 0; i < messages; ++i) {
    const bool retain = chance(0.2);
    std::string payload = "message " + std::to_string(++published_);
    if (chance(long_payloads_)) payload.resize(100 + draw(700), '.');
    if (retain && !slow_ && chance(0.3)) payload.clear();
    world_.publish(unit, topic, payload, static_cast<QoS>(draw(3)), retain);
  }
}

void Trial::subscribe(Index unit) {
  world_.subscribe(unit, filters[draw(filters.size())], static_cast<QoS>(draw(3)));
}

void Trial::fault(Unit& unit) {
  const auto dice = draw(18);
  if (dice < 7) {
    world_.cut(unit.index);
  } else if (dice < 11) {
    const auto way = draw(3);
    world_.stall(unit.index, way != 1, way != 0);
  } else if (dice < 14) {
    world_.stop(unit.index);
  } else if (dice < 17) {
    world_.start(unit.index);
  } else {
    unit.dead = true;
    world_.die(unit.index, static_cast<trace::Death>(draw(3)));
  }
}

void Trial::twin() {
  if (chance(0.5)) {
    world_.start(twin_);
  } else {
    world_.stop(twin_);
  }
}

void Trial::settle() {
  faults_ = false;
  world_.die(twin_, trace::Death::fin);
  world_.run(5 * second);  // what is on its way to a twin is gone before its unit comes back
  for (const Unit& unit : units_) {
    if (unit.dead) continue;
    world_.hold(unit.index, false);
    // The next wire is a good one; whoever has a keep alive can find out without help.
    if (world_.client(unit.index).config().keep_alive_s == 0 || chance(0.5)) world_.cut(unit.index);
    world_.start(unit.index);
  }
  world_.phase("settle");
  world_.run(settle_time / 3);
  ClientConfig audit;
  audit.client_id = "audit";
  const Index index = world_.add(audit);
  world_.start(index);
  world_.subscribe(index, "#", QoS::exactly_once);
  world_.run(settle_time - settle_time / 3 + converge_within);
}

}  // namespace mqttlab::mutants
