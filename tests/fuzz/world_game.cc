#include "tests/fuzz/world_game.h"

#include "tests/fuzz/packets.h"

namespace mqttlab::fuzz {
namespace {

constexpr Time ping_timeout = 2 * second, converge_within = 30 * second;

}  // namespace

WorldGame::WorldGame(Choices choices)
    : choices_(choices),
      world_(draw_broker(choices_), 1,
             {.ping_timeout = ping_timeout, .converge_within = converge_within}) {
  for (const char* id : {"a", "b", "c"}) {
    clients_.push_back(world_.add(draw_client(id), [this](int) { return draw_wire(); }));
    world_.start(clients_.back());
    if (!choices_.one_in(4)) world_.subscribe(clients_.back(), "#", QoS::exactly_once);
  }
}

BrokerConfig WorldGame::draw_broker(Choices& choices) {
  BrokerConfig config;
  config.connect_timeout = 5 * second;
  config.window = choices.one_of<std::uint16_t>({20, 1, 2});
  config.outbox_bytes = choices.one_of<std::size_t>({256 << 10, 400});
  return config;
}

ClientConfig WorldGame::draw_client(std::string client_id) {
  ClientConfig config;
  config.version = choices_.one_of({newest, ProtocolVersion::v3_1_1});
  config.clean_session = choices_.one_in(3);
  config.keep_alive_s = choices_.one_of<std::uint16_t>({3, 0});
  config.ping_timeout = ping_timeout;
  config.connect_timeout = 3 * second;
  config.backoff = {.initial = 100 * millisecond, .maximum = 1 * second, .stable = 1 * second};
  config.window = choices_.one_of<std::uint16_t>({20, 1, 2});
  config.outbox_bytes = choices_.one_of<std::size_t>({256 << 10, 400});
  if (choices_.one_in(3)) {
    config.will = Will{Slice::copy_of("will/" + client_id), Slice::copy_of(client_id),
                       draw_qos(choices_), choices_.one_in(2)};
  }
  if (config.version == ProtocolVersion::v5_0) {
    config.session_expiry_s =
        choices_.one_of<std::optional<std::uint32_t>>({std::nullopt, 0, 2, 0xFFFFFFFF});
    config.receive_maximum = choices_.one_of<std::uint16_t>({65'535, 1, 2});
    config.topic_alias_maximum = config.send_topic_alias_maximum =
        choices_.one_of<std::uint16_t>({2, 0});
    if (config.will && choices_.one_in(2))
      config.will->properties.add(PropertyId::will_delay_interval, 2);
  }
  config.client_id = std::move(client_id);
  return config;
}

testing::Wire WorldGame::draw_wire() {
  testing::Wire wire;
  wire.segment = choices_.one_of<std::size_t>({65'536, 1, 7});
  wire.buffer = choices_.one_of<std::size_t>({65'536, 50});
  if (!faults_) return wire;
  const std::size_t dice = choices_.below(8);
  if (dice == 4) wire.cut_up = choices_.byte();
  if (dice == 5) wire.cut_down = choices_.byte();
  if (dice == 6) wire.stall_up = choices_.byte();
  if (dice == 7) wire.stall_down = choices_.byte();
  return wire;
}

void WorldGame::play() {
  while (!choices_.empty() && world_.now() < 120 * second) move();
  faults_ = false;
  world_.run(1 * second);  // whoever dials is through, on a wire that may be a bad one
  for (const Index client : clients_) {
    world_.hold(client, false);
    world_.cut(client);  // the next wire is a good one
    world_.start(client);
  }
  world_.phase("settle");
  world_.run(60 * second);
  if (const std::string findings = world_.findings(); !findings.empty()) throw Broken(findings);
}

void WorldGame::move() {
  const Index client = clients_[choices_.below(clients_.size())];
  switch (choices_.below(8)) {
    case 0:
      return world_.run(choices_.one_of({1 * millisecond, 100 * millisecond, 5 * second}));
    case 1:
      world_.subscribe(client, draw_filter_of(client), draw_qos(choices_));
      return;
    case 2:
      world_.unsubscribe(client, draw_filter_of(client));
      return;
    case 3:
      return fault(client);
    default:
      // All different: equal messages could not be told apart.
      world_.publish(client, draw_topic(choices_),
                     std::to_string(++published_) + std::string(choices_.below(40), '.'),
                     draw_qos(choices_), choices_.one_in(4));
  }
}

// To 3.1.1 a shared filter is one that no topic matches.
std::string_view WorldGame::draw_filter_of(Index client) {
  const std::string_view filter = draw_filter(choices_);
  const bool v5 = world_.client(client).config().version == ProtocolVersion::v5_0;
  return v5 || !filter.starts_with("$share/") ? filter : "#";
}

void WorldGame::fault(Index client) {
  switch (choices_.below(5)) {
    case 0:
      return world_.cut(client);
    case 1:
      return world_.stall(client, choices_.one_in(2), true);
    case 2:
      return world_.stop(client);
    case 3:
      return world_.start(client);
    default:
      return world_.hold(client, choices_.one_in(2));
  }
}

}  // namespace mqttlab::fuzz
