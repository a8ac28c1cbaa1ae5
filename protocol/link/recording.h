// Recording: what a link was like over time, as a table (CSV) has it; see CapacityTrace for
// recordings of single opportunities to send.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/peer.h"

namespace mqttlab {

/// Rate, delay or loss, each from an instant until the next one's; after the last the recording
/// starts again.
class Recording {
 public:
  struct Step {
    Time at = 0;
    double rate_bps = 0;  ///< 0: nothing leaves
    Time delay = 0;       ///< one way
    double loss = 0;      ///< independent, per packet, 0..1
  };

  /// Parses CSV. The first line names the columns: a time (time_s or time_ms), and at least one of
  /// mbit/s, kbit/s, delay_ms, delay_s, loss (0..1) and loss_% (0..100). Times count from the first
  /// row's and must grow; the last row lasts as long as the one before it. Throws
  /// std::invalid_argument naming the line, its text and what to write.
  [[nodiscard]] static std::shared_ptr<const Recording> parse(std::string_view name,
                                                              std::string_view text);

  std::string name;
  std::vector<Step> steps;
  Time length = 0;
  bool has_rate = false, has_delay = false, has_loss = false;  ///< which columns there are

  /// What holds at an instant, counted from the recording's start, in any lap.
  [[nodiscard]] const Step& at(Time place) const;
  /// When `bits` that begin to leave at `place` have left.
  [[nodiscard]] Time departure(Time place, double bits) const;
  [[nodiscard]] Time longest_delay() const;

 private:
  [[nodiscard]] std::size_t index(Time in_lap) const;
  [[nodiscard]] Time end(std::size_t index) const;
  double bits_per_lap_ = 0;
};

/// A line of a recording without blanks at its ends; for messages, cut to a length that can be
/// read.
[[nodiscard]] std::string_view trimmed(std::string_view line);
[[noreturn]] void bad_line(std::string_view name, std::size_t number, std::string_view line,
                           std::string_view why);

}  // namespace mqttlab
