// Connections over a link in virtual time: handshake, ends, and faults at the very byte.
#include "protocol/link/passage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace mqttlab {
namespace {

using Octets = std::vector<std::uint8_t>;

const Octets connect{0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 1, 'a'};
const Octets connack{0x20, 2, 0, 0};
const Octets pubrec{0x50, 2, 0, 1};
const Octets publish{0x34, 9, 0, 3, 't', '/', '1', 0, 1, 'h', 'i'};

Octets operator+(Octets left, const Octets& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}
Octets operator*(int times, const Octets& octets) {
  Octets all;
  for (int i = 0; i < times; ++i) all = std::move(all) + octets;
  return all;
}

LinkSpec link_of(Time delay) {
  LinkSpec spec;
  spec.name = "link";
  spec.up.delay = spec.down.delay = delay;
  return spec;
}

/// What a host and both applications are to a Passage: a broker that takes every dial.
struct Ends final : Passage::Owner, Passage::Watcher {
  explicit Ends(std::vector<Fault> faults = {}, Time delay = 10 * millisecond)
      : medium(link_of(delay), 1, "device", 0), plan(std::move(faults)) {
    connect_again();
  }

  void connect_again() {
    passage = std::make_unique<Passage>(medium, plan, ++number, *this, this, now);
    got = {};
    gone = {};
    seen.clear();
  }
  void send(LinkEnd end, const Octets& octets) {
    for (std::size_t at = 0; at < octets.size();) {
      const auto room = passage->end(end).space();
      ASSERT_FALSE(room.empty());
      const std::size_t n = std::min({room.size(), octets.size() - at, piece});
      std::copy_n(octets.begin() + static_cast<long>(at), n, room.begin());
      passage->end(end).received(n, now);
      at += n;
    }
    settle();
  }
  void close(LinkEnd end, CloseCause cause) {
    gone[static_cast<std::size_t>(end)] = cause;
    passage->end(end).closed(cause, now);
    settle();
  }
  void settle() {
    if (passage->wants_dial()) {
      passage->dialing();
      passage->dialed(now);
      is_dialed = true;
    }
    for (const LinkEnd end : {LinkEnd::device, LinkEnd::broker}) take(end);
    for (const LinkEnd end : {LinkEnd::device, LinkEnd::broker}) end_if_ended(end);
  }
  [[nodiscard]] bool has(LinkEnd end) const {
    return !is_gone(end) && (end == LinkEnd::device || is_dialed);
  }
  void take(LinkEnd end) {
    if (!has(end)) return;
    Peer& peer = passage->end(end);
    std::array<Bytes, 4> pieces;
    while (peer.pending(pieces) > 0) {
      const std::size_t n = std::min(pieces[0].size(), piece);
      auto& into = got[static_cast<std::size_t>(end)];
      into.insert(into.end(), pieces[0].begin(), pieces[0].begin() + static_cast<long>(n));
      peer.sent(n, now);
    }
  }
  void end_if_ended(LinkEnd end) {
    Peer& peer = passage->end(end);
    if (!has(end) || !(passage->is_aborted(end) || peer.finished())) return;
    gone[static_cast<std::size_t>(end)] = CloseCause::local;
    how[static_cast<std::size_t>(end)] = passage->is_aborted(end) ? "reset" : "fin";
    peer.closed(CloseCause::local, now);
  }
  void run_until(Time end) {
    for (;;) {
      const Time next = passage->deadline();
      if (next > end) break;
      now = std::max(now, next);
      passage->advance(now);
      settle();
    }
    now = end;
  }
  void run_for(Time time) { run_until(now + time); }
  const Octets& at_device() const { return got[0]; }
  const Octets& at_broker() const { return got[1]; }
  [[nodiscard]] bool is_gone(LinkEnd end) const {
    return gone[static_cast<std::size_t>(end)].has_value();
  }

