// Cell: a radio of ns-3's as the last hop of several access links, whose devices share its medium.
// It carries IP packets between them and the site; addresses and routes are not its business.
#pragma once

#include <ns3/mobility-model.h>
#include <ns3/node.h>
#include <ns3/packet.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "protocol/link/link.h"

namespace mqttlab::sim {

class Cell {
 public:
  /// Where the packets of one station come out: up at the site's side, down at the station.
  using Arrived =
      std::function<void(Way way, const ns3::Ptr<ns3::Packet>& packet, std::uint16_t protocol)>;

  /// `number` sets it apart from the other cells of its world: draws depend on it and on the seed.
  [[nodiscard]] static std::unique_ptr<Cell> make(const RadioCell& spec, std::uint64_t seed,
                                                  std::uint32_t number);
  virtual ~Cell() = default;
  Cell(const Cell&) = delete;
  Cell& operator=(const Cell&) = delete;

  /// Throws std::length_error naming the device if the cell is full.
  void demand_room_for(const std::string& device) const;
  /// A station at a place that seed and device decide; stations are numbered from 0. There is room.
  virtual std::uint32_t add_station(const std::string& device, Arrived arrived) = 0;
  virtual void send(Way way, std::uint32_t station, const ns3::Ptr<ns3::Packet>& packet,
                    std::uint16_t protocol) = 0;
  [[nodiscard]] const std::string& model() const { return spec_.model; }
  /// The longest IP packet that it takes, in bytes.
  [[nodiscard]] virtual std::uint32_t mtu() const { return 1'500; }

 protected:
  Cell(const RadioCell& spec, std::uint64_t seed, std::uint32_t number, std::size_t most_stations);
  [[nodiscard]] virtual std::size_t stations() const = 0;
  struct Place {
    double x_m = 0, y_m = 0;
  };
  /// Uniform in the disc around the cell's middle.
  [[nodiscard]] Place place_of(const std::string& device) const;
  /// A node of the radio's own; hosts have theirs. It has moved along x since time 0: whoever is
  /// added later joins the others where they are by now.
  [[nodiscard]] static ns3::Ptr<ns3::Node> node_at(const Place& place, double speed_mps);
  /// ns-3's random streams of one radio are assigned by `assign`, which takes the first of them and
  /// returns how many it took. Trap: ns-3 numbers those that nobody assigns on and on through the
  /// process, so that a second world would differ.
  void assign_streams(const std::function<std::int64_t(std::int64_t first)>& assign);

  RadioCell spec_;

 private:
  std::uint64_t seed_;
  std::int64_t next_stream_;
  std::size_t most_stations_;
};

}  // namespace mqttlab::sim
