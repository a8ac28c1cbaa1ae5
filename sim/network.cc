#include "sim/network.h"

#include <ns3/boolean.h>
#include <ns3/config.h>
#include <ns3/global-value.h>
#include <ns3/internet-stack-helper.h>
#include <ns3/ipv4-static-routing-helper.h>
#include <ns3/ipv4.h>
#include <ns3/ipv6-static-routing-helper.h>
#include <ns3/ipv6.h>
#include <ns3/node-container.h>
#include <ns3/rng-seed-manager.h>
#include <ns3/simulator.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "protocol/transport/transport.h"
#include "sim/addresses.h"

namespace mqttlab::sim {
namespace {

bool alive = false;  // ns-3's simulator is one per process, so this is too

}  // namespace

Network::Network(const WorldConfig& config) : config_(config) {
  if (alive)
    throw std::logic_error("a world exists already; ns-3 allows one at a time in a process");
  if (config.devices_per_front == 0)
    throw std::invalid_argument("devices_per_front is 0, must be 1 or more (16 is a good value)");
  use_tcp_profile(config.tcp, config.ipv6);
  if (!config.pcap_path.empty()) writer_ = std::make_unique<PcapWriter>(config.pcap_path);
  // Of what is here, only radios draw from ns-3's generators.
  ns3::RngSeedManager::SetSeed(static_cast<std::uint32_t>(config.seed % 4'294'967'086) + 1);
  ns3::RngSeedManager::SetRun(config.seed);
  // Duplicate address detection would delay every start by a second and draws random numbers.
  ns3::Config::SetDefault("ns3::Icmpv6L4Protocol::DAD", ns3::BooleanValue(false));
  // Routers do not solicit routers: nothing but TCP is on the links.
  ns3::Config::SetDefault("ns3::Ipv6::IpForward", ns3::BooleanValue(true));
  ns3::GlobalValue::Bind("ChecksumEnabled", ns3::BooleanValue(false));
  alive = true;
}

Network::~Network() {
  // Cells and links come after: ns-3's devices and events hold bare pointers to them.
  ns3::Simulator::Destroy();
  cells_.clear();
  devices_.clear();
  fronts_.clear();
  alive = false;
}

ns3::Ptr<ns3::Node> Network::add_node() {
  auto node = ns3::CreateObject<ns3::Node>();
  ns3::InternetStackHelper stack;
  stack.SetIpv4StackInstall(!config_.ipv6);
  stack.SetIpv6StackInstall(config_.ipv6);
  if (config_.ipv6) {
    stack.SetRoutingHelper(ns3::Ipv6StaticRoutingHelper());
  } else {
    stack.SetRoutingHelper(ns3::Ipv4StaticRoutingHelper());
  }
  stack.Install(node);
  // Trap: ns-3 numbers unassigned streams on and on through the process, so a second world differs.
  stack.AssignStreams(ns3::NodeContainer(node), 10 * std::int64_t{node->GetId()});
  return node;
}

void Network::add_address(const ns3::Ptr<ns3::Node>& node, const ns3::Ptr<Port>& port,
                          std::uint32_t host) const {
  node->AddDevice(port);
  if (config_.ipv6) {
    const auto ip = node->GetObject<ns3::Ipv6>();
    const std::uint32_t interface = ip->AddInterface(port);
    ip->AddAddress(interface, ns3::Ipv6InterfaceAddress(ipv6(host), ns3::Ipv6Prefix(64)));
    ip->SetUp(interface);
    return;
  }
  const auto ip = node->GetObject<ns3::Ipv4>();
  const std::uint32_t interface = ip->AddInterface(port);
  ip->AddAddress(interface, ns3::Ipv4InterfaceAddress(ipv4(host), ns3::Ipv4Mask("/8")));
  ip->SetUp(interface);
}

DeviceIndex Network::add_device(const std::string& name, const LinkSpec& spec) {
  const auto index = static_cast<DeviceIndex>(devices_.size());
  if (first_device_host + index + moved_.size() >= host_mask)
    throw std::length_error("device '" + name + "' is one too many: 16,711,678 fit the network");
  if (spec.radio) check_radio(name, spec);
  if (index % config_.devices_per_front == 0) add_front();

  Device device;
  device.link = std::make_unique<AccessLink>(config_.seed, name, spec);
  AccessLink& link = *device.link;
  if (config_.radio_log) link.log_radio();
  device.node = add_node();
  device.name = name;
  device.host = first_device_host + index;
  device.port = ns3::CreateObject<Port>(
      first_device_host + index, [&link](ns3::Ptr<ns3::Packet> packet, std::uint16_t protocol) {
        link.offer(Way::up, packet, protocol, segment_of(packet));
      });
  add_address(device.node, device.port, first_device_host + index);
  link.connect(Way::up, fronts_.back().port);
  link.connect(Way::down, device.port);
  if (spec.radio) add_radio(device, spec);
  const auto& captured = config_.pcap_devices;
  if (captured.empty() || std::find(captured.begin(), captured.end(), name) != captured.end())
    link.capture(writer_.get(), config_.pcap_side);
  devices_.push_back(std::move(device));
  if (spec.nat) add_nat(index, *spec.nat);
  if (spec.up.corrupt > 0 || spec.down.corrupt > 0) use_checksums();
  if (computes_checksums_) link.path().fill_checksums();
  return index;
}

// What ns-3 would end the process for; and whether there is room, before anything is made.
void Network::check_radio(const std::string& device, const LinkSpec& spec) const {
  const std::string link = "link '" + spec.name + "': ";
  if (spec.radio->model == "802154" && !config_.ipv6)
    throw std::invalid_argument(link +
                                "radio.model is 802154, which carries IPv6 alone, and the "
                                "network has IPv4; run with ipv6=True");
  if (const auto found = cells_.find(spec.name); found != cells_.end())
    return found->second->demand_room_for(device);
  if (spec.radio->model != "lte") return;
  for (const auto& [name, cell] : cells_)
    if (cell->model() == "lte")
      throw std::invalid_argument(
          link + "radio.model is lte, as of link '" + name +
          "': a network has one LTE of ns-3's; put all devices on one link");
  if (ns3::Simulator::Now().IsStrictlyPositive())
    throw std::invalid_argument(link +
                                "its first device comes too late: base stations of ns-3's "
                                "must be there at time 0, before anything is awaited");
}

void Network::add_radio(Device& device, const LinkSpec& spec) {
  AccessLink& link = *device.link;
  device.has_radio = true;
  const auto number = static_cast<std::uint32_t>(cells_.size());
  if (!cells_.contains(spec.name))
    cells_.emplace(spec.name, Cell::make(*spec.radio, config_.seed, number));
  Cell* const cell = cells_.at(spec.name).get();
  const auto station =
      cell->add_station(device.name, [&link](Way way, const auto& packet, std::uint16_t protocol) {
        link.land(way, packet, protocol);
      });
  // What ends of a connection tell each other in their SYNs (RFC 9293, 3.7.1); ns-3's do not.
  constexpr std::uint32_t tcp_header_bytes = 20;
  if (cell->mtu() < device.port->GetMtu())
    device.segment_bytes = cell->mtu() - (config_.ipv6 ? 40 : 20) - tcp_header_bytes;
  link.go_through(
      [cell, station](Way way, const ns3::Ptr<ns3::Packet>& packet, std::uint16_t protocol) {
        cell->send(way, station, packet, protocol);
      });
}

void Network::add_front() {
  Front front;
  front.node = add_node();
  front.port =
      ns3::CreateObject<Port>(static_cast<std::uint32_t>(fronts_.size()) | 1U << 31,
                              [this](ns3::Ptr<ns3::Packet> packet, std::uint16_t protocol) {
                                send_down(std::move(packet), protocol);
                              });
  add_address(front.node, front.port, broker_host);
  fronts_.push_back(std::move(front));
  open_front(fronts_.size() - 1, port_of(over::tcp));
}

void Network::serve(std::uint16_t port, Accepted accepted) {
  services_[port] = std::move(accepted);
  powerless_.erase(port);
  answer(port, TcpSocket::Answer::accept);
}

void Network::unserve(std::uint16_t port, bool powerless) {
  services_.erase(port);
  if (powerless) powerless_.insert(port);
  answer(port, powerless ? TcpSocket::Answer::silence : TcpSocket::Answer::refuse);
}

void Network::answer(std::uint16_t port, TcpSocket::Answer answer) {
  for (Front& front : fronts_)
    if (const auto found = front.listeners.find(port);
        found != front.listeners.end() && found->second)
      found->second->answer(answer);
}

void Network::open(DeviceIndex device, std::uint16_t port) {
  open_front(device / config_.devices_per_front, port);
}

// A listener costs every packet of its front node a little, so there are only those that are used.
void Network::open_front(std::size_t front, std::uint16_t port) {
  if (!fronts_[front].listeners.emplace(port, nullptr).second) return;
  // ns-3's sockets may only be used inside events; node set-up has happened by the first one.
  ns3::Simulator::ScheduleWithContext(fronts_[front].node->GetId(), ns3::Time(0),
                                      [this, front, port] { listen(fronts_[front], port); });
}

void Network::listen(Front& front, std::uint16_t port) {
  auto& listener = front.listeners[port];
  if (listener) return;
  listener = TcpSocket::create(front.node);
  listener->Bind(endpoint(config_.ipv6, broker_host, port));
  listener->Listen();
  if (!serves(port))
    listener->answer(powerless_.contains(port) ? TcpSocket::Answer::silence
                                               : TcpSocket::Answer::refuse);
  if (front.refuses_strangers) listener->refuse_strangers();
  listener->SetAcceptCallback(
      ns3::MakeNullCallback<bool, ns3::Ptr<ns3::Socket>, const ns3::Address&>(),
      ns3::MakeCallback(&Network::accept, this));
}

void Network::accept(ns3::Ptr<ns3::Socket> socket, const ns3::Address& from) {
  const DeviceIndex device = *device_at(host_of(from));  // or its link would not have carried it
  const AccessLink& link = *devices_[device].link;
  const auto known = connections_.find({device, link.inside_port(port_of(from))});
  const auto stream = ns3::DynamicCast<TcpSocket>(socket);
  stream->limit_writes(devices_[device].most_per_write[1]);
  stream->limit_segments(devices_[device].segment_bytes);
  if (known != connections_.end()) {
    Dialed& dialed = known->second;
    if (const auto service = services_.find(dialed.port); service != services_.end()) {
      auto wire = dialed.wire.lock();
      if (!wire) wire = make_wire(device, known->first.second, dialed.connection);
      dialed.wire = wire;
      return service->second({stream, std::move(wire), device});
    }
  }
  stream->reset_and_forget();
}

std::optional<DeviceIndex> Network::device_at(std::uint32_t host) const {
  const std::uint32_t index = host - first_device_host;
  if (index < devices_.size()) return index;
  const auto moved = moved_.find(host);
  if (moved == moved_.end()) return std::nullopt;
  return moved->second;
}

void Network::send_down(ns3::Ptr<ns3::Packet> packet, std::uint16_t protocol) {
  const auto segment = segment_of(packet);
  if (!segment) return;  // router advertisements and the like have no one device to go to
  if (powerless_.contains(segment->source_port)) return;
  const std::uint32_t host = segment->destination & host_mask;
  const auto index = device_at(host);
  if (!index) return;
  AccessLink& link = *devices_[*index].link;
  if (devices_[*index].host != host) return link.lose_moved(*segment, packet->GetSize());
  link.offer(Way::down, std::move(packet), protocol, segment);
}

Dial Network::dial(DeviceIndex device, std::uint16_t site_port) {
  // Ports rise and wrap: none comes back before its last connection is forgotten everywhere.
  constexpr std::uint16_t first_port = 49'152;
  Dial dial;
  dial.socket = TcpSocket::create(devices_[device].node);
  dial.socket->limit_writes(devices_[device].most_per_write[0]);
  dial.socket->limit_segments(devices_[device].segment_bytes);
  for (int attempts = 0; attempts < 16'384 && !dial.wire; ++attempts) {
    const auto port = static_cast<std::uint16_t>(first_port + last_port_++ % 16'384);
    const auto local = endpoint(config_.ipv6, devices_[device].host, port);
    if (dial.socket->Bind(local) != 0) continue;
    devices_[device].link->join(port);
    dial.wire = make_wire(device, port, ++last_connection_);
    connections_[{device, port}] = {last_connection_, site_port, dial.wire};
  }
  if (!dial.wire) return dial;
  if (serves(site_port)) listen(fronts_[device / config_.devices_per_front], site_port);
  dial.socket->Connect(endpoint(config_.ipv6, broker_host, site_port));
  return dial;
}

std::shared_ptr<Wire> Network::make_wire(DeviceIndex device, std::uint16_t port,
                                         std::uint32_t connection) {
  AccessLink& link = *devices_[device].link;
  return std::make_shared<Wire>(connection, *devices_[device].wires,
                                [&link, port] { link.sever(port); });
}

std::vector<std::shared_ptr<Wire>> Network::wires(DeviceIndex device) const {
  std::vector<std::shared_ptr<Wire>> all;
  for (auto at = connections_.lower_bound({device, 0});
       at != connections_.end() && at->first.first == device; ++at)
    if (auto wire = at->second.wire.lock()) all.push_back(std::move(wire));
  std::ranges::sort(all, {}, &Wire::connection);
  return all;
}

void Network::when(DeviceIndex device, const Trigger& when, Triggers::Call call) {
  const std::size_t trigger = devices_[device].wires->triggers.add(when, std::move(call));
  for (const auto& wire : wires(device)) wire->arm(trigger);
}

void Network::disarm() {
  for (DeviceIndex device = 0; device < devices_.size(); ++device) {
    Triggers& triggers = devices_[device].wires->triggers;
    if (triggers.all().empty()) continue;
    triggers.disarm();
    for (const auto& wire : wires(device)) wire->disarm();
  }
}

}  // namespace mqttlab::sim
