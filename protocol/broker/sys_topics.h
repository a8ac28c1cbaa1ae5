// SysTopics: the broker about itself, as retained messages under $SYS/broker/.
#pragma once

#include <array>

#include "protocol/broker/router.h"

namespace mqttlab {

/// A counter's growth per minute, as averages that forget what was 1, 5 and 15 minutes ago
/// exponentially.
class LoadAverages {
 public:
  static constexpr std::array<unsigned, 3> minutes{1, 5, 15};
  /// The counter is `count` now, `elapsed` > 0 after the last call; it began at 0.
  void update(std::uint64_t count, Time elapsed);
  [[nodiscard]] const std::array<double, 3>& per_minute() const { return per_minute_; }

 private:
  std::uint64_t count_ = 0;
  std::array<double, 3> per_minute_{};
};

/// Names are those that mosquitto made usual, values decimal text, QoS 0.
class SysTopics {
 public:
  static constexpr std::size_t topics = 43;  ///< so many are retained

  /// `uptime` grows from call to call.
  void publish(Router& router, const BrokerGauges& gauges, Time uptime, Time now);

 private:
  static constexpr std::size_t loads = 8;
  std::array<LoadAverages, loads> loads_;
  Time last_ = 0;  // uptime
};

}  // namespace mqttlab
