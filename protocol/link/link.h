// Links: what an access link does to packets, as data.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/link/recording.h"
#include "protocol/peer.h"

namespace mqttlab {

enum class Way : std::uint8_t { up, down };  ///< from the device, to the device

/// Two-state loss, stepped once per packet: in each state a packet is lost with that state's
/// probability.
struct GilbertElliott {
  double good_to_bad = 0.0;
  double bad_to_good = 1.0;
  double loss_good = 0.0;
  double loss_bad = 1.0;
};

/// Recorded capacity: instants, in order, at which one packet of up to 1,500 bytes may cross
/// (mahimahi's format). After the last the recording starts again.
struct CapacityTrace {
  std::string name;
  std::vector<Time> opportunities;
  Time length = 0;
  /// Parses mahimahi text: one time in ms per line. Throws std::invalid_argument naming the line's
  /// number and its text.
  [[nodiscard]] static std::shared_ptr<const CapacityTrace> parse(std::string_view name,
                                                                  std::string_view text);
};

/// One direction of a link. Packets pass a drop-tail queue, are serialised at the rate (or at the
/// recorded opportunities), may be lost, and arrive after delay + a jitter uniform in [0, jitter],
/// never overtaking each other unless they are reordered.
struct Direction {
  double rate_bps = 0;  ///< 0: no serialisation time
  Time delay = 0;
  Time jitter = 0;
  std::uint32_t queue_packets = 100;
  double loss = 0;  ///< independent, per packet, 0..1
  std::optional<GilbertElliott> burst;
  std::shared_ptr<const CapacityTrace> capacity;  ///< replaces rate_bps
  std::shared_ptr<const Recording> recording;     ///< replaces what it has columns of
  /// The place in capacity or recording at time 0; nullopt: drawn from seed and device's name.
  std::optional<Time> recording_start;
  /// Takes a recording from a file's text: CSV if its name ends in .csv, or mahimahi's format.
  void record(const std::string& file, std::string_view text);
  [[nodiscard]] Time longest_delay() const;
  /// Shares of the packets, 0..1, drawn per packet. Streams over a link on real sockets
  /// (protocol/link/lane) know none of these: TCP hides them from who uses it.
  double reorder = 0;  ///< arrive `reorder_by` later, overtaken by what follows
  Time reorder_by = 20 * millisecond;
  double duplicate = 0;  ///< arrive twice
  double corrupt = 0;    ///< arrive with one bit flipped, which the receiver's checksum finds
};

/// A box that maps the connections of a device to ports of its own, and forgets the idle ones.
/// RFC 5382, REQ-5, wants at least 2 h 4 min for established ones; carriers were measured at 30 s
/// to 30 min (Wang et al., "An Untold Story of Middleboxes in Cellular Networks", SIGCOMM 2011).
struct Nat {
  Time idle = 300 * second;  ///< without a packet that refreshes, a connection is forgotten
  /// What packets of a forgotten connection find: nothing, or a reset in answer.
  enum class Expiry : std::uint8_t { drop, reset } on_expiry = Expiry::drop;
  /// A packet from the device makes a new mapping, from a new port: the site does not know that
  /// connection and answers with a reset (RFC 9293, 3.10.7.1). Otherwise it finds what the site's
  /// packets find.
  bool rebind = true;
  /// Packets from the site refresh, too (RFC 4787, REQ-6, leaves that open for UDP; Linux does).
  bool refreshed_by_down = true;
};

/// What is done to one direction of a link for a while, on top of what the link does.
struct Disturbance {
  bool blackhole = false;  ///< what is sent, and what would arrive, is lost
  Time delay = 0;          ///< more of it, for what is sent
  double rate_bps = 0;     ///< at most this; 0: no limit
  double reorder = 0;      ///< as in Direction, each in addition to it
  Time reorder_by = 0;     ///< replaces the link's if not 0
  double duplicate = 0;
  double corrupt = 0;
  std::uint32_t segment_bytes = 0;  ///< payloads arrive in pieces of at most this; 0: whole
  Time coalesce = 0;       ///< payloads wait so long for more, and arrive as one; 0: do not wait
  bool holds_fin = false;  ///< ends of streams arrive when this is over
  /// Throws std::invalid_argument naming field, value and range.
  void check() const;
};

/// Alternating periods; each lasts its mean, stretched by a uniform factor in [1 - spread, 1 +
/// spread].
struct Cycle {
  Time up = 0;
  Time down = 0;
  double spread = 0.5;
  /// The length of one period; `draw` is uniform in [0, 1).
  [[nodiscard]] Time period(bool is_up, double draw) const;
};

/// A radio that all devices on a link share: one of the simulator's models, so in simulated
/// networks only.
struct RadioCell {
  std::string model = "80211n";
  double radius_m = 20;  ///< devices begin within it, around the access point or base station
  double speed_mps = 0;  ///< of all of them, along a straight line
  /// Of LTE: where its base stations stand on that line, in order; 0 is in the devices' middle.
  std::vector<double> base_stations_m = {0};
};

struct LinkSpec {
  std::string name;
  Direction up;    ///< from the device
  Direction down;  ///< to the device
  std::optional<Cycle> cycle;
  std::optional<Nat> nat;          ///< at the link's far end
  std::optional<RadioCell> radio;  ///< beside what the directions do
  /// Throws std::invalid_argument naming field, value and range.
  void check() const;
};

/// A named profile with the source of its numbers.
struct LinkProfile {
  LinkSpec spec;
  std::string_view source;  ///< citation
};
/// From gprs to ethernet.
[[nodiscard]] std::span<const LinkProfile> link_profiles();

/// What crossed one direction of one link, at the IP layer, as offered by its sender.
struct DirectionCounters {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;                ///< IP packets, headers included
  std::uint64_t header_bytes = 0;         ///< IP and TCP headers
  std::uint64_t payload_bytes = 0;        ///< TCP payload, repeats included
  std::uint64_t retransmitted_bytes = 0;  ///< TCP payload that had been sent before
  std::uint64_t lost_random = 0, lost_burst = 0, lost_queue = 0, lost_down = 0;  ///< packets
  std::uint64_t lost_blackhole = 0;
  std::uint64_t lost_corrupt = 0;  ///< arrived, and the receiver's checksum found a flipped bit
  std::uint64_t lost_nat = 0;      ///< of connections that a NAT had forgotten
  std::uint64_t lost_moved = 0;    ///< from or to an address that the device has left
  std::uint64_t delivered = 0;     ///< packets
  std::uint64_t duplicated = 0, reordered = 0;  ///< packets; of the delivered and the lost
};

/// Every field of DirectionCounters, with its name, in order.
struct CounterField {
  std::string_view name;
  std::uint64_t DirectionCounters::*field;
};
[[nodiscard]] std::span<const CounterField> counter_fields();

/// What crossed one direction of a link that carries byte streams: the packets that TCP would have
/// sent for them, and what their losses did.
struct LinkCounters {
  DirectionCounters packets;
  std::uint64_t stalls = 0;  ///< times that a stream waited for a lost packet
  Time stalled = 0;          ///< for how long, over all streams
  LinkCounters& operator+=(const LinkCounters& more);
};

}  // namespace mqttlab
