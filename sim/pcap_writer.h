// PcapWriter: a capture file of bare IP packets (LINKTYPE_RAW) with nanosecond times.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "protocol/peer.h"

namespace mqttlab::sim {

class PcapWriter {
 public:
  /// Throws std::invalid_argument naming the path and the reason if it cannot be written.
  explicit PcapWriter(const std::string& path);
  void packet(Bytes ip, Time at);
  /// Throws std::runtime_error naming the path if the file could not take everything.
  void flush();

 private:
  std::string path_;
  std::vector<char> buffer_;
  std::ofstream file_;
};

}  // namespace mqttlab::sim
