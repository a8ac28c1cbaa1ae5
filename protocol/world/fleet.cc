#include "protocol/world/fleet.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "protocol/session/random.h"

namespace mqttlab {
namespace {

void check(const std::string& fleet, const FleetConfig& config) {
  const auto reject = [&](const std::string& field, const std::string& value,
                          const std::string& range) {
    throw std::invalid_argument("fleet '" + fleet + "': " + field + " is " + value + ", must be " +
                                range);
  };
  if (config.interval <= 0) reject("interval", std::to_string(config.interval) + " ns", "over 0");
  if (!(config.interval_spread >= 0.0 && config.interval_spread < 1.0))
    reject("interval_spread", std::to_string(config.interval_spread), "in [0, 1)");
  if (config.start_within < 0)
    reject("start_within", std::to_string(config.start_within) + " ns", "0 or more");
  if (config.qos.empty()) reject("qos", "empty", "a list of levels");
  for (const QoS qos : config.qos)
    if (qos > QoS::exactly_once)
      reject("qos", std::to_string(static_cast<int>(qos)), "a list of 0, 1 and 2");
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

}  // namespace

Slice stamp(std::string_view name, std::uint64_t sequence, Time now, std::uint32_t bytes) {
  std::string text(name);
  text += ':' + std::to_string(sequence) + ':' + std::to_string(now) + ':';
  if (text.size() < bytes) text.resize(bytes, '.');
  return Slice::copy_of(text);
}

struct Fleet::State : std::enable_shared_from_this<State> {
  struct Member {
    ClientId client;
    std::string name;  // of its device
    Random random;
    std::uint64_t sequence = 0;
  };

  State(World& of, FleetConfig given) : world(of), config(std::move(given)) {}
  void begin(std::size_t index);
  void publish(std::size_t index);
  void plan(std::size_t index);
  [[nodiscard]] std::string topic(const Member& member, QoS qos) const;

  World& world;
  FleetConfig config;
  std::vector<Member> members;
  std::uint64_t published = 0, refused = 0;
};

Fleet::Fleet(World& world, std::string name, std::vector<ClientId> clients, FleetConfig config)
    : state_(std::make_shared<State>(world, std::move(config))) {
  check(name, state_->config);
  for (const ClientId client : clients) {
    const auto device = std::string(world.log().actor_name(world.device_of(client)));
    Random random(world.seed(), "fleet/" + name + "/" + std::to_string(client));
    state_->members.push_back({client, device, random});
  }
  for (std::size_t index = 0; index < state_->members.size(); ++index) {
    State::Member& member = state_->members[index];
    const double within = static_cast<double>(state_->config.start_within);
    const Time first = world.now() + static_cast<Time>(within * member.random.uniform());
    world.at(first, [state = state_, index] { state->begin(index); });
  }
}

// A device has something to say once it is there: who has yet to connect waits for one interval.
void Fleet::State::begin(std::size_t index) {
  const ClientId client = members[index].client;
  if (world.client(client).connected()) return publish(index);
  world.start(client);
  plan(index);
}

void Fleet::State::publish(std::size_t index) {
  Member& member = members[index];
  if (world.now() >= config.stop_after) return;
  if (world.is_away(member.client)) return plan(index);
  if (world.is_dead(member.client)) return;
  const QoS qos = config.qos[member.sequence % config.qos.size()];
  const auto result = world.publish(
      member.client, Slice::copy_of(topic(member, qos)),
      stamp(member.name, member.sequence, world.now(), config.payload_bytes), qos, config.retain);
  ++member.sequence;
  ++(std::holds_alternative<Token>(result) ? published : refused);
  plan(index);
}

void Fleet::State::plan(std::size_t index) {
  const double stretch =
      1.0 + config.interval_spread * (2.0 * members[index].random.uniform() - 1.0);
  const Time wait =
      std::max<Time>(1, static_cast<Time>(static_cast<double>(config.interval) * stretch));
  const Time next = world.now() + wait;
  if (next >= config.stop_after) return;
  world.at(next, [state = shared_from_this(), index] { state->publish(index); });
}

std::string Fleet::State::topic(const Member& member, QoS qos) const {
  std::string text = config.topic;
  replace_all(text, "{name}", member.name);
  replace_all(text, "{qos}", std::to_string(static_cast<int>(qos)));
  return text;
}

std::uint64_t Fleet::published() const { return state_->published; }
std::uint64_t Fleet::refused() const { return state_->refused; }

}  // namespace mqttlab
