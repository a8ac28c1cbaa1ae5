// PacketIds: the packet ids of one direction of one session.
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/session/id_set.h"

namespace mqttlab {

/// Packet ids 1..65535 of one direction of one session (MQTT-2.3.1-1 to -4). A client's PUBLISH,
/// SUBSCRIBE and UNSUBSCRIBE share them. Handed out in rising order with wrap-around, skipping
/// those in use: the longest time before reuse.
class PacketIds {
 public:
  static constexpr std::uint16_t all = 65'535;
  /// `most`: the highest that is handed out. Fewer than all are for tests of what happens when they
  /// run out.
  explicit PacketIds(std::uint16_t most = all) : most_(most) {}

  [[nodiscard]] std::uint16_t take() {  ///< 0 if all are in use
    std::uint16_t id = used_.next_absent(last_);
    if (id > most_) id = used_.next_absent(0);
    if (id > most_) id = 0;
    if (id != 0) {
      used_.insert(id);
      last_ = id;
    }
    return id;
  }
  /// One that is in use already, from before this set was made.
  void claim(std::uint16_t id) { used_.insert(id); }
  void begin_after(std::uint16_t id) { last_ = id; }          ///< as if it had been handed out last
  [[nodiscard]] std::uint16_t last() const { return last_; }  ///< handed out last; 0: none
  void release(std::uint16_t id) { used_.erase(id); }
  [[nodiscard]] bool in_use(std::uint16_t id) const { return used_.contains(id); }
  [[nodiscard]] std::size_t used() const { return used_.size(); }
  [[nodiscard]] bool exhausted() const { return used_.size() >= most_; }

 private:
  IdSet used_;
  std::uint16_t most_;
  std::uint16_t last_ = 0;
};

}  // namespace mqttlab
