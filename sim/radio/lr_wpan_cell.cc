#include "sim/radio/lr_wpan_cell.h"

#include <ns3/lr-wpan-net-device.h>
#include <ns3/propagation-delay-model.h>
#include <ns3/propagation-loss-model.h>
#include <ns3/simulator.h>
#include <ns3/sixlowpan-net-device.h>

#include <array>
#include <memory>

#include "sim/radio/frame_filter.h"

namespace mqttlab::sim {
namespace {

using ns3::LrWpanNetDevice;

constexpr std::uint16_t pan = 1;
constexpr std::size_t most_things = 1'000;  // everybody hears everybody: their square in events
constexpr std::uint32_t queue_frames = 64;  // ns-3's is endless; a packet of 1,280 bytes has 13

ns3::Mac16Address short_address(std::uint16_t number) {
  const std::array<std::uint8_t, 2> bytes{static_cast<std::uint8_t>(number >> 8),
                                          static_cast<std::uint8_t>(number)};
  ns3::Mac16Address address;
  address.CopyFrom(bytes.data());
  return address;
}

// Associated from the start, by hand. Trap: ns-3 draws the first sequence number from a stream that
// nobody can assign.
void associate(const ns3::Ptr<LrWpanNetDevice>& radio, std::uint16_t number) {
  const auto mac = radio->GetMac();
  mac->SetPanId(pan);
  mac->SetShortAddress(short_address(number));
  mac->m_macDsn = ns3::SequenceNumber8(static_cast<std::uint8_t>(number));
  mac->SetTxQMaxSize(queue_frames);
  const auto filter = std::make_shared<FrameFilter>(longest_repetition(*mac));
  mac->SetMcpsDataIndicationCallback(ns3::McpsDataIndicationCallback(
      // The radio has this callback: a plain pointer to it.
      [filter, radio = ns3::PeekPointer(radio)](ns3::McpsDataIndicationParams params,
                                                ns3::Ptr<ns3::Packet> frame) {
        if (!filter->is_repeated(params.m_srcAddr, params.m_dsn, ns3::Simulator::Now()))
          radio->McpsDataIndication(params, frame);
      }));
}

}  // namespace

// Before each repetition there are up to five random waits of 7, 15 and three times 31 backoff
// periods of 20 symbols, and with it 133 bytes of two symbols and 54 symbols for the
// acknowledgement. 256 frames take longer: each has 0.9 ms on the air at least, its
// acknowledgement, and its own waits.
ns3::Time longest_repetition(const ns3::LrWpanMac& mac) {
  constexpr int symbol_us = 16, waits_symbols = (7 + 15 + 3 * 31) * 20,
                frame_symbols = 133 * 2 + 54;
  return ns3::MicroSeconds(mac.GetMacMaxFrameRetries() * (waits_symbols + frame_symbols) *
                           symbol_us);
}

LrWpanCell::LrWpanCell(const RadioCell& spec, std::uint64_t seed, std::uint32_t number)
    : HubCell(spec, seed, number, most_things),
      channel_(ns3::CreateObject<ns3::SingleModelSpectrumChannel>()) {
  // Free space for the first metre at 2.4 GHz, then an exponent as indoors on one floor.
  const auto loss = ns3::CreateObject<ns3::LogDistancePropagationLossModel>();
  loss->SetReference(1.0, 40.05);
  loss->SetPathLossExponent(3.0);
  channel_->AddPropagationLossModel(loss);
  channel_->SetPropagationDelayModel(ns3::CreateObject<ns3::ConstantSpeedPropagationDelayModel>());
  set_hub(install({}, 0));
}

ns3::Ptr<ns3::NetDevice> LrWpanCell::install(const Place& place, double speed_mps) {
  const auto node = node_at(place, speed_mps);
  // Trap: ns-3's LrWpanHelper disposes of the channel that it was given, and all radios with it.
  const auto radio = ns3::CreateObject<LrWpanNetDevice>();
  radio->SetChannel(channel_);
  node->AddDevice(radio);
  radio->SetNode(node);
  associate(radio, ++radios_);
  const auto adapter = ns3::CreateObject<ns3::SixLowPanNetDevice>();
  node->AddDevice(adapter);
  adapter->SetNetDevice(radio);
  // The network's prefix is a context, as routers announce it (RFC 6775): not in every packet.
  constexpr double years_s = 1e8;
  adapter->AddContext(0, ns3::Ipv6Prefix("fd00::", 64), true, ns3::Seconds(years_s));
  assign_streams([&](std::int64_t first) {
    const std::int64_t taken = radio->AssignStreams(first);
    return taken + adapter->AssignStreams(first + taken);
  });
  return adapter;
}

}  // namespace mqttlab::sim
