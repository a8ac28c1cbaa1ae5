// KeepAlive: when to send PINGREQ, and when a silent link is dead.
#pragma once

#include <algorithm>
#include <cstdint>

#include "protocol/peer.h"

namespace mqttlab::client {

/// Two promises. To the server: the gap between this end's packets never exceeds the keep alive
/// (MQTT-3.1.2-23). To this end: a dead link is noticed within keep alive + ping timeout of the
/// last byte received, however much this end writes; so PINGREQ also asks for a sign of life after
/// a keep alive without one. Any byte counts as one, for on a slow link PINGRESP may stand behind
/// other packets, but not for ever: PINGRESP itself (MQTT-3.12.4-1) is due within keep alive + ping
/// timeout of PINGREQ, not counting the time in which a packet was on its way.
class KeepAlive {
 public:
  /// Begins with CONNECT, which is about to be written.
  KeepAlive(Time ping_timeout, Time now)
      : ping_timeout_(ping_timeout), written_(now), heard_(now) {}

  /// CONNACK has come, and with it the keep alive that holds, counted from the last packet written
  /// before it: it ends the wait in which none goes out. 0: no pings, no verdict.
  void accepted(std::uint16_t keep_alive_s, Time now) {
    interval_ = keep_alive_s * second;
    heard_ = now;
  }
  void wrote(Time now) { written_ = now; }
  void heard(Time now) {
    if (within_packet_ && waiting()) pinged_ += now - std::max(pinged_, heard_);
    heard_ = now;
  }
  /// What has arrived ends within a packet.
  void within_packet(bool within) { within_packet_ = within; }
  void pinged(Time now) {
    written_ = now;
    if (!waiting()) pinged_ = now;
  }
  void answered() { pinged_ = never; }
  [[nodiscard]] bool waiting() const { return pinged_ != never; }  ///< for PINGRESP

  /// While this end does not read it cannot tell a dead link from its own silence.
  void stop_reading() { reading_ = false; }
  void read_again(Time now) {
    if (reading_) return;
    reading_ = true;
    heard_ = now;
    if (waiting()) pinged_ = now;
  }

  [[nodiscard]] Time ping_at() const {
    if (interval_ == 0) return never;
    return (waiting() || !reading_ ? written_ : std::min(written_, heard_)) + interval_;
  }
  /// The link is given up for the first of two reasons: silence, or PINGRESP overdue.
  [[nodiscard]] Time dead_at() const { return std::min(silent_at(), overdue_at()); }
  [[nodiscard]] Time silent_at() const {
    if (!waiting() || !reading_) return never;
    return std::max(pinged_, heard_) + ping_timeout_;
  }

 private:
  [[nodiscard]] Time overdue_at() const {
    if (!waiting() || !reading_ || within_packet_) return never;
    return pinged_ + interval_ + ping_timeout_;
  }
  Time interval_ = 0;
  Time ping_timeout_;
  Time written_;
  Time heard_;
  // The first PINGREQ that has no answer yet, moved on by the time that does not count.
  Time pinged_ = never;
  bool within_packet_ = false;
  bool reading_ = true;
};

}  // namespace mqttlab::client
