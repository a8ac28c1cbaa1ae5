// A path by itself: what it holds back, and whom that reaches.
#include <gtest/gtest.h>
#include <ns3/simulator.h>

#include <array>
#include <string>
#include <vector>

#include "sim/path.h"

namespace mqttlab::sim {
namespace {

constexpr std::uint16_t ipv4 = 0x0800, meter = 50'001, phone = 50'002;
constexpr std::uint8_t address = 2, new_address = 9;

TcpPacket segment(std::uint16_t port, std::string_view payload, std::uint8_t flags = TcpPacket::ack,
                  std::uint32_t sequence = 0) {
  std::vector<std::uint8_t> bytes(40);
  bytes[0] = 0x45;
  bytes[9] = 6;  // TCP
  bytes[15] = address;
  bytes[20] = static_cast<std::uint8_t>(port >> 8);
  bytes[21] = static_cast<std::uint8_t>(port);
  bytes[27] = static_cast<std::uint8_t>(sequence);
  bytes[32] = 0x50;
  bytes[33] = flags;
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return TcpPacket(std::move(bytes));
}

class Held : public testing::Test {
 protected:
  ~Held() override { ns3::Simulator::Destroy(); }
  void at(Time when, std::function<void()> what) {
    ns3::Simulator::Schedule(ns3::NanoSeconds(when), std::move(what));
  }
  void hand_over(const TcpPacket& packet) { path_.hand_over(Way::up, packet_of(packet), ipv4); }
  void coalesce(Time wait) { path_.disturb(Way::up, {.coalesce = wait}); }
  void run() { ns3::Simulator::Run(); }

  struct Got {
    Time at = 0;
    std::uint16_t port = 0;
    std::string payload;
    bool operator==(const Got&) const = default;
  };
  std::vector<Got> got_;
  DirectionCounters counted_;
  bool carries_ = true;
  Path path_{{[this](Way, const Path::Packet& packet, std::uint16_t) {
                const TcpPacket whole = bytes_of(packet);
                const Bytes payload = whole.payload();
                got_.push_back({ns3::Simulator::Now().GetNanoSeconds(), whole.source_port(),
                                std::string(payload.begin(), payload.end())});
              },
              {},
              [this](Way) -> DirectionCounters& { return counted_; },
              [this](std::uint16_t port) { return carries_ || port != meter; },
              [](Way) { return 0U; }}};
};

TEST_F(Held, AResetTakesWhatWaitsOfItsConnectionOnly) {
  at(0, [&] {
    coalesce(second);
    hand_over(segment(meter, "m"));
    hand_over(segment(phone, "p"));
    hand_over(segment(meter, "", TcpPacket::rst));
  });
  run();
  EXPECT_EQ(got_, (std::vector<Got>{{0, meter, ""}, {second, phone, "p"}}));
  EXPECT_EQ(counted_.delivered, 3U) << "the host throws away what its reset overtakes";
}

TEST_F(Held, AWaitThatWasEndedDoesNotEndTheNextOne) {
  at(0, [&] {
    coalesce(60 * second);
    hand_over(segment(meter, "a"));
  });
  at(3 * second, [&] { coalesce(0); });
  at(4 * second, [&] {
    coalesce(60 * second);
    hand_over(segment(meter, "b"));
  });
  run();
  EXPECT_EQ(got_, (std::vector<Got>{{3 * second, meter, "a"}, {64 * second, meter, "b"}}));
}

TEST_F(Held, WhatWaitsMeetsWhatStandsInItsWayByThen) {
  const auto wait = [&](Time until, const std::function<void()>& obstacle) {
    at(until - second, [&] {
      coalesce(second);
      hand_over(segment(meter, "a"));
      hand_over(segment(meter, "b", TcpPacket::ack, 1));
      hand_over(segment(phone, "p"));
    });
    at(until - 1, obstacle);
  };
  wait(10 * second, [&] { carries_ = false; });
  wait(20 * second, [&] {
    carries_ = true;
    path_.disturb(Way::up, {.blackhole = true, .coalesce = second});
  });
  wait(30 * second, [&] { path_.set_address(new_address); });
  run();
  EXPECT_EQ(got_, (std::vector<Got>{{10 * second, phone, "p"}}));
  EXPECT_EQ(counted_.lost_down, 2U) << "two packets, though they would have arrived as one";
  EXPECT_EQ(counted_.lost_blackhole, 3U);
  EXPECT_EQ(counted_.lost_moved, 3U);
  EXPECT_EQ(counted_.delivered, 1U);
}

TEST_F(Held, TheEndsOfStreamsMeetItAsWell) {
  constexpr auto end = TcpPacket::ack | TcpPacket::fin;
  at(0, [&] {
    path_.disturb(Way::up, {.holds_fin = true});
    hand_over(segment(meter, "", end));
    hand_over(segment(phone, "p", end));
  });
  at(second, [&] { hand_over(segment(meter, "", end)); });
  at(2 * second, [&] {
    carries_ = false;
    path_.disturb(Way::up, {});
  });
  run();
  EXPECT_EQ(got_, (std::vector<Got>{{0, phone, "p"}, {2 * second, phone, ""}}));
  EXPECT_EQ(counted_.lost_down, 2U) << "the repeat, too";
  EXPECT_EQ(counted_.delivered, 1U);
}

}  // namespace
}  // namespace mqttlab::sim
