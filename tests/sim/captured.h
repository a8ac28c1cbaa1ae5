// What a capture holds, read without any of the code that wrote it.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "sim/segment.h"
#include "sim/tcp_packet.h"
#include "sim/world.h"

namespace mqttlab::sim {

struct Captured {
  Time at = 0;
  Segment segment;
  TcpPacket packet;
  bool to_site = false;
};

/// Every packet of TCP in a capture of LINKTYPE_RAW with nanoseconds, in order.
inline std::vector<Captured> read_capture(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  file.seekg(24);
  std::vector<Captured> all;
  std::array<std::uint32_t, 4> header{};
  while (file.read(reinterpret_cast<char*>(header.data()), sizeof header)) {
    std::vector<std::uint8_t> bytes(header[2]);
    file.read(reinterpret_cast<char*>(bytes.data()), header[2]);
    const auto segment = Segment::read(bytes, header[2]);
    if (!segment) continue;
    all.push_back({header[0] * second + header[1], *segment, TcpPacket(std::move(bytes)),
                   (segment->destination & 0xFF'FFFF) == 1});
  }
  return all;
}

/// A world with a broker and a capture, over IPv4 and IPv6 (the parameter: whether it is that).
class CapturedWorld : public ::testing::TestWithParam<bool> {
 protected:
  CapturedWorld()
      : path_(::testing::TempDir() + "mqttlab-" + std::to_string(getpid()) + ".pcap"), world_([&] {
          WorldConfig config;
          config.ipv6 = GetParam();
          config.pcap_path = path_;
          return config;
        }()) {
    world_.add_broker("broker", {});
  }
  ~CapturedWorld() override { std::filesystem::remove(path_); }

  const std::string path_;
  World world_;
};

}  // namespace mqttlab::sim
