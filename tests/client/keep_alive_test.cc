#include <gtest/gtest.h>

#include <array>

#include "tests/support/client_script.h"

namespace mqttlab::testing {
namespace {

ClientConfig config(std::uint16_t keep_alive_s = 10, Time ping_timeout = 4 * second) {
  return {.client_id = "c",
          .clean_session = false,
          .keep_alive_s = keep_alive_s,
          .ping_timeout = ping_timeout};
}

TEST(KeepAlive, AnIdleClientPingsOncePerKeepAlive_MQTT_3_1_2_23) {
  ClientScript lab(config());
  lab.connect();
  for (int i = 0; i < 5; ++i) {
    lab.after(10 * second - 1);
    lab.server().expect_nothing();
    lab.after(1);
    lab.server().expect<Pingreq>();
    lab.server().expect_nothing();
    lab.server().send(Pingresp{});
  }
  EXPECT_TRUE(lab.client().connected());
}

// The gap begins with CONNECT. Ahead of CONNACK nothing goes out: then PINGREQ follows it at once.
TEST(KeepAlive, TheFirstGapBeginsWithCONNECT_MQTT_3_1_2_23) {
  for (const Time answered : {Time{0}, 3 * second, 10 * second - 1, 10 * second, 12 * second}) {
    ClientScript lab(config());
    lab.client().start(0);
    lab.dial().expect<Connect>();
    lab.after(answered);
    lab.server().send(Connack{});
    lab.until(std::max(10 * second, answered));
    lab.server().expect<Pingreq>();
    EXPECT_EQ(lab.now(), std::max(10 * second, answered));
    lab.server().send(Pingresp{});
    lab.after(10 * second - 1);
    lab.server().expect_nothing();
  }
}

// The server's word holds (MQTT-3.2.2-21) from CONNECT on, whichever of the two asks for none.
TEST(KeepAlive, TheServersKeepAliveIsCountedFromCONNECT) {
  const auto due = [](std::uint16_t asked_s, std::uint16_t told_s, Time answered) {
    ClientConfig options = config(asked_s);
    options.version = v5_0;
    ClientScript lab(options);
    lab.client().start(0);
    lab.dial().expect<Connect>();
    lab.after(answered);
    lab.server().send(Connack{.properties = only(PropertyId::server_keep_alive, told_s)});
    return lab.client().deadline();
  };
  EXPECT_EQ(due(60, 5, 3 * second), 5 * second);
  EXPECT_EQ(due(0, 5, 3 * second), 5 * second);
  EXPECT_EQ(due(5, 0, 3 * second), never);
  EXPECT_LE(due(60, 5, 7 * second), 7 * second) << "at once";
}

TEST(KeepAlive, WithoutPingrespTheLinkIsGivenUpOnTime) {
  ClientScript lab(config());
  lab.connect();
  lab.after(10 * second);
  lab.server().expect<Pingreq>();
  lab.after(4 * second - 1);
  EXPECT_FALSE(lab.server().wants_close());
  lab.after(1);
  EXPECT_TRUE(lab.server().wants_close());
  EXPECT_EQ(lab.event<Disconnected>().reason, "no sign of life after PINGREQ within 4 s");
  EXPECT_FALSE(lab.client().connected());
}

// KA-DETECT, for every instant of the last byte and any rhythm of writing.
TEST(KeepAlive, ADeadLinkIsNoticedInTimeHoweverMuchThisEndWrites) {
  for (const Time rhythm : {100 * millisecond, 1 * second, 3 * second, 9 * second, 11 * second}) {
    for (Time last = 0; last <= 30 * second; last += 700 * millisecond) {
      ClientScript lab(config());
      lab.connect();
      Time heard = 0;
      while (lab.client().connected() && lab.now() < 100 * second) {
        lab.publish("t", QoS::at_most_once);
        for (const std::string& line : lab.server().rest()) {
          if (lab.now() > last || line != describe(Pingreq{})) continue;
          lab.server().send(Pingresp{});
          heard = lab.now();
        }
        lab.until(std::min(lab.now() + rhythm, std::max(lab.client().deadline(), lab.now() + 1)));
      }
      ASSERT_LE(lab.now(), heard + 14 * second) << "rhythm " << rhythm << ", last " << last;
      ASSERT_GE(lab.now(), heard + 4 * second) << "not before the ping timeout";
    }
  }
}

TEST(KeepAlive, TheGapBetweenPacketsNeverExceedsIt_MQTT_3_1_2_23) {
  ClientScript lab(config(10, 60 * second));  // the answer may take longer than the keep alive
  lab.connect();
  for (int i = 0; i < 8; ++i) {
    lab.after(10 * second);
    EXPECT_FALSE(lab.server().rest().empty()) << "at " << lab.now();
    if (i == 4) lab.server().send(Pingresp{});
  }
  EXPECT_TRUE(lab.client().connected());
}

TEST(KeepAlive, AnyByteIsASignOfLife) {
  ClientScript lab(config());
  lab.connect();
  lab.after(10 * second);
  lab.server().expect<Pingreq>();
  // PINGRESP stands behind a PUBLISH that needs a minute on this link.
  const auto bytes = bytes_of(Publish{text("t"), text(std::string(60, 'x'))});
  for (const std::uint8_t& byte : bytes) {
    lab.after(1 * second);
    lab.server().send(Bytes(&byte, 1));
  }
  lab.server().send(Pingresp{});
  EXPECT_TRUE(lab.client().connected());
}

// MQTT-3.12.4-1: PINGRESP is owed, and other packets are no substitute for it.
TEST(KeepAlive, AServerThatTalksButNeverAnswersAPingIsGivenUp) {
  ClientScript lab(config());
  lab.connect();
  while (lab.client().connected() && lab.now() < 100 * second) {
    lab.after(500 * millisecond);
    if (lab.client().connected()) lab.server().send(Publish{text("t"), text("x")});
  }
  EXPECT_EQ(lab.now(), 24 * second) << "PINGREQ at 10 s, then keep alive and ping timeout";
  EXPECT_EQ(lab.event<Disconnected>().reason, "no PINGRESP within 14 s");
}

TEST(KeepAlive, ZeroMeansNone) {
  ClientScript lab(config(0));
  lab.connect();
  EXPECT_EQ(lab.client().deadline(), never);
  lab.after(100'000 * second);
  lab.server().expect_nothing();
  EXPECT_TRUE(lab.client().connected());
}

TEST(KeepAlive, AnEndThatDoesNotReadDoesNotBlameTheServer) {
  ClientConfig slow = config();
  slow.inbox_messages = 1;
  ClientScript lab(slow);
  lab.connect();
  lab.event<Connected>();
  lab.server().send(Publish{text("a"), text("x")});
  EXPECT_TRUE(lab.server().peer().space().empty());
  for (int i = 0; i < 10; ++i) {
    lab.after(10 * second);
    lab.server().expect<Pingreq>();  // the server hears that this end lives
  }
  EXPECT_TRUE(lab.client().connected());
  lab.event<Received>();
  lab.after(4 * second - 1);
  EXPECT_TRUE(lab.client().connected()) << "PINGRESP may be on its way";
  lab.after(1);
  EXPECT_FALSE(lab.client().connected());
}

// KA-DETECT: that the transport takes bytes says nothing about the server.
TEST(KeepAlive, AServerThatSaysNothingIsGivenUpEvenBehindAFullOutbox) {
  ClientConfig narrow = config();
  narrow.outbox_bytes = 100;
  for (const std::size_t taken : {0, 1, 350}) {
    ClientScript lab(narrow);
    lab.connect();
    lab.publish("a", QoS::at_least_once, std::string(300, 'x'));
    while (!lab.server().peer().space().empty()) lab.server().send(Pubrel{1});
    lab.until(12 * second);
    lab.server().peer().sent(taken, lab.now());
    lab.until(14 * second - 1);
    EXPECT_TRUE(lab.client().connected());
    lab.until(14 * second);
    EXPECT_FALSE(lab.client().connected()) << taken;
  }
}

TEST(KeepAlive, StoppingDoesNotProlongADeadLink) {
  ClientScript lab(config());
  lab.connect();
  lab.until(13 * second);  // PINGREQ is due at 10 s, and nothing is taken
  lab.client().stop(lab.now());
  lab.until(14 * second - 1);
  std::array<Bytes, 8> pieces;
  EXPECT_NE(lab.server().peer().pending(pieces), 0U) << "DISCONNECT may still get through";
  lab.until(14 * second);
  EXPECT_EQ(lab.server().peer().pending(pieces), 0U);
  EXPECT_TRUE(lab.server().peer().finished());
}

TEST(KeepAlive, ABlockedTransportGetsOnePingNotMany) {
  ClientScript lab(config(10, 1'000 * second));
  lab.connect();
  lab.after(100 * second);
  EXPECT_EQ(lab.server().rest().size(), 1U);
}

TEST(KeepAlive, TimersEndWithTheirLink) {
  ClientScript lab(config());
  lab.connect();
  lab.after(10 * second);  // PINGREQ waits for its answer
  lab.server().close(CloseCause::reset);
  lab.redial();
  lab.client().dialing(lab.now());
  lab.after(7 * second);  // past the old link's deadline
  Script server(lab.client().dialed(lab.now()), Sender::server, lab.now());
  server.expect<Connect>();
  server.send(Connack{true});
  lab.after(10 * second - 1);
  EXPECT_TRUE(lab.client().connected());
  server.expect_nothing();
}

}  // namespace
}  // namespace mqttlab::testing
