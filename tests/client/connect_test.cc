#include <gtest/gtest.h>

#include "tests/support/client_script.h"

namespace mqttlab::testing {
namespace {

TEST(ClientConnect, ConnectIsFirstAndCarriesEveryField_MQTT_3_1_0_1) {
  ClientScript lab({.client_id = "meter-1",
                    .clean_session = false,
                    .keep_alive_s = 30,
                    .will = Will{text("gone"), text("meter-1"), QoS::exactly_once, true},
                    .user_name = "user",
                    .password = "secret"});
  EXPECT_FALSE(lab.client().wants_link()) << "not started";
  const Connect connect = lab.connect();
  EXPECT_EQ(connect.version, ProtocolVersion::v3_1_1);
  EXPECT_EQ(connect.client_id.text(), "meter-1");
  EXPECT_FALSE(connect.clean_session);
  EXPECT_EQ(connect.keep_alive_s, 30);
  ASSERT_TRUE(connect.will);
  EXPECT_EQ(connect.will->topic.text(), "gone");
  EXPECT_EQ(connect.will->payload.text(), "meter-1");
  EXPECT_EQ(connect.will->qos, QoS::exactly_once);
  EXPECT_TRUE(connect.will->retain);
  EXPECT_EQ(connect.user_name->text(), "user");
  EXPECT_EQ(connect.password->text(), "secret");
  EXPECT_FALSE(lab.event<Connected>().session_present);
}

TEST(ClientConnect, EveryConnectCarriesTheConfiguredCleanSession) {
  for (const bool clean : {false, true}) {
    ClientScript lab({.client_id = "c", .clean_session = clean});
    EXPECT_EQ(lab.connect().clean_session, clean);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(lab.reconnect(!clean).clean_session, clean);
  }
}

TEST(ClientConnect, Mqtt31IsSpokenOnRequest) {
  ClientScript lab({.client_id = "old", .version = ProtocolVersion::v3_1});
  EXPECT_EQ(lab.connect().version, ProtocolVersion::v3_1);
}

TEST(ClientConnect, NothingFollowsConnectBeforeConnack) {
  ClientScript lab({.client_id = "c"});
  lab.publish("a", QoS::at_least_once);
  lab.subscribe("b");
  lab.client().start(lab.now());
  lab.dial().expect<Connect>();
  lab.server().expect_nothing();
  lab.server().send(Connack{});
  lab.server().expect<Subscribe>();
  lab.server().expect<Publish>();
}

TEST(ClientConnect, RefusalIsReportedOnceAndTriedAgainAfterTheBackoff) {
  ClientScript lab({.client_id = "c", .backoff = {.initial = 1 * second, .jitter = 0}});
  lab.client().start(lab.now());
  lab.dial().expect<Connect>();
  lab.server().send(Connack{false, ConnectReturn::not_authorized});
  EXPECT_TRUE(lab.server().wants_close());
  EXPECT_EQ(lab.event<Refused>().code, ConnectReturn::not_authorized);
  EXPECT_FALSE(lab.client().has_events());
  lab.server().close(CloseCause::local);
  EXPECT_FALSE(lab.client().has_events());
  lab.after(999 * millisecond);
  EXPECT_FALSE(lab.client().wants_link());
  lab.after(1 * millisecond);
  EXPECT_TRUE(lab.client().wants_link());
}

TEST(ClientConnect, WithoutConnackTheLinkIsGivenUp) {
  ClientScript lab({.client_id = "c", .connect_timeout = 5 * second});
  lab.client().start(lab.now());
  lab.client().dialing(lab.now());
  lab.after(2 * second);  // the dial counts
  Script server(lab.client().dialed(lab.now()), Sender::server, lab.now());
  server.expect<Connect>();
  lab.after(3 * second - 1);
  EXPECT_FALSE(server.wants_close());
  lab.after(1);
  EXPECT_TRUE(server.wants_close());
  EXPECT_EQ(lab.event<Disconnected>().reason, "no CONNACK within 5 s");
}

TEST(ClientConnect, ADialWithoutAnAnswerIsGivenUpAndALateOneIsClosed) {
  ClientScript lab({.client_id = "c", .connect_timeout = 5 * second});
  lab.client().start(lab.now());
  lab.client().dialing(lab.now());
  EXPECT_FALSE(lab.client().wants_link());
  lab.after(5 * second);
  EXPECT_EQ(lab.event<Disconnected>().reason, "no answer to the dial");
  Peer& late = lab.client().dialed(lab.now());
  EXPECT_TRUE(late.finished());
  EXPECT_TRUE(drain(late, lab.now()).empty());
  late.closed(CloseCause::local, lab.now());
  EXPECT_FALSE(lab.client().has_events());
  lab.redial();
  lab.connect();
}

struct Wrong {
  const char* what;
  bool after_connack;
  std::vector<std::uint8_t> bytes;
  std::string_view statement;
};

TEST(ClientConnect, EveryViolationOfTheServerClosesTheLink_MQTT_4_8_0_1) {
  const std::vector<Wrong> wrongs{
      {"PUBLISH before CONNACK", false, bytes_of(Publish{text("a"), text("b")}), "MQTT-3.2.0-1"},
      {"PINGRESP before CONNACK", false, bytes_of(Pingresp{}), "MQTT-3.2.0-1"},
      {"session present for a clean session", false, bytes_of(Connack{true}), "MQTT-3.2.2-1"},
      {"a second CONNACK", true, bytes_of(Connack{}), "MQTT-3.2.0-1"},
      {"QoS 3", true, {0x36, 0x04, 0x00, 0x01, 'a', 'x'}, "MQTT-3.3.1-4"},
      {"PUBREL flags", true, {0x60, 0x02, 0x00, 0x01}, "MQTT-3.6.1-1"},
  };
  for (const Wrong& wrong : wrongs) {
    SCOPED_TRACE(wrong.what);
    ClientScript lab({.client_id = "c"});
    lab.client().start(lab.now());
    lab.dial().expect<Connect>();
    if (wrong.after_connack) lab.server().send(Connack{});
    lab.publish("never", QoS::exactly_once);
    lab.server().send(Bytes(wrong.bytes));
    EXPECT_TRUE(lab.server().peer().finished());
    EXPECT_TRUE(lab.server().rest().empty()) << "nothing is written after a violation";
    const auto how = lab.event<Disconnected>();
    ASSERT_TRUE(how.violation);
    EXPECT_EQ(how.violation->statement, wrong.statement);
    EXPECT_FALSE(lab.client().connected());
  }
}

TEST(ClientConnect, AServerThatSendsWhatOnlyClientsSendIsClosed) {
  Connect connect;
  connect.client_id = text("x");
  for (const Packet& packet : {Packet(Pingreq{}), Packet(Disconnect{}), Packet(connect),
                               Packet(Subscribe{1, {{text("a"), QoS::at_most_once}}}),
                               Packet(Unsubscribe{1, {text("a")}})}) {
    ClientScript lab({.client_id = "c"});
    lab.connect();
    lab.server().send(packet);
    EXPECT_TRUE(lab.server().wants_close()) << describe(packet);
    EXPECT_TRUE(lab.event<Disconnected>().violation) << describe(packet);
  }
}

TEST(ClientConnect, APacketOverTheLimitClosesTheLinkOnItsFirstBytes) {
  ClientScript lab({.client_id = "c", .max_packet_size = 100});
  lab.connect();
  const std::vector<std::uint8_t> header{0x30, 0xff, 0xff, 0xff, 0x7f};
  lab.server().send(Bytes(header));
  EXPECT_TRUE(lab.server().wants_close());
  const auto how = lab.event<Disconnected>();
  EXPECT_EQ(how.violation->reason, 0x95);
  EXPECT_EQ(how.reason, "the server sent a packet over max_packet_size");
}

TEST(ClientStop, DisconnectIsTheLastPacketAndTheClientStaysOffline_MQTT_3_14_4_2) {
  ClientScript lab({.client_id = "c", .clean_session = false});
  lab.connect();
  lab.publish("a", QoS::exactly_once);
  lab.client().stop(lab.now());
  lab.client().stop(lab.now());
  lab.server().expect<Publish>();
  lab.server().send(Pubrec{1});  // too late: an answer would follow DISCONNECT
  lab.publish("b", QoS::at_least_once);
  lab.publish("c", QoS::at_most_once);
  lab.server().expect<Disconnect>();
  lab.server().expect_nothing();
  EXPECT_TRUE(lab.server().wants_close());
  lab.server().close(CloseCause::local);
  EXPECT_EQ(lab.event<Disconnected>().reason, "stopped");
  lab.after(1'000 * second);
  EXPECT_FALSE(lab.client().wants_link());
  lab.connect(true);
  EXPECT_TRUE(lab.server().expect<Publish>().dup);
  EXPECT_EQ(lab.server().expect<Publish>().topic.text(), "b");
}

TEST(ClientStop, ALinkThatTakesNoMoreBytesDoesNotHoldItOpen) {
  ClientScript lab({.client_id = "c", .ping_timeout = 3 * second});
  lab.connect();
  lab.client().stop(lab.now());
  std::array<Bytes, 8> pieces;
  lab.after(3 * second - 1);
  EXPECT_EQ(lab.server().peer().pending(pieces), 1U) << "DISCONNECT has its chance";
  lab.after(1);
  EXPECT_EQ(lab.server().peer().pending(pieces), 0U);
  EXPECT_TRUE(lab.server().peer().finished());
}

TEST(ClientStop, StartBeforeTheOldLinkIsClosedWaitsForIt) {
  ClientScript lab({.client_id = "c"});
  lab.connect();
  lab.client().stop(lab.now());
  lab.client().start(lab.now());
  EXPECT_FALSE(lab.client().wants_link());
  lab.server().expect<Disconnect>();
  lab.server().close(CloseCause::local);
  EXPECT_TRUE(lab.client().wants_link()) << "at once: no failure to back off from";
}

TEST(ClientStop, WhileDialingAbandonsTheDial) {
  ClientScript lab({.client_id = "c"});
  lab.client().start(lab.now());
  lab.client().dialing(lab.now());
  lab.client().stop(lab.now());
  EXPECT_TRUE(lab.client().dialed(lab.now()).finished());
  EXPECT_EQ(lab.client().deadline(), never);
}

TEST(ClientConfigCheck, NamesFieldAndRemedy) {
  const auto refusal = [](ClientConfig config) -> std::string {
    try {
      Client client(std::move(config), 1, nullptr, 0);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_EQ(refusal({.client_id = "c"}), "accepted");
  EXPECT_EQ(refusal({}), "accepted") << "the server invents an id for a clean session";
  const auto names = [&](ClientConfig config, const std::string& field) {
    const std::string words = refusal(std::move(config));
    EXPECT_EQ(words.rfind("ClientConfig." + field + ": ", 0), 0U) << words;
  };
  names({.clean_session = false}, "client_id");
  names({.client_id = "\xed\xa0\x80"}, "client_id");
  names({.client_id = std::string(65'536, 'x')}, "client_id");
  names({.client_id = std::string(24, 'x'), .version = ProtocolVersion::v3_1}, "client_id");
  names({.client_id = "c", .will = Will{text("a/+"), {}}}, "will.topic");
  names({.client_id = "c", .will = Will{text("a"), text(std::string(65'536, 'x'))}},
        "will.payload");
  names({.client_id = "c", .password = "p"}, "password");
  names({.client_id = "c", .ping_timeout = 0}, "ping_timeout");
  names({.client_id = "c", .connect_timeout = -1}, "connect_timeout");
  names({.client_id = "c", .connect_timeout = never}, "connect_timeout");
  names({.client_id = "c", .ping_timeout = never}, "ping_timeout");
  names({.client_id = "c", .backoff = {.maximum = never}}, "backoff.maximum");
  names({.client_id = "c", .backoff = {.initial = 0}}, "backoff.initial");
  names({.client_id = "c", .backoff = {.maximum = 1}}, "backoff.maximum");
  names({.client_id = "c", .backoff = {.factor = 0.5}}, "backoff.factor");
  names({.client_id = "c", .backoff = {.jitter = 1.5}}, "backoff.jitter");
  names({.client_id = "c", .window = 0}, "window");
  names({.client_id = "c", .inbox_messages = 0}, "inbox_messages");
  names({.client_id = "c", .max_packet_size = 4}, "max_packet_size");
}

}  // namespace
}  // namespace mqttlab::testing
