#include "protocol/live/bench/plan.h"

#include <fmt/format.h>

#include <stdexcept>

#include "protocol/live/bench/stamp.h"
#include "protocol/wire/topic.h"

namespace mqttlab::bench {
namespace {

constexpr std::uint32_t most_connections = 60'000;  // of one address: the ports it has
constexpr std::uint32_t most_payload_bytes = 1 << 20;

template <typename Value>
void require(bool holds, const char* option, const Value& value, const char* range) {
  if (!holds) throw std::invalid_argument(fmt::format("{} {}: must be {}", option, value, range));
}

}  // namespace

void check(const Plan& plan) {
  const bool idle = plan.pattern == Pattern::idle;
  require(idle || plan.publishers > 0, "--publishers", plan.publishers, "1 or more");
  require(idle || plan.subscribers > 0, "--subscribers", plan.subscribers, "1 or more");
  require(plan.pattern != Pattern::point_to_point || plan.publishers == plan.subscribers,
          "--subscribers", plan.subscribers, "as many as --publishers for point-to-point");
  require(!idle || plan.idle > 0, "--idle", plan.idle, "1 or more");
  const auto all = std::uint64_t{plan.publishers} + plan.subscribers + plan.idle;
  require(all <= most_connections, "--publishers, --subscribers and --idle together", all,
          "60000 at most");
  require(plan.payload_bytes >= Stamp::bytes && plan.payload_bytes <= most_payload_bytes,
          "--payload", plan.payload_bytes, "from 20 bytes (the stamp) to 1048576");
  require(plan.window > 0 && plan.window <= 65'535, "--in-flight", plan.window, "from 1 to 65535");
  require(plan.rate >= 0, "--rate", plan.rate, "0 (flat out) or more messages per second");
  require(plan.duration_s > 0, "--duration", plan.duration_s, "over 0 seconds");
  require(plan.drain_s > 0, "--drain", plan.drain_s, "over 0 seconds");
  require(plan.connect_s > 0, "--connect-timeout", plan.connect_s, "over 0 seconds");
  require(plan.dialing > 0, "--dialing", plan.dialing, "1 or more");
  require(topic_name_fault(plan.prefix).empty() && plan.prefix.size() < 1'000, "--prefix",
          plan.prefix, "a topic name without wildcards, under 1000 bytes");
}

std::string_view name(Pattern pattern) {
  switch (pattern) {
    case Pattern::point_to_point:
      return "point-to-point";
    case Pattern::fan_out:
      return "fan-out";
    case Pattern::fan_in:
      return "fan-in";
    case Pattern::idle:
      break;
  }
  return "idle";
}

}  // namespace mqttlab::bench
