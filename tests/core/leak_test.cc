// Clients come, leave traces of every kind and go: what a broker held for them, it holds no more.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <string>

#include "protocol/broker/broker.h"
#include "protocol/wire/codec.h"
#include "protocol/wire/outbox.h"
#include "tests/core/live_memory.h"

namespace mqttlab::testing {
namespace {

constexpr std::uint32_t expiry_s = 60;

/// MQTTLAB_LEAK_VISITS, or so many as an automatic test has time for.
std::uint32_t visits() {
  const char* const wanted = std::getenv("MQTTLAB_LEAK_VISITS");
  return wanted ? static_cast<std::uint32_t>(std::strtoul(wanted, nullptr, 10)) : 10'000;
}

class Visitors {
 public:
  Visitors() {
    watch_ = arrive("watch", 0, false);
    for (const char* const filter : {"from/#", "gone/#"})
      say(*watch_, Subscribe{.packet_id = 1, .subscriptions = {{.filter = slice(filter)}}});
  }

  /// So many clients, one after the other, and the time after which nothing is owed to any.
  void come(std::uint32_t count) {
    for (const std::uint32_t last = next_ + count; next_ < last; ++next_) {
      visit(next_);
      until(now_ + 20 * millisecond);
    }
    until(now_ + 2 * expiry_s * second);
  }
  [[nodiscard]] BrokerGauges gauges() const { return broker_.gauges(); }

 private:
  static Slice slice(const std::string& text) { return Slice::copy_of(std::string_view(text)); }

  void visit(std::uint32_t number) {
    const std::string name = "visitor-" + std::to_string(number);
    const bool outlives = number % 2 == 0, has_will = number % 3 == 0;
    Peer* const peer = arrive(name, outlives ? expiry_s : 0, has_will);
    const LinkId link = last_link_;
    say(*peer, Subscribe{.packet_id = 1,
                         .subscriptions = {
                             {.filter = slice("to/" + name + "/#"), .qos = QoS::exactly_once}}});
    const auto publish = [&](const std::string& topic, const std::string& payload, QoS qos,
                             std::uint16_t id, bool retain) {
      say(*peer, Publish{.topic = slice(topic),
                         .payload = slice(payload),
                         .qos = qos,
                         .retain = retain,
                         .packet_id = id});
    };
    publish("to/" + name + "/x", "kept", QoS::at_least_once, 2, true);
    publish("to/" + name + "/x", "", QoS::at_least_once, 3, true);  // and cleared
    publish("from/" + name, std::string(number % 700, 'x'), QoS::exactly_once, 4, false);
    if (number % 5 == 0) say(*peer, Pubrel{.packet_id = 4});
    if (number % 7 != 0) say(*peer, Disconnect{});
    leave(*peer, link);
    // For the one before, which may be waited for, in vain.
    Peer* const other = arrive("other", 0, false);
    const LinkId other_link = last_link_;
    say(*other, Publish{.topic = slice("to/visitor-" + std::to_string(number - 1) + "/y"),
                        .payload = slice("late"),
                        .qos = QoS::at_least_once,
                        .packet_id = 1});
    leave(*other, other_link);
  }

  Peer* arrive(const std::string& name, std::uint32_t session_expiry_s, bool has_will) {
    Peer& peer = broker_.accept(++last_link_, now_);
    Connect connect{.version = ProtocolVersion::v5_0, .client_id = slice(name)};
    connect.properties.add(PropertyId::session_expiry_interval, session_expiry_s);
    if (has_will) {
      connect.will = Will{slice("gone/" + name), slice("x"), QoS::at_least_once, false};
      connect.will->properties.add(PropertyId::will_delay_interval, 10U);
    }
    say(peer, connect);
    return &peer;
  }

  void say(Peer& peer, const Packet& packet) {
    Outbox out;
    encode(packet, ProtocolVersion::v5_0, out);
    std::array<Bytes, 8> pieces;
    for (std::size_t i = 0, count = out.pending(pieces); i < count; ++i) {
      for (Bytes rest = pieces[i]; !rest.empty();) {
        const auto room = peer.space();
        ASSERT_FALSE(room.empty());
        const std::size_t n = std::min(rest.size(), room.size());
        std::copy_n(rest.begin(), n, room.begin());
        peer.received(n, now_);
        rest = rest.subspan(n);
      }
    }
    read(peer);
    if (watch_) read(*watch_);
  }

  void read(Peer& peer) {
    std::array<Bytes, 64> pieces;
    while (const std::size_t count = peer.pending(pieces)) {
      std::size_t size = 0;
      for (std::size_t i = 0; i < count; ++i) size += pieces[i].size();
      peer.sent(size, now_);
    }
    static_cast<void>(broker_.touched());
  }

  void leave(Peer& peer, LinkId link) {
    peer.closed(CloseCause::reset, now_);
    static_cast<void>(broker_.touched());
    broker_.release(link);
  }

  void until(Time when) {
    for (Time due; (due = broker_.deadline()) <= when;) broker_.advance(now_ = due);
    now_ = when;
  }

  Broker broker_{{.connect_timeout = 5 * second}, 1, nullptr, nullptr, {}};
  Time now_ = 0;
  LinkId last_link_ = 0;
  Peer* watch_ = nullptr;
  std::uint32_t next_ = 1'000'000;  // names of one length
};

TEST(Leak, ABrokerEndsWithTheMemoryItBeganWith) {
  Visitors visitors;
  visitors.come(4'000);  // as many sessions at a time as there will ever be, in tables and pools
  const std::size_t before = LiveMemory::now();
  const BrokerGauges gauges = visitors.gauges();
  EXPECT_EQ(gauges.sessions, 1U);
  EXPECT_EQ(gauges.subscriptions, 2U);
  EXPECT_EQ(gauges.retained + gauges.queued_messages, 0U);
  LiveMemory::reset();
  visitors.come(visits());
  EXPECT_LE(LiveMemory::now(), before);
  EXPECT_GT(LiveMemory::most(), before + 100'000) << "sessions were held in between";
  EXPECT_GE(visitors.gauges().sessions_expired - gauges.sessions_expired, visits() / 2);
}

}  // namespace
}  // namespace mqttlab::testing
