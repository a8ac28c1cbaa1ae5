// ClientHost: one client on a device's sockets, and the application that takes its events.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "protocol/world/hosted_client.h"
#include "sim/alarm.h"
#include "sim/client_disk.h"
#include "sim/lingering.h"
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

  [[nodiscard]] Client& client() override { return *client_; }
  void wake() override;  ///< goes on in an event at now()
  [[nodiscard]] std::optional<Misuse> stop(const Disconnect& disconnect) override;
  void die(trace::Death how) override;  ///< its sockets close in an event at now()
  [[nodiscard]] bool may_take() const override { return virtual_now() >= takes_at_; }
  void took(const ClientEvent& event) override;

  /// It keeps its session on a disk from now on.
  void use_disk(DiskConfig config) { disk_.emplace(config); }
  /// Of calls that the process which has crashed had taken: those that the next one goes on with.
  [[nodiscard]] std::vector<Token> survivors() const;

  // What becomes of its process; nothing if its state does not allow it.
  /// As die(), until restart(). `fate`: of its disk, if it has one.
  void crash(trace::StoreFate fate, trace::Death how);
  void restart();  ///< inside an event
  void pause();
  void go_on();  ///< inside an event
  /// Its application takes a message every so often. 0: as they come; `never`: none any more.
  void take_slowly(Time interval);

  trace::TappedPeer carried(Stream& stream, const Introduction& introduction) override;
  void active(Stream& stream) override;
  void about_to_write(Stream&) override { save(); }
  bool has_acted(Stream&) override;
  /// Of all its connections so far, at this end.
  [[nodiscard]] Overhead overhead() const;

 private:
  [[nodiscard]] std::unique_ptr<Client> make_client(ClientConfig config);
  [[nodiscard]] bool is_still() const { return dead_ || paused_; }
  void save();
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
  void open(std::optional<CloseCause> ended);
  void dial_ended(CloseCause cause);

  Network& network_;
  const Security& security_;
  DeviceIndex device_;
  Transport transport_;
  std::shared_ptr<const TlsContext> own_tls_;  // with a certificate; null: everybody's
  trace::Log& log_;
  trace::Actor actor_;
  const std::uint64_t seed_;
  std::uint32_t starts_ = 0;
  std::unique_ptr<Client> client_;
  std::optional<ClientDisk> disk_;
  std::optional<client::Image> left_;  // on the disk, by the process that has crashed
  Ready ready_;
  trace::Death death_{};
  Dial dialing_;
  Time dial_until_ = never;  // the client waits no longer
  // What became of the dial while the process stood still: it came through, it ended so.
  bool missed_connect_ = false;
  std::optional<CloseCause> missed_end_;
  Time take_interval_ = 0, takes_at_ = 0;  // of a slow application
  std::unique_ptr<Stream> stream_;
  Lingering lingering_;
  Alarm alarm_, woken_, burial_, hungry_;
};

}  // namespace mqttlab::sim
