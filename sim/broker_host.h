// BrokerHost: the broker on the site's sockets.
#pragma once

#include <memory>
#include <vector>

#include "protocol/broker/broker.h"
#include "sim/alarm.h"
#include "sim/network.h"
#include "sim/stream.h"

namespace mqttlab::sim {

class BrokerHost : public StreamOwner {
 public:
  BrokerHost(Network& network, BrokerConfig config, std::uint64_t seed, Access* access,
             trace::Log& log, trace::Actor actor);
  [[nodiscard]] const Broker& broker() const { return broker_; }

  void decide(RequestId request, Decision decision);
  void active(Stream& stream) override;

 private:
  void accepted(ns3::Ptr<TcpSocket> socket, std::uint32_t connection);
  void settle();
  void release_if_over(std::uint32_t connection);

  trace::Log& log_;
  trace::Actor actor_;
  Broker broker_;
  Alarm alarm_;
  std::vector<std::unique_ptr<Stream>> streams_;  // by connection, which is also the LinkId
  std::vector<LinkId> woken_;
};

}  // namespace mqttlab::sim
