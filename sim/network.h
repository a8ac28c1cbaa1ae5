// Network: devices, their access links and the broker's site. The site is spread over front nodes
// that know a few devices each and share the broker's address: they are not connected to each
// other, so to every device there is one broker, and the cost of a packet does not grow with the
// number of devices.
#pragma once

#include <ns3/address.h>
#include <ns3/node.h>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "protocol/trace/event.h"
#include "sim/access_link.h"
#include "sim/radio/cell.h"
#include "sim/tcp_socket.h"
#include "sim/wire.h"
#include "sim/world.h"

namespace mqttlab::sim {

/// Numbers devices from 0 in order of arrival.
using DeviceIndex = std::uint32_t;

/// A connection under way, seen from its device.
struct Dial {
  ns3::Ptr<TcpSocket> socket;
  std::shared_ptr<Wire> wire;  ///< null: no port is free
  [[nodiscard]] std::uint32_t connection() const { return wire->connection(); }
};

/// The same, seen from the site.
struct Arrival {
  ns3::Ptr<TcpSocket> socket;
  std::shared_ptr<Wire> wire;
  DeviceIndex device = 0;
};

class Network {
 public:
  using Accepted = std::function<void(const Arrival&)>;
  /// A NAT has forgotten a connection that was idle for so long.
  using Forgotten = std::function<void(DeviceIndex, std::uint32_t connection, Time idle)>;

  /// Owns ns-3's global state from here to its destruction: one at a time, otherwise
  /// std::logic_error.
  explicit Network(const WorldConfig& config);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  DeviceIndex add_device(const std::string& name, const LinkSpec& link);
  [[nodiscard]] AccessLink& link(DeviceIndex device) { return *devices_[device].link; }
  void tell_of_nats(Forgotten forgotten) { forgotten_ = std::move(forgotten); }
  void disturb(DeviceIndex device, Way way, const Disturbance& disturbance);
  /// The device's connections are unknown to its NAT from now on, which it gets if it had none:
  /// its next packets come from new ports.
  void rebind(DeviceIndex device);
  /// The device gets a new address. What is under way from and to the old one is lost, and so is
  /// what its old connections still send. `knows`: its stack resets them at once; inside an event.
  void roam(DeviceIndex device, bool knows);
  /// The device's sockets, or the site's of its connections, take at most so many bytes at a time;
  /// 0: what they have room for.
  void limit_writes(DeviceIndex device, trace::End end, std::uint32_t bytes);
  /// Throws std::runtime_error if the capture could not be written.
  void flush_capture() {
    if (writer_) writer_->flush();
  }
  [[nodiscard]] std::size_t devices() const { return devices_.size(); }

  /// Who gets the connections that the site accepts at this port.
  void serve(std::uint16_t port, Accepted accepted);
  [[nodiscard]] bool serves(std::uint16_t port) const { return services_.contains(port); }
  /// Nobody does any more: dials to the port are refused. Connections stay. `powerless`: nothing
  /// comes from the port, until it is served again.
  void unserve(std::uint16_t port, bool powerless = false);
  /// The site listens at this port from the next event on, where the device finds it; otherwise
  /// from its first dial on.
  void open(DeviceIndex device, std::uint16_t port);
  /// A socket on its way to the site. Set its callbacks in the same event; only inside events.
  [[nodiscard]] Dial dial(DeviceIndex device, std::uint16_t port);
  /// The device's connections that somebody holds, in the order of their dials.
  [[nodiscard]] std::vector<std::shared_ptr<Wire>> wires(DeviceIndex device) const;
  /// What the device's connections wait for, from now on.
  void when(DeviceIndex device, const Trigger& when, Triggers::Call call);
  void disarm();  ///< nothing is waited for any more

 private:
  struct Device {
    ns3::Ptr<ns3::Node> node;
    ns3::Ptr<Port> port;
    std::string name;
    std::unique_ptr<AccessLink> link;
    std::uint32_t host = 0;  // its address
    bool has_radio = false;
    std::uint32_t segment_bytes = 0;                // its connections' longest; 0: TCP's own
    std::array<std::uint32_t, 2> most_per_write{};  // at its end, at the site's; 0: any number
    std::unique_ptr<Wire::Device> wires = std::make_unique<Wire::Device>();
  };
  struct Front {
    ns3::Ptr<ns3::Node> node;
    ns3::Ptr<Port> port;
    std::map<std::uint16_t, ns3::Ptr<TcpSocket>> listeners;  // by port; null: from the next event
    bool refuses_strangers = false;  // one of its devices may come from a port that is new
  };
  struct Dialed {
    std::uint32_t connection = 0;
    std::uint16_t port = 0;    // of the site
    std::weak_ptr<Wire> wire;  // of those who have a stream, or a dial, of it
  };
  [[nodiscard]] ns3::Ptr<ns3::Node> add_node();
  void add_address(const ns3::Ptr<ns3::Node>& node, const ns3::Ptr<Port>& port,
                   std::uint32_t host) const;
  void add_front();
  void check_radio(const std::string& device, const LinkSpec& spec) const;
  void add_radio(Device& device, const LinkSpec& spec);
  void open_front(std::size_t front, std::uint16_t port);
  void listen(Front& front, std::uint16_t port);
  [[nodiscard]] std::shared_ptr<Wire> make_wire(DeviceIndex device, std::uint16_t port,
                                                std::uint32_t connection);
  void answer(std::uint16_t port, TcpSocket::Answer answer);
  void accept(ns3::Ptr<ns3::Socket> socket, const ns3::Address& from);
  void send_down(ns3::Ptr<ns3::Packet> packet, std::uint16_t protocol);
  [[nodiscard]] std::optional<DeviceIndex> device_at(std::uint32_t host) const;
  void add_nat(DeviceIndex device, const Nat& nat);
  void use_checksums();
  void change_address(const Device& device, std::uint32_t from) const;
  [[nodiscard]] Front& front_of(DeviceIndex device) {
    return fronts_[device / config_.devices_per_front];
  }

  WorldConfig config_;
  std::map<std::uint16_t, Accepted> services_;  // by port
  std::set<std::uint16_t> powerless_;           // ports
  std::vector<Device> devices_;
  std::map<std::string, std::unique_ptr<Cell>> cells_;  // by link's name
  std::vector<Front> fronts_;
  std::map<std::pair<DeviceIndex, std::uint16_t>, Dialed> connections_;  // by local port
  std::map<std::uint32_t, DeviceIndex> moved_;  // by every address that was not its first
  Forgotten forgotten_;
  bool computes_checksums_ = false;
  std::uint32_t last_connection_ = 0;
  std::uint32_t last_port_ = 0;
  std::unique_ptr<PcapWriter> writer_;
};

}  // namespace mqttlab::sim
