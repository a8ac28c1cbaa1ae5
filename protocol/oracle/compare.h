// Compare: what two runs must have in common (the invariants that need a pair).
#pragma once

#include <string>
#include <string_view>

#include "protocol/oracle/oracle.h"

namespace mqttlab::oracle {

/// What two runs must have in common.
enum class Sameness : std::uint8_t {
  /// CLOCK-INDEP: every packet, at its very instant. For runs of one seed with the wall clock set
  /// to something else.
  packets,
  /// FRAME-EQUIV: on each of a device's connections the same packets in the same order each way,
  /// and to each application the same messages. For runs whose bytes went in other pieces.
  sequences,
};

struct Comparison {
  Verdict verdict;
  /// At the most one: the first difference. Its time and events are those of the second run.
  std::vector<Violation> violations;
};

[[nodiscard]] Comparison compare(const trace::Log& first, const trace::Log& second,
                                 Sameness sameness);

}  // namespace mqttlab::oracle
