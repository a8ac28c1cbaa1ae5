// ClientHost: one client on a device's sockets, and the application that takes its events.
#pragma once

#include <functional>
#include <memory>

#include "protocol/client/client.h"
#include "sim/alarm.h"
#include "sim/network.h"
#include "sim/stream.h"

namespace mqttlab::sim {

class ClientHost : public StreamOwner {
 public:
  using Handler = std::function<void(const ClientEvent&)>;
  /// Told when a watched client has events.
  using Ready = std::function<void()>;

  ClientHost(Network& network, DeviceIndex device, ClientConfig config, std::uint64_t seed,
             trace::Log& log, trace::Actor actor, Ready ready);
  ~ClientHost() override;

  [[nodiscard]] Client& client() { return client_; }
  [[nodiscard]] const Client& client() const { return client_; }
  [[nodiscard]] bool is_dead() const { return dead_; }
  [[nodiscard]] trace::Actor actor() const { return actor_; }

  [[nodiscard]] bool has_watched_events() const {
    return watched_ && !dead_ && client_.has_events();
  }
  void watch(bool watched) { watched_ = watched; }
  void handle(Handler handler) { handler_ = std::move(handler); }

  /// The application has called the client: goes on in an event at now().
  void wake();
  /// DISCONNECT; a dial under way is given up. A Misuse if the client may not say so; then nothing
  /// has happened.
  [[nodiscard]] std::optional<Misuse> stop(const Disconnect& disconnect);
  /// The process ends now: the client does not act again. Its sockets close in an event at now().
  void die(trace::Death how);

  void active(Stream& stream) override;

 private:
  void settle();
  void give_events();
  void bury();
  void dial();
  void drop_dial();
  void connected(ns3::Ptr<ns3::Socket> socket);
  void not_connected(ns3::Ptr<ns3::Socket> socket);

  Network& network_;
  DeviceIndex device_;
  trace::Log& log_;
  trace::Actor actor_;
  Client client_;
  Ready ready_;
  Handler handler_;
  bool watched_ = false;
  bool dead_ = false;
  trace::Death death_{};
  Dial dialing_;
  Time dial_until_ = never;  // the client waits no longer
  std::unique_ptr<Stream> stream_;
  Alarm alarm_, woken_, burial_;
};

}  // namespace mqttlab::sim
