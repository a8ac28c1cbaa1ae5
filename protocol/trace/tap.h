// Tap: watches one end of one connection at the host boundary and turns its bytes into packet
// events.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/trace/log.h"
#include "protocol/wire/framer.h"

namespace mqttlab::trace {

class Tap {
 public:
  /// Records `opened`. `guest`: as flag_guest.
  Tap(Log& log, End end, Actor actor, std::uint32_t connection, Time now, bool guest = false);
  /// None for a log that keeps nothing: its bytes are not even read.
  static std::optional<Tap> on(Log& log, End end, Actor actor, std::uint32_t connection, Time now,
                               bool guest = false) {
    if (!log.is_on()) return std::nullopt;
    return Tap(log, end, actor, connection, now, guest);
  }
  void written(Bytes bytes, Time now);      ///< the transport took these bytes
  void arrived(Bytes bytes, Time now);      ///< before the peer gets them
  void closed(CloseCause cause, Time now);  ///< records tails, then `closed`; the first call counts

  /// Bytes of MQTT so far.
  [[nodiscard]] std::uint64_t written_bytes() const { return written_.bytes; }
  [[nodiscard]] std::uint64_t arrived_bytes() const { return arrived_.bytes; }

 private:
  /// One direction. Whole packets are decoded where they lie; only a packet's front is kept.
  struct Stream {
    Kind kind;
    Sender sender;
    Framer framer;
    std::uint64_t bytes = 0;
    bool broken = false;          ///< after bytes that are no packet nothing more can be told
    std::vector<Text> aliases{};  ///< topics by topic alias; 0: not set
  };
  void feed(Stream& stream, Bytes bytes, Time now);
  void packet(Stream& stream, const Slice& frame, Time now);
  [[nodiscard]] Result<Packet> decoded(const Stream& stream, const Slice& frame) const;
  void malformed(Stream& stream, const Violation& violation, std::size_t bytes, Time now);
  void tail(const Stream& stream, Time now);

  Log& log_;
  Event base_;  // end, actor and connection; the rest is filled in per event
  Stream written_, arrived_;
  ProtocolVersion version_ = ProtocolVersion::v5_0;  // until CONNECT tells
  bool closed_ = false;
};

}  // namespace mqttlab::trace