  void happened(const Fault& fault, Passage& passage_of, Time at) override {
    faults_at.push_back(at);
    if (fault.kind == Fault::Kind::down) passage_of.medium().set_up(false);
    if (fault.kind == Fault::Kind::blackhole) passage_of.medium().blackhole(Way::up, fault.up);
  }
  void opened(LinkEnd end, Time) override { note(end, "opened"); }
  void written(LinkEnd end, Bytes bytes, Time) override {
    written_bytes[static_cast<std::size_t>(end)] += bytes.size();
  }
  void arrived(LinkEnd end, Bytes bytes, Time) override {
    auto& into = watched[static_cast<std::size_t>(end)];
    into.insert(into.end(), bytes.begin(), bytes.end());
  }
  void closed(LinkEnd end, CloseCause cause, Time) override {
    note(end, "closed " + std::to_string(static_cast<int>(cause)));
  }
  void note(LinkEnd end, const std::string& what) {
    seen.push_back((end == LinkEnd::device ? "device " : "broker ") + what);
  }

  Medium medium;
  FaultPlan plan;
  Time now = 0;
  std::uint32_t number = 0;
  std::size_t piece = SIZE_MAX;
  std::unique_ptr<Passage> passage;
  bool is_dialed = false;
  std::array<Octets, 2> got, watched;
  std::array<std::size_t, 2> written_bytes{};
  std::array<std::optional<CloseCause>, 2> gone;
  std::array<std::string, 2> how;
  std::vector<std::string> seen;
  std::vector<Time> faults_at;
};

Fault cut_at(Way way, Trigger::Kind kind, PacketType packet, std::uint32_t count,
             std::uint64_t bytes = 0, Cut how = Cut::reset) {
  Fault fault;
  fault.when.way = way;
  fault.when.kind = kind;
  fault.when.packet = packet;
  fault.when.count = count;
  fault.when.bytes = bytes;
  fault.how = how;
  return fault;
}

TEST(Passage, AHandshakeGoesThereAndBackBeforeTheFirstByte) {
  Ends ends;
  ends.send(LinkEnd::device, connect);
  ends.run_until(10 * millisecond - 1);
  EXPECT_FALSE(ends.is_dialed);
  ends.run_until(10 * millisecond);
  EXPECT_TRUE(ends.is_dialed);
  ends.run_until(30 * millisecond - 1);
  EXPECT_TRUE(ends.at_broker().empty());
  ends.run_until(30 * millisecond);
  EXPECT_EQ(ends.at_broker(), connect);
  ends.send(LinkEnd::broker, connack);
  ends.run_for(10 * millisecond);
  EXPECT_EQ(ends.at_device(), connack);
  EXPECT_EQ(ends.watched, ends.got);
}

TEST(Passage, NobodyIsDialedThroughALinkThatIsDown) {
  Ends ends;
  ends.medium.set_up(false);
  ends.connect_again();
  ends.send(LinkEnd::device, connect);
  ends.run_for(5 * second);
  EXPECT_FALSE(ends.is_dialed);
  ends.medium.set_up(true);
  ends.run_for(5 * second);  // asked again after 1, 2 and 4 s
  EXPECT_EQ(ends.at_broker(), connect);
  ends.medium.set_up(false);
  ends.connect_again();
  ends.send(LinkEnd::device, connect);
  ends.close(LinkEnd::device, CloseCause::fin);  // loses patience: nothing of it is left
  EXPECT_TRUE(ends.passage->is_over());
  EXPECT_FALSE(ends.passage->wants_dial());
}

TEST(Passage, ABrokerThatRefusesResetsTheDevice) {
  Ends ends;
  ends.passage->dialing();
  ends.passage->not_dialed(ends.now);
  EXPECT_FALSE(ends.passage->wants_dial());
  ends.settle();
  EXPECT_EQ(ends.how[0], "reset");
  EXPECT_TRUE(ends.passage->is_over());
}

TEST(Passage, EndsCrossBehindTheBytesAsTheEndsSeeThem) {
  Ends ends;
  ends.send(LinkEnd::device, connect);
  ends.run_for(second);
  ends.send(LinkEnd::broker, connack);
  ends.close(LinkEnd::broker, CloseCause::fin);
  EXPECT_FALSE(ends.is_gone(LinkEnd::device));
  ends.run_for(second);
  EXPECT_EQ(ends.at_device(), connack);
  EXPECT_EQ(ends.how[0], "fin");
  EXPECT_TRUE(ends.passage->is_over());
  EXPECT_EQ(ends.seen, (std::vector<std::string>{"device opened", "broker opened",
                                                 "broker closed 3", "device closed 0"}));
  Ends reset;
  reset.send(LinkEnd::device, connect);
  reset.run_for(second);
  reset.close(LinkEnd::device, CloseCause::reset);
  reset.run_for(second);
  EXPECT_EQ(reset.how[1], "reset");
  EXPECT_EQ(reset.seen.back(), "broker closed 1");
}

TEST(Passage, ALinkThatIsDownLeavesTheOtherEndAlone) {
  Ends ends;
  ends.send(LinkEnd::device, connect);
  ends.run_for(second);
  ends.medium.set_up(false);
  ends.close(LinkEnd::device, CloseCause::reset);
  ends.run_for(100 * second);
  EXPECT_FALSE(ends.is_gone(LinkEnd::broker));
  EXPECT_FALSE(ends.passage->is_over());
  ends.close(LinkEnd::broker, CloseCause::fin);
  EXPECT_TRUE(ends.passage->is_over());
}

// Every place around the third PUBREC and the second PUBLISH, whole and byte by byte.
TEST(Passage, ExactlyTheBytesBeforeACutHaveArrived) {
  const Octets down = connack + 5 * pubrec, up = connect + 3 * publish;
  struct Case {
    Fault fault;
    std::size_t arrives;
  };
  using Kind = Trigger::Kind;
  const auto packet = PacketType::publish;
  std::vector<Case> cases{
      {cut_at(Way::down, Kind::before, PacketType::pubrec, 3), connack.size() + 2 * 4},
      {cut_at(Way::down, Kind::after, PacketType::pubrec, 3), connack.size() + 3 * 4},
      {cut_at(Way::down, Kind::before, PacketType::connack, 1), 0},
      {cut_at(Way::up, Kind::before, packet, 2), connect.size() + publish.size()},
      {cut_at(Way::up, Kind::after, packet, 2), connect.size() + 2 * publish.size()},
      {cut_at(Way::up, Kind::after, packet, 4), up.size()},                   // never
      {cut_at(Way::up, Kind::inside, packet, 2, publish.size()), up.size()},  // never
      {cut_at(Way::up, Kind::bytes, {}, 1, 17), 17},
      {cut_at(Way::up, Kind::bytes, {}, 1, 0), 0},
  };
  for (std::size_t k = 0; k < publish.size(); ++k)
    cases.push_back(
        {cut_at(Way::up, Kind::inside, packet, 2, k), connect.size() + publish.size() + k});
  for (const auto& [fault, arrives] : cases) {
    for (const std::size_t piece : {SIZE_MAX, std::size_t{1}, std::size_t{3}}) {
      Ends ends({fault});
      ends.piece = piece;
      ends.send(LinkEnd::device, up);
      ends.run_for(second);
      if (!ends.is_gone(LinkEnd::broker)) ends.send(LinkEnd::broker, down);
      ends.run_for(second);
      const bool is_up = fault.when.way == Way::up;
      const Octets& got = is_up ? ends.at_broker() : ends.at_device();
      const Octets& all = is_up ? up : down;
      EXPECT_EQ(got, Octets(all.begin(), all.begin() + static_cast<long>(arrives)));
      EXPECT_EQ(ends.passage->was_cut(),
                arrives == all.size() ? std::nullopt : std::optional(Cut::reset));
      EXPECT_EQ(ends.how[0], arrives == all.size() ? "" : "reset");
      EXPECT_EQ(ends.how[1], ends.is_dialed ? ends.how[0] : "");
    }
  }
}

TEST(Passage, WhoHearsOfACut) {
  struct Case {
    Cut how;
    std::string device, broker;
  };
  for (const auto& [how, device, broker] :
       {Case{Cut::reset, "reset", "reset"}, Case{Cut::fin, "fin", "fin"},
        Case{Cut::half_open, "reset", ""}, Case{Cut::silent, "", ""}}) {
    Ends ends({cut_at(Way::up, Trigger::Kind::after, PacketType::publish, 1, 0, how)});
    ends.send(LinkEnd::device, connect + publish + publish);
    ends.run_for(second);
    EXPECT_EQ(ends.at_broker(), connect + publish);
    EXPECT_EQ(ends.how[0], device);
    EXPECT_EQ(ends.how[1], broker);
    for (const LinkEnd end : {LinkEnd::device, LinkEnd::broker}) {
      if (ends.is_gone(end)) continue;
      ends.send(end, 100'000 * Octets{0});  // goes nowhere, and does not fill up either
      ends.run_for(second);
      ends.close(end, CloseCause::fin);
    }
    EXPECT_EQ(ends.at_broker(), connect + publish);
    EXPECT_TRUE(ends.at_device().empty());
    EXPECT_TRUE(ends.passage->is_over());
  }
}

TEST(Passage, AFaultHappensOnceOrOnEachConnection) {
  Fault once = cut_at(Way::up, Trigger::Kind::after, PacketType::connect, 1);
  for (const bool each : {false, true}) {
    once.when.each = each;
    Ends ends({once});
    for (int connection = 1; connection <= 3; ++connection) {
      ends.send(LinkEnd::device, connect);
      ends.run_for(second);
      EXPECT_EQ(ends.passage->was_cut().has_value(), each || connection == 1);
      ends.is_dialed = false;
      ends.connect_again();
    }
  }
  once.when.each = false;
  once.when.connection = 2;
  Ends ends({once});
  for (int connection = 1; connection <= 3; ++connection) {
    ends.send(LinkEnd::device, connect);
    ends.run_for(second);
    EXPECT_EQ(ends.passage->was_cut().has_value(), connection == 2);
    ends.is_dialed = false;
    ends.connect_again();
  }
}

TEST(Passage, ABlackholeFromAByteOn) {
  Fault fault = cut_at(Way::up, Trigger::Kind::inside, PacketType::publish, 1, 4);
  fault.kind = Fault::Kind::blackhole;
  fault.down = false;
  Ends ends({fault});
  ends.send(LinkEnd::device, connect + publish);
  ends.run_for(10 * second);
  const Octets whole = connect + publish;
  const Octets part(whole.begin(), whole.begin() + static_cast<long>(connect.size()) + 4);
  EXPECT_EQ(ends.at_broker(), part);
  ends.send(LinkEnd::broker, connack);  // the other way is open
  ends.run_for(second);
  EXPECT_EQ(ends.at_device(), connack);
  ASSERT_EQ(ends.faults_at.size(), 1U);
  ends.medium.blackhole(Way::up, false);
  ends.run_for(30 * second);
  EXPECT_EQ(ends.at_broker(), whole);
}

TEST(Passage, SeesPacketsOnlyOfPlainMqtt) {
  const Octets others[] = {{0x16, 3, 1, 0, 200},
                           {'G', 'E', 'T', ' ', '/'},
                           {0x10, 13, 0, 4, 'H', 'T', 'T', 'P'},
                           {0x10, 0xFF, 0xFF, 0xFF, 0xFF},
                           {0x10, 13, 0}};
  for (const Octets& octets : others) {
    for (const std::size_t piece : {SIZE_MAX, std::size_t{1}}) {
      Ends ends({cut_at(Way::up, Trigger::Kind::before, PacketType::connect, 1)});
      ends.piece = piece;
      ends.run_for(second);
      ends.send(LinkEnd::device, octets);
      ends.run_for(second);
      ends.close(LinkEnd::device, CloseCause::fin);
      ends.run_for(second);
      EXPECT_EQ(ends.at_broker(), octets);
      EXPECT_EQ(ends.how[1], "fin");
      EXPECT_EQ(ends.passage->is_mqtt(), false);
      EXPECT_TRUE(ends.seen.empty());
    }
  }
  for (const std::string_view name : {std::string_view("\0\4MQTT", 6), {"\0\6MQIsdp", 8}}) {
    Octets front{0x10, 90};
    front.insert(front.end(), name.begin(), name.end());
    for (std::size_t n = 0; n < front.size(); ++n)
      EXPECT_EQ(begins_like_mqtt(Bytes(front).first(n)), std::nullopt);
    EXPECT_EQ(begins_like_mqtt(front), true);
  }
}

}  // namespace
}  // namespace mqttlab
