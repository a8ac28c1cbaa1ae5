// PcapWriter: a capture file of bare IP packets (LINKTYPE_RAW) with nanosecond times.
#pragma once

#include <string>

#include "protocol/peer.h"
#include "sim/output_file.h"

namespace mqttlab::sim {

class PcapWriter {
 public:
  /// Throws std::invalid_argument naming the path and the reason if it cannot be written.
  explicit PcapWriter(const std::string& path);
  void packet(Bytes ip, Time at);
  /// Throws std::runtime_error naming the path if the file could not take everything.
  void flush() { file_.flush(); }

 private:
  OutputFile file_;
};

}  // namespace mqttlab::sim
