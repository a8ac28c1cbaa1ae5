// ClientHost: one client on a device's sockets, and the application that takes its events.
#pragma once

#include <functional>
#include <memory>

#include "protocol/world/hosted_client.h"
#include "sim/alarm.h"
#include "sim/network.h"
#include "sim/security.h"
#include "sim/stream.h"

namespace mqttlab::sim {

class ClientHost final : public HostedClient, public StreamOwner {
 public:
  /// Told when a watched client has events.
  using Ready = std::function<void()>;

  /// `security` has prepared for the transport.
  ClientHost(Network& network, Security& security, DeviceIndex device, Transport transport,
             ClientConfig config, std::uint64_t seed, trace::Log& log, trace::Actor actor,
             Ready ready);
  ~ClientHost() override;

  [[nodiscard]] Client& client() override { return client_; }
  void wake() override;  ///< goes on in an event at now()
  [[nodiscard]] std::optional<Misuse> stop(const Disconnect& disconnect) override;
  void die(trace::Death how) override;  ///< its sockets close in an event at now()

  trace::TappedPeer carried(Stream& stream, const Introduction& introduction) override;
  void active(Stream& stream) override;
  /// Of all its connections so far, at this end.
  [[nodiscard]] Overhead overhead() const;

 private:
  void settle();
  void pump();
  void give_events();
  void bury();
  void dial();
  void drop_dial();
  void drop_stream();
  void let_go();
  void connected(ns3::Ptr<ns3::Socket> socket);
  void not_connected(ns3::Ptr<ns3::Socket> socket);

  Network& network_;
  const Security& security_;
  DeviceIndex device_;
  Transport transport_;
  std::shared_ptr<const TlsContext> own_tls_;  // with a certificate; null: everybody's
  trace::Log& log_;
  trace::Actor actor_;
  Client client_;
  Ready ready_;
  trace::Death death_{};
  Dial dialing_;
  Time dial_until_ = never;  // the client waits no longer
  std::unique_ptr<Stream> stream_;
  Overhead overhead_;  // of streams that are gone
  Alarm alarm_, woken_, burial_;
};

}  // namespace mqttlab::sim
