// BrokerHost: the broker on the site's sockets.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "protocol/broker/broker.h"
#include "protocol/session/timers.h"
#include "sim/alarm.h"
#include "sim/network.h"
#include "sim/security.h"
#include "sim/stream.h"

namespace mqttlab::sim {

class BrokerHost : public StreamOwner {
 public:
  /// Where it listens, and for what.
  using Listeners = std::vector<std::pair<std::uint16_t, Transport>>;
  /// `log`: may be null, then nothing is recorded.
  BrokerHost(Network& network, const Security& security, BrokerConfig config, std::uint64_t seed,
             Access* access, trace::Log* log, trace::Actor actor, const Listeners& listeners);
  [[nodiscard]] const Broker& broker() const { return broker_; }

  void decide(RequestId request, Decision decision);
  trace::TappedPeer carried(Stream& stream, const Introduction& introduction) override;
  void active(Stream& stream) override;
  /// Of all connections of a device so far, at this end.
  [[nodiscard]] Overhead overhead(DeviceIndex device) const;

 private:
  struct Connection {
    std::unique_ptr<Stream> stream;  // null: it is gone
    DeviceIndex device = 0;
    Time armed = never;  // the earliest of its timers
  };
  void accepted(const Arrival& arrival, Transport transport);
  void settle();
  void pump(std::uint32_t connection);
  void tidy(std::uint32_t connection);

  const Security& security_;
  trace::Log* const log_;
  trace::Actor actor_;
  Broker broker_;
  Alarm alarm_;
  std::vector<Connection> connections_;  // by number, which is also the LinkId
  Timers<std::uint32_t> timers_;         // of their filters
  std::vector<Overhead> overhead_;       // of the connections that are gone, by device
  std::vector<LinkId> woken_;
};

}  // namespace mqttlab::sim
