// Wire: one connection with both its ends in view: where its bytes are, what is waited for there,
// and what is done to it on purpose.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>

#include "protocol/link/fault_watch.h"
#include "protocol/trace/event.h"
#include "sim/triggers.h"

namespace mqttlab::sim {

class Stream;

class Wire : public std::enable_shared_from_this<Wire> {
 public:
  /// What a device's connections have in common; outlives them.
  struct Device {
    Triggers triggers;
    std::uint32_t opened = 0;  ///< how many of them have carried MQTT
  };

  /// `sever` makes the network carry none of its segments any more, those on their way included.
  Wire(std::uint32_t connection, Device& device, std::function<void()> sever)
      : connection_(connection), device_(device), sever_(std::move(sever)) {}

  /// Its number, the same at both ends.
  [[nodiscard]] std::uint32_t connection() const { return connection_; }
  /// A stream of one end, for as long as it is there; null: it is gone.
  void attach(trace::End end, Stream* stream);
  /// It carries MQTT from now on: what the device waits for may happen here. The first call counts.
  void carry_mqtt();

  /// At this instant no byte passes or is read any more. Who is told of it is told in an event of
  /// this instant, so that this may be called from anywhere; once per connection.
  void cut(Cut how);
  [[nodiscard]] bool is_cut() const { return cut_; }

  /// Where the bytes of MQTT are that the sender of this way has let go.
  [[nodiscard]] FaultWatch& watch(Way way) { return watches_[static_cast<std::size_t>(way)]; }
  [[nodiscard]] bool is_watched(Way way) { return !cut_ && !watch(way).is_idle(); }
  /// One more of the device's triggers.
  void arm(std::size_t trigger);
  void disarm();
  /// Nobody reads this way any more: no place of it comes, and nothing is kept back for one.
  void ends(Way way);
  /// The nearest place of this way has been reached.
  void fire(Way way);
  /// The stream of this end moves bytes once more, in an event of this instant.
  void go_on(trace::End end);

 private:
  void disarm(Way way);
  static constexpr std::size_t index(trace::End end) { return static_cast<std::size_t>(end); }

  const std::uint32_t connection_;
  Device& device_;
  const std::function<void()> sever_;
  std::array<Stream*, 2> ends_{};
  std::array<FaultWatch, 2> watches_;
  std::array<bool, 2> ended_{};  // by way: nobody reads it
  std::uint32_t number_ = 0;     // among those of the device that have carried MQTT; 0: not yet
  bool cut_ = false;
};

}  // namespace mqttlab::sim
