// However the bytes of a stream are split, the same packets cross every link in the same order.
#include <gtest/gtest.h>

#include <map>

#include "tests/support/memory_world.h"

namespace mqttlab::testing {
namespace {

using Packets = std::map<std::string, std::vector<std::string>>;  // by end and direction

std::string line(const trace::Event& e) {
  return std::string(name(e.packet)) + " id " + std::to_string(e.packet_id) + " flags " +
         std::to_string(e.flags) + " bytes " + std::to_string(e.bytes);
}

Packets play(std::size_t segment, std::size_t buffer) {
  MemoryWorld world({.window = 5});
  Wire wire;
  wire.segment = segment;
  wire.buffer = buffer;
  const auto wires = [wire](int) { return wire; };
  const auto desk = world.add({.client_id = "desk", .clean_session = false}, wires);
  const auto meter = world.add({.client_id = "meter", .window = 5}, wires);
  for (const auto client : {desk, meter}) world.start(client);
  world.subscribe(desk, "+/kwh", QoS::exactly_once);
  world.run(2 * second);
  for (unsigned i = 0; i < 60; ++i) {
    world.publish(meter, std::to_string(i) + "/kwh", std::string(i * 17 % 300, 'x'),
                  static_cast<QoS>(i % 3), i % 7 == 0);
  }
  world.run(60 * second);
  EXPECT_EQ(world.received(desk).size(), 60U);
  EXPECT_EQ(world.findings(), "");
  Packets packets;
  for (const trace::Event& event : world.log().events()) {
    if (event.kind != trace::Kind::written && event.kind != trace::Kind::arrived) continue;
    const std::string stream =
        std::string(event.end == trace::End::client ? "client " : "broker ") +
        std::to_string(event.connection) + " " + std::string(name(event.kind));
    packets[stream].push_back(line(event));
  }
  return packets;
}

TEST(Segments, ByteAtATimeEqualsCoalesced) {
  const Packets whole = play(65'536, 65'536);
  EXPECT_EQ(whole.size(), 8U) << "two connections, two ends, two directions";
  for (const std::size_t segment : {1, 2, 3, 7, 100}) {
    EXPECT_EQ(play(segment, 65'536), whole) << segment << " bytes at a time";
  }
}

TEST(Segments, NarrowBuffersChangeTheRhythmNotTheMessages) {
  for (const std::size_t buffer : {1, 5, 64, 1'000}) play(65'536, buffer);
}

}  // namespace
}  // namespace mqttlab::testing
