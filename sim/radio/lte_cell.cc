#include "sim/radio/lte_cell.h"

#include <ns3/boolean.h>
#include <ns3/config.h>
#include <ns3/double.h>
#include <ns3/enum.h>
#include <ns3/ipv4-header.h>
#include <ns3/ipv4-l3-protocol.h>
#include <ns3/ipv6-header.h>
#include <ns3/lte-enb-net-device.h>
#include <ns3/lte-enb-phy.h>
#include <ns3/lte-enb-rrc.h>
#include <ns3/lte-ue-net-device.h>
#include <ns3/lte-ue-phy.h>
#include <ns3/net-device-container.h>
#include <ns3/node-container.h>
#include <ns3/propagation-loss-model.h>
#include <ns3/uinteger.h>

#include <utility>

namespace mqttlab::sim {
namespace {

// ns-3 ends the process when a base station's sounding intervals (SRS, every 40 ms) are used up.
constexpr std::size_t most_equipment = 32;
constexpr std::uint32_t most_buffered_bytes = 256 * 1024;    // ns-3's 10 KiB are less than a window
constexpr double base_station_dbm = 43, equipment_dbm = 23;  // TS 36.104; TS 36.101, class 3

struct Ends {
  ns3::Ipv6Address source, destination;
};

Ends ends_of(const ns3::Ptr<const ns3::Packet>& packet, std::uint16_t protocol) {
  if (protocol == ns3::Ipv4L3Protocol::PROT_NUMBER) {
    ns3::Ipv4Header ip;
    packet->PeekHeader(ip);
    return {ns3::Ipv6Address::MakeIpv4MappedAddress(ip.GetSource()),
            ns3::Ipv6Address::MakeIpv4MappedAddress(ip.GetDestination())};
  }
  ns3::Ipv6Header ip;
  packet->PeekHeader(ip);
  return {ip.GetSource(), ip.GetDestination()};
}

}  // namespace

LteCell::LteCell(const RadioCell& spec, std::uint64_t seed, std::uint32_t number)
    : Cell(spec, seed, number, most_equipment),
      lte_(ns3::CreateObject<ns3::LteHelper>()),
      core_(ns3::CreateObject<ns3::PointToPointEpcHelper>()) {
  // Trap: this stays for the process; who uses ns-3's LTE in it without this cell gets it as well.
  ns3::Config::SetDefault("ns3::LteRlcAm::MaxTxBufferSize",
                          ns3::UintegerValue(most_buffered_bytes));
  lte_->SetEpcHelper(core_);
  // 3GPP TR 36.942, 4.5.2: macro cells in a town, at 2 GHz: 128.1 dB at 1 km, and 37.6 a decade.
  lte_->SetPathlossModelType(ns3::LogDistancePropagationLossModel::GetTypeId());
  lte_->SetPathlossModelAttribute("ReferenceLoss", ns3::DoubleValue(15.3));
  lte_->SetPathlossModelAttribute("Exponent", ns3::DoubleValue(3.76));
  // Which ns-3 can only prepare at time 0.
  if (spec.base_stations_m.size() > 1)
    lte_->SetHandoverAlgorithmType("ns3::A3RsrpHandoverAlgorithm");
  add_base_stations();
  assign_streams([&](std::int64_t first) { return core_->AssignStreams(first); });
  find_gateway();
}

void LteCell::add_base_stations() {
  ns3::NodeContainer nodes;
  for (const double x_m : spec_.base_stations_m) nodes.Add(node_at({x_m, 0}, 0));
  const auto installed = lte_->InstallEnbDevice(nodes);
  if (nodes.GetN() > 1) lte_->AddX2Interface(nodes);
  for (std::uint32_t i = 0; i < installed.GetN(); ++i) {
    const auto radio = ns3::DynamicCast<ns3::LteEnbNetDevice>(installed.Get(i));
    radio->GetPhy()->SetTxPower(base_station_dbm);
    // As for the default bearer of internet access: what the air has lost is sent again.
    radio->GetRrc()->SetAttribute("EpsBearerToRlcMapping",
                                  ns3::EnumValue(ns3::LteEnbRrc::RLC_AM_ALWAYS));
    assign_streams([&](std::int64_t first) {
      return lte_->AssignStreams(ns3::NetDeviceContainer(radio), first);
    });
  }
}

void LteCell::find_gateway() {
  const auto node = core_->GetPgwNode();
  for (std::uint32_t i = 0; i < node->GetNDevices(); ++i)
    if (const auto found = ns3::DynamicCast<ns3::VirtualNetDevice>(node->GetDevice(i)))
      tunnel_ = found;
  for (std::uint32_t i = 0; i < node->GetNApplications(); ++i)
    if (const auto found = ns3::DynamicCast<ns3::EpcPgwApplication>(node->GetApplication(i)))
      gateway_ = found;
  tunnel_->SetReceiveCallback(ns3::MakeCallback(&LteCell::up, this));
}

std::uint32_t LteCell::add_station(const std::string& device, Arrived arrived) {
  const auto installed =
      lte_->InstallUeDevice(ns3::NodeContainer(node_at(place_of(device), spec_.speed_mps)));
  const auto radio = ns3::DynamicCast<ns3::LteUeNetDevice>(installed.Get(0));
  radio->GetPhy()->SetTxPower(equipment_dbm);
  assign_streams([&](std::int64_t first) { return lte_->AssignStreams(installed, first); });
  lte_->Attach(installed);
  const auto number = static_cast<std::uint32_t>(equipment_.size());
  radio->SetReceiveCallback(ns3::NetDevice::ReceiveCallback(
      [this, number](ns3::Ptr<ns3::NetDevice>, ns3::Ptr<const ns3::Packet> packet,
                     std::uint16_t protocol, const ns3::Address&) {
        equipment_[number].arrived(Way::down, packet->Copy(), protocol);
        return true;
      }));
  equipment_.push_back({radio, radio->GetImsi(), std::move(arrived)});
  return number;
}

// Addresses are the hosts' business, and those may move: the gateway learns them by their packets.
void LteCell::make_known(std::uint32_t station, const ns3::Ipv6Address& address) {
  if (!by_address_.try_emplace(address, station).second) return;
  const std::uint64_t subscriber = equipment_[station].subscriber;
  if (address.IsIpv4MappedAddress())
    gateway_->SetUeAddress(subscriber, address.GetIpv4MappedAddress());
  else
    gateway_->SetUeAddress6(subscriber, address);
}

void LteCell::send(Way way, std::uint32_t station, const ns3::Ptr<ns3::Packet>& packet,
                   std::uint16_t protocol) {
  const Ends ends = ends_of(packet, protocol);
  make_known(station, way == Way::up ? ends.source : ends.destination);
  if (way == Way::up)
    equipment_[station].radio->Send(packet->Copy(), ns3::Address(), protocol);
  else
    tunnel_->Send(packet->Copy(), tunnel_->GetAddress(), protocol);
}

bool LteCell::up(ns3::Ptr<ns3::NetDevice>, ns3::Ptr<const ns3::Packet> packet,
                 std::uint16_t protocol, const ns3::Address&) {
  const auto found = by_address_.find(ends_of(packet, protocol).source);
  if (found != by_address_.end())
    equipment_[found->second].arrived(Way::up, packet->Copy(), protocol);
  return true;
}

}  // namespace mqttlab::sim
