// Network: devices, their access links and the broker's site. The site is spread over front nodes
// that know a few devices each and share the broker's address: they are not connected to each
// other, so to every device there is one broker, and the cost of a packet does not grow with the
// number of devices.
#pragma once

#include <ns3/address.h>
#include <ns3/node.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sim/access_link.h"
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

  /// Owns ns-3's global state from here to its destruction: one at a time, otherwise
  /// std::logic_error.
  explicit Network(const WorldConfig& config);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  DeviceIndex add_device(const std::string& name, const LinkSpec& link);
  [[nodiscard]] AccessLink& link(DeviceIndex device) { return *devices_[device].link; }
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

 private:
  struct Device {
    ns3::Ptr<ns3::Node> node;
    ns3::Ptr<Port> port;
    std::unique_ptr<AccessLink> link;
  };
  struct Front {
    ns3::Ptr<ns3::Node> node;
    ns3::Ptr<Port> port;
    std::map<std::uint16_t, ns3::Ptr<TcpSocket>> listeners;  // by port; null: from the next event
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
  void open_front(std::size_t front, std::uint16_t port);
  void listen(Front& front, std::uint16_t port);
  [[nodiscard]] std::shared_ptr<Wire> make_wire(DeviceIndex device, std::uint16_t port,
                                                std::uint32_t connection);
  void answer(std::uint16_t port, TcpSocket::Answer answer);
  void accept(ns3::Ptr<ns3::Socket> socket, const ns3::Address& from);
  void send_down(ns3::Ptr<ns3::Packet> packet, std::uint16_t protocol);

  WorldConfig config_;
  std::map<std::uint16_t, Accepted> services_;  // by port
  std::set<std::uint16_t> powerless_;           // ports
  std::vector<Device> devices_;
  std::vector<Front> fronts_;
  std::map<std::pair<DeviceIndex, std::uint16_t>, Dialed> connections_;  // by local port
  std::uint32_t last_connection_ = 0;
  std::uint32_t last_port_ = 0;
  std::unique_ptr<PcapWriter> writer_;
};

}  // namespace mqttlab::sim
