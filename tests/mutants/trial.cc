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
  settings.answer_within = broker.connect_timeout + second;
  settings.queue_qos0 = broker.queue_qos0;
  settings.strict = true;
  return settings;
}

}  // namespace

Trial::Trial(std::uint64_t seed)
    : random_(seed, "trial"),
      modern_(seed, "trial of 5.0"),
      versions_(versions(modern_)),
      births_(seed, "births"),
      births_happen_(versions_ == Versions::old && births_.below(5) == 0),
      broker_(broker(random_, versions_, modern_)),
      world_(broker_, seed, settings(broker_), &doorman_) {
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

Trial::Versions Trial::versions(Random& random) {
  const Versions drawn[] = {Versions::old, Versions::old, Versions::both, Versions::modern};
  return drawn[random.below(4)];
}

BrokerConfig Trial::broker(Random& random, Versions versions, Random& modern) {
  BrokerConfig config;
  const std::uint16_t windows[] = {1, 2, 5, 20};
  config.window = windows[random.below(4)];
  config.connect_timeout = 5 * second;
  config.queue_qos0 = random.below(2) == 0;
  if (random.below(2) == 0) config.outbox_bytes = 400;
  if (versions == Versions::old) return config;
  const std::uint16_t aliases[] = {0, 2, 16};
  config.topic_alias_maximum = aliases[modern.below(3)];
  config.send_topic_alias_maximum = aliases[modern.below(3)];
  if (modern.below(4) == 0) config.max_session_expiry_s = 6;
  if (modern.below(4) == 0) config.server_keep_alive_s = 3;
  // A client of 3.1.1 could not know that it must keep to less.
  const std::uint16_t maxima[] = {1, 3, 10, 65'535};
  if (versions == Versions::modern) config.receive_window = maxima[modern.below(4)];
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
  if (chance(0.5)) config.outbox_bytes = 400;
  if (chance(0.6)) {
    config.will = Will{Slice::copy_of("will/" + client_id), Slice::copy_of("will of " + client_id),
                       static_cast<QoS>(draw(3)), chance(0.3)};
  }
  config.client_id = std::move(client_id);
  if (versions_ == Versions::modern || (versions_ == Versions::both && modern_.below(2) == 0))
    modernise(config);
  return config;
}

void Trial::modernise(ClientConfig& config) {
  config.version = ProtocolVersion::v5_0;
  const std::uint16_t maxima[] = {1, 2, 5, 65'535};
  const std::uint16_t aliases[] = {0, 1, 5};
  const std::uint32_t delays_s[] = {0, 1, 4};
  const std::optional<std::uint32_t> expiries_s[] = {std::nullopt, std::nullopt, 3, 10};
  config.receive_maximum = maxima[modern_.below(4)];
  config.topic_alias_maximum = aliases[modern_.below(3)];
  config.send_topic_alias_maximum = aliases[modern_.below(3)];
  config.session_expiry_s = expiries_s[modern_.below(4)];
  const std::uint32_t delay_s = delays_s[modern_.below(3)];
  if (config.will && delay_s > 0)
    config.will->properties.add(PropertyId::will_delay_interval, delay_s);
}

bool Trial::is_modern(Index unit) {
  return world_.client(unit).config().version == ProtocolVersion::v5_0;
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
  std::string_view topic = topics[draw(topics.size())];
  const auto& will = world_.client(unit).config().will;
  if (births_happen_ && will && births_.below(3) == 0) topic = will->topic.text();
  for (int i = 0; i < messages; ++i) {
    const bool retain = chance(0.2);
    std::string payload = "message " + std::to_string(++published_);
    if (chance(long_payloads_)) payload.resize(100 + draw(700), '.');
    if (retain && !slow_ && chance(0.3)) payload.clear();
    Properties properties;
    if (is_modern(unit) && modern_.below(6) == 0)
      properties.add(PropertyId::message_expiry_interval,
                     static_cast<std::uint32_t>(1 + modern_.below(8)));
    world_.publish(unit, topic, payload, static_cast<QoS>(draw(3)), retain, properties);
  }
}

void Trial::subscribe(Index unit) {
  std::string filter(filters[draw(filters.size())]);
  Subscription subscription{{}, static_cast<QoS>(draw(3))};
  Properties properties;
  if (is_modern(unit)) {
    if (modern_.below(5) == 0)
      filter = "$share/units/" + filter;
    else
      subscription.no_local = modern_.below(3) == 0;
    subscription.retain_as_published = modern_.below(2) == 0;
    subscription.retain_handling = static_cast<RetainHandling>(modern_.below(3));
    if (modern_.below(2) == 0)
      properties.add(PropertyId::subscription_identifier,
                     static_cast<std::uint32_t>(1 + modern_.below(300)));
  }
  subscription.filter = Slice::copy_of(filter);
  world_.subscribe(unit, subscription, properties);
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

// It is refused, and has said something by then.
void Trial::meet_stranger() {
  ClientConfig stranger;
  stranger.client_id = Doorman::stranger;
  testing::Wire wire;
  wire.behind_connect = std::string("\x30\x0A\0\3t/0early", 12);  // PUBLISH
  world_.start(world_.add(stranger, [wire](int) { return wire; }));
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
  meet_stranger();
  ClientConfig audit;
  audit.client_id = "audit";
  const Index index = world_.add(audit);
  world_.start(index);
  world_.subscribe(index, "#", QoS::exactly_once);
  world_.run(settle_time - settle_time / 3 + converge_within);
}

}  // namespace mqttlab::mutants
