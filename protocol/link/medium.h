// Medium: what the connections over one access link share: its two pipes, whether it is up, and
// what is counted. A connection offers packets to it; what becomes of their bytes is a Lane's
// business.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>

#include "protocol/link/link.h"
#include "protocol/link/pipe.h"
#include "protocol/session/random.h"

namespace mqttlab {

/// IPv4 and TCP headers without options, and the payload that a packet of 1,500 bytes has room for.
inline constexpr std::uint32_t packet_header_bytes = 40, segment_bytes = 1'460;

class Medium {
 public:
  /// Draws depend on (seed, device). Throws std::invalid_argument as LinkSpec::check() does.
  Medium(const LinkSpec& link, std::uint64_t seed, std::string_view device, Time now);

  /// One packet with so much payload of TCP; returns when it will arrive, nothing if it is lost.
  /// What a queue without room is offered is lost, so ask first.
  std::optional<Time> offer(Way way, std::uint32_t payload_bytes, bool is_repeat, Time now);
  [[nodiscard]] bool has_room(Way way, Time now);
  /// Whether `who` may use that room: those who wait for it get it one packet each, in turn. After
  /// `false` it waits until it gets it or leaves.
  bool is_turn_of(Way way, const void* who, Time now);
  void leave(Way way, const void* who);
  /// When there is room, if there is none now.
  [[nodiscard]] Time room_at(Way way) const;
  /// A packet is about to arrive; false: it is lost after all, for the link has gone in between.
  bool arrives(Way way);

  void set_up(bool up) { held_by_fault_ = !up; }
  void stop_cycle();
  void lose_nothing();
  void blackhole(Way way, bool on) { halves_[index(way)].swallows = on; }
  [[nodiscard]] bool is_up() const { return !held_by_fault_ && !held_by_cycle_; }
  [[nodiscard]] bool is_open(Way way) const { return is_up() && !halves_[index(way)].swallows; }

  /// How long a sender waits for an answer before it sends again: the least that Linux waits behind
  /// the longest round trip of an empty link.
  [[nodiscard]] Time patience() const { return patience_; }
  /// From one end to the other through an empty link, at most.
  [[nodiscard]] Time crossing(Way way) const { return halves_[index(way)].crossing; }

  [[nodiscard]] Time deadline() const { return turn_at_; }
  void advance(Time now);  ///< the cycle

  LinkCounters& counters(Way way) { return halves_[index(way)].counters; }
  [[nodiscard]] const LinkCounters& counters(Way way) const { return halves_[index(way)].counters; }

 private:
  struct Half {
    Pipe pipe;
    Time crossing;
    LinkCounters counters{};
    bool swallows = false;
    std::deque<const void*> line{};  // who waits for room
  };
  static constexpr std::size_t index(Way way) { return static_cast<std::size_t>(way); }
  std::array<Half, 2> halves_;
  Time patience_;
  std::optional<Cycle> cycle_;
  Random random_;
  Time turn_at_ = never;
  bool held_by_fault_ = false, held_by_cycle_ = false;
};

}  // namespace mqttlab
