// Outcome: what a load run has found, for people and for programs.
#pragma once

#include <optional>
#include <string>

#include "protocol/live/bench/histogram.h"
#include "protocol/live/bench/plan.h"

namespace mqttlab::bench {

struct Outcome {
  std::uint64_t published = 0;
  std::uint64_t acknowledged = 0;  ///< QoS 1 and 2: exchanges that ended without an error
  std::uint64_t refused = 0;       ///< the same with one
  std::uint64_t expected = 0;      ///< deliveries that are owed for what was published
  std::uint64_t delivered = 0;     ///< of those, each once
  std::uint64_t duplicates = 0;    ///< deliveries that were there already
  std::uint64_t repeated = 0;      ///< QoS 2 PUBLISHes sent again before PUBREL; no duplicates
  std::uint64_t strangers = 0;     ///< messages of other topics, or of nobody
  std::uint32_t connections = 0;   ///< that came up
  Time publishing = 0;             ///< from the first message to the last
  Time elapsed = 0;                ///< from the first message to the last delivery
  Histogram latency;
  Time generator_cpu = 0;  ///< of publishing and draining
  struct BrokerUse {
    Time cpu = 0;                       ///< of publishing and draining
    std::uint64_t resident_before = 0;  ///< bytes, before the first connection
    std::uint64_t resident_connected = 0;
    std::uint64_t resident_after = 0;  ///< after draining
  };
  std::optional<BrokerUse> broker = {};
  bool interrupted = false;
  std::string error = {};  ///< what ended the run before its time

  [[nodiscard]] std::uint64_t lost() const { return expected - delivered; }
  /// A QoS that keeps what is accepted has lost something, or one that delivers once has not.
  [[nodiscard]] bool broken(QoS qos) const;
};

[[nodiscard]] std::string text_of(const Plan& plan, const Outcome& outcome);
[[nodiscard]] std::string json_of(const Plan& plan, const Outcome& outcome);

}  // namespace mqttlab::bench
