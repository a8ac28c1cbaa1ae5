// Tap: watches one end of one connection at the host boundary and turns its bytes into packet
// events.
#pragma once

#include <cstdint>

#include "protocol/trace/log.h"
#include "protocol/wire/framer.h"

namespace mqttlab::trace {

class Tap {
 public:
  Tap(Log& log, End end, Actor actor, std::uint32_t connection, Time now);  ///< records `opened`
  void written(Bytes bytes, Time now);      ///< the transport took these bytes
  void arrived(Bytes bytes, Time now);      ///< before the peer gets them
  void closed(CloseCause cause, Time now);  ///< records tails, then `closed`; the first call counts

  /// Bytes of MQTT so far.
  [[nodiscard]] std::uint64_t written_bytes() const { return written_.bytes; }
  [[nodiscard]] std::uint64_t arrived_bytes() const { return arrived_.bytes; }

 private:
  struct Stream {
    Framer framer;
    std::uint64_t bytes = 0;
    bool broken = false;
  };
  void feed(Stream& stream, Kind kind, Bytes bytes, Time now);
  void packet(Kind kind, const Slice& frame, Time now);

  Log& log_;
  Event base_;  // kind and time filled in per event
  Stream written_, arrived_;
  ProtocolVersion version_ = ProtocolVersion::v3_1_1;
  bool closed_ = false;
};

}  // namespace mqttlab::trace
