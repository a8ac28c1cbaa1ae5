// Pipe: one direction of a link as arithmetic. It says when an offered packet arrives, or why it
// never will; whoever owns it schedules the arrival.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>

#include "protocol/link/link.h"
#include "protocol/session/random.h"

namespace mqttlab {

enum class Fate : std::uint8_t { carried, lost_random, lost_burst, lost_queue };

struct Offer {
  Fate fate = Fate::carried;
  Time arrival = 0;                        ///< if carried
  Time copy = 0;                           ///< when it arrives once more; 0: it does not
  bool is_late = false;                    ///< reordered
  std::optional<std::uint64_t> flip = {};  ///< corrupted: what decides which bit
};

class Pipe {
 public:
  /// Every draw comes from Random(seed, name + purpose), so that a change in one link moves nothing
  /// in another. `phase` in [0, 1): where in its recordings time 0 lies, if they do not say it.
  Pipe(const Direction& direction, std::uint64_t seed, std::string_view name, double phase);
  /// One way of a device's link. Both ways of a recorded link start at the same place of their
  /// recordings, which were made together; devices that share a recording start at different ones.
  Pipe(const LinkSpec& link, Way way, std::uint64_t seed, std::string_view device);

  [[nodiscard]] Offer offer(std::uint32_t bytes, Time now);
  /// Whether the queue takes one more packet; if not, room_at() says when it will.
  [[nodiscard]] bool has_room(Time now);
  [[nodiscard]] Time room_at() const { return leaving_.empty() ? 0 : leaving_.front(); }
  /// From now on; corruption, which is a loss to TCP, ends, too.
  void lose_nothing() { lossless_ = true; }
  /// From now on, in place of what was said before. Packets that are under way keep their times.
  void disturb(const Disturbance& disturbance);

 private:
  [[nodiscard]] Time departure(std::uint32_t bytes, Time now);
  [[nodiscard]] Time recorded_departure(std::uint32_t bytes, Time now);
  /// What was recorded of the time at which a packet departs; what was not is the direction's own.
  [[nodiscard]] Recording::Step condition(Time departs) const;
  [[nodiscard]] Fate draw(double loss);
  [[nodiscard]] Time throttled(std::uint32_t bytes, Time now, Time departs);
  void make_strange(Offer& offer);

  Direction direction_;
  Disturbance disturbance_;
  Random loss_, burst_, jitter_, reorder_, duplicate_, corrupt_;
  bool bad_ = false;
  bool lossless_ = false;
  bool is_strange_ = false;   // make_strange() may have something to do
  std::deque<Time> leaving_;  // departures of the packets in the queue, the one in service included
  Time free_at_ = 0, throttle_free_at_ = 0;
  Time last_arrival_ = 0;
  Time recording_offset_ = 0;

  // The opportunity that serves next: its lap, its index and what it has left.
  Time offset_ = 0;
  std::int64_t lap_ = 0;
  std::size_t index_ = 0;
  std::uint32_t left_ = 0;
};

}  // namespace mqttlab
