// Small worlds for tests.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "protocol/world/fleet.h"
#include "sim/world.h"

namespace mqttlab::sim {

inline LinkSpec symmetric(Time delay, double loss = 0, double rate_bps = 0) {
  LinkSpec link;
  link.name = "test";
  link.up.delay = link.down.delay = delay;
  link.up.loss = link.down.loss = loss;
  link.up.rate_bps = link.down.rate_bps = rate_bps;
  return link;
}

inline ClientConfig client_config(const std::string& id) {
  ClientConfig config;
  config.client_id = id;
  return config;
}

inline ClientId add_client(World& world, const std::string& name, const LinkSpec& link,
                           Transport transport = over::tcp) {
  return world.add_client(world.add_device(name, link), client_config(name), transport);
}

/// They take the transports in turn.
inline std::vector<ClientId> add_clients(World& world, std::size_t count, const LinkSpec& link,
                                         const std::vector<Transport>& over_each = {over::tcp}) {
  std::vector<ClientId> clients;
  for (std::size_t i = 0; i < count; ++i)
    clients.push_back(add_client(world, std::string("meter-") + std::to_string(i), link,
                                 over_each[i % over_each.size()]));
  return clients;
}

inline std::string name_of_transport(const ::testing::TestParamInfo<Transport>& over) {
  return std::array{"tcp", "tls", "ws", "wss"}.at(index_of(over.param));
}

using Wanted = std::function<bool(const trace::Event&)>;

inline std::vector<trace::Event> events(World& world, const Wanted& wanted) {
  std::vector<trace::Event> found;
  for (const auto& event : world.log().events())
    if (wanted(event)) found.push_back(event);
  return found;
}

inline std::vector<trace::Event> events(World& world, trace::Kind kind, trace::End end,
                                        trace::Actor actor) {
  return events(world, [=](const trace::Event& event) {
    return event.kind == kind && event.end == end && event.actor == actor;
  });
}

inline Slice text(std::string_view text) { return Slice::copy_of(text); }

}  // namespace mqttlab::sim
