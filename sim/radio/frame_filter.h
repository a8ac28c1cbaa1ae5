// FrameFilter: which frames of 802.15.4 have come before. Where an acknowledgement is lost, its
// frame comes twice; receivers drop the second one by its sequence number, as those of Contiki do.
// ns-3's do not.
#pragma once

#include <ns3/mac16-address.h>
#include <ns3/nstime.h>

#include <cstdint>
#include <map>

namespace mqttlab::sim {

class FrameFilter {
 public:
  /// `longest`: between a frame and its last repetition. What has the same number later is another
  /// frame: a border router has one count of 256 for all its things.
  explicit FrameFilter(ns3::Time longest) : longest_(longest) {}

  bool is_repeated(ns3::Mac16Address source, std::uint8_t number, ns3::Time now) {
    const auto [last, is_first] = last_.try_emplace(source, Frame{number, now});
    const bool repeated =
        !is_first && last->second.number == number && now - last->second.first <= longest_;
    if (!repeated) last->second = {number, now};
    return repeated;
  }

 private:
  struct Frame {
    std::uint8_t number = 0;
    ns3::Time first;  // when it came first
  };
  ns3::Time longest_;
  std::map<ns3::Mac16Address, Frame> last_;
};

}  // namespace mqttlab::sim
