// The opening and the end of a link in MQTT 5.0, and the session between links.
#include <gtest/gtest.h>

#include "tests/support/client_script.h"

namespace mqttlab::testing {
namespace {

using Id = PropertyId;
using Completions = std::vector<std::pair<Token, Outcome>>;
constexpr std::uint32_t for_ever = 0xFFFFFFFF;

ClientConfig expiring(bool clean_session = true,
                      std::optional<std::uint32_t> session_expiry_s = std::nullopt) {
  ClientConfig config{.client_id = "c", .version = v5_0, .clean_session = clean_session};
  config.session_expiry_s = session_expiry_s;
  return config;
}

TEST(ClientConnect5, EveryOptionIsAPropertyOfConnect) {
  ClientConfig config = expiring(false, 300);
  config.receive_maximum = 10;
  config.max_packet_size = 5'000;
  config.topic_alias_maximum = 8;
  config.request_response_information = true;
  config.request_problem_information = false;
  config.properties.add_user("a", "1").add_user("a", "2");
  config.password = "secret";  // without a user name
  config.will =
      Will{text("gone"), text("x"), QoS::at_least_once, false, only(Id::will_delay_interval, 30)};
  ClientScript lab(config);
  const Connect connect = lab.connect();
  EXPECT_EQ(connect.version, v5_0);
  EXPECT_FALSE(connect.clean_session);
  EXPECT_EQ(connect.password->text(), "secret");
  EXPECT_EQ(connect.will, config.will);
  const Properties& properties = connect.properties;
  EXPECT_EQ(properties.get<Id::session_expiry_interval>(), 300U);
  EXPECT_EQ(properties.get<Id::receive_maximum>(), 10U);
  EXPECT_EQ(properties.get<Id::maximum_packet_size>(), 5'000U);
  EXPECT_EQ(properties.get<Id::topic_alias_maximum>(), 8U);
  EXPECT_EQ(properties.get<Id::request_response_information>(), 1U);
  EXPECT_EQ(properties.get<Id::request_problem_information>(), 0U);
  std::string users;
  properties.for_each([&](const Property& property) {
    if (property.id == Id::user_property) users.append(property.name).append(property.text);
  });
  EXPECT_EQ(users, "a1a2");
}

TEST(ClientConnect5, CleanSessionMeansTheSameAsIn311) {
  ClientScript clean(expiring(true));
  Connect connect = clean.connect();
  EXPECT_TRUE(connect.clean_session);
  EXPECT_FALSE(connect.properties.has(Id::session_expiry_interval)) << "0";
  EXPECT_TRUE(clean.reconnect(false).clean_session);
  ClientScript persistent(expiring(false));
  connect = persistent.connect();
  EXPECT_FALSE(connect.clean_session);
  EXPECT_EQ(connect.properties.get<Id::session_expiry_interval>(), for_ever);
  EXPECT_FALSE(persistent.reconnect(true).clean_session);
}

TEST(ClientConnect5, AReconnectGoesOnWithTheSessionThatACleanStartBegan_MQTT_3_1_2_4) {
  ClientScript lab(expiring(true, 60));
  EXPECT_TRUE(lab.connect().clean_session);
  const Token kept = lab.publish("a", QoS::at_least_once);
  EXPECT_FALSE(lab.reconnect(true).clean_session);
  EXPECT_EQ(lab.completions(), Completions{}) << "still in flight";
  EXPECT_TRUE(lab.server().expect<Publish>().dup);
  lab.client().stop(lab.now());
  lab.server().close(CloseCause::local);
  EXPECT_TRUE(lab.connect().clean_session) << "start() begins anew";
  EXPECT_EQ(lab.completions(), (Completions{{kept, Outcome::failed}}));
  lab.server().expect_nothing();
}

TEST(ClientConnect5, TheSessionEndsHereTooWhenItsIntervalIsOver_MQTT_3_1_2_23_MQTT_4_1_0_2) {
  ClientConfig config = expiring(false, 60);
  config.backoff = {.initial = 100 * second, .maximum = 100 * second, .jitter = 0};
  for (const Time offline : {59 * second, 60 * second}) {
    const bool over = offline == 60 * second;
    ClientScript lab(config);
    lab.connect();
    const Token one = lab.publish("1", QoS::exactly_once);
    lab.publish("2", QoS::at_least_once);
    lab.server().rest();
    lab.server().send(Pubrec{1});
    lab.server().rest();
    lab.server().close(CloseCause::reset);
    lab.after(offline);
    EXPECT_EQ(lab.completions(), over ? (Completions{{one, Outcome::failed}}) : Completions{});
    lab.client().stop(lab.now());  // no waiting for the back-off
    EXPECT_EQ(lab.connect(!over).clean_session, over);
    if (!over) lab.server().expect<Pubrel>();
    const auto again = lab.server().expect<Publish>();
    EXPECT_EQ(again.topic.text(), "2");
    EXPECT_EQ(again.dup, !over) << "a new session knows no old exchange";
  }
}

TEST(ClientConnect5, TheServersSessionExpiryHolds) {
  ClientConfig config = expiring(false, 60);
  config.backoff = {.initial = 50 * second, .maximum = 50 * second, .jitter = 0};
  ClientScript lab(config);
  lab.connect(false, only(Id::session_expiry_interval, 10));
  EXPECT_TRUE(lab.reconnect(false).clean_session) << "50 s later";
  EXPECT_FALSE(lab.reconnect(true).clean_session) << "this CONNACK left 60 s";
}

TEST(ClientConnect5, NoIntervalRunsWhileThereIsALink_MQTT_4_1_0_1) {
  ClientScript lab(expiring(false, 10));
  lab.connect();
  lab.server().close(CloseCause::reset);
  lab.redial();
  lab.client().start(lab.now());
  EXPECT_FALSE(lab.dial().expect<Connect>().clean_session);
  lab.after(15 * second);
  lab.server().send(Connack{.session_present = true});
  EXPECT_TRUE(lab.client().connected());
}

TEST(ClientConnect5, ASessionThatThisEndDoesNotHaveEndsTheLink_MQTT_3_2_2_4) {
  ClientScript lab(expiring());
  lab.client().start(lab.now());
  lab.dial().expect<Connect>();
  lab.server().send(Connack{.session_present = true});
  EXPECT_EQ(lab.server().expect<Disconnect>().reason, ReasonCode::protocol_error);
  EXPECT_TRUE(lab.server().wants_close());
  EXPECT_EQ(lab.event<Disconnected>().violation->statement, "MQTT-3.2.2-2");
}

TEST(ClientConnect5, ASessionThatTheServerLostIsForgotten_MQTT_3_2_2_5) {
  ClientScript lab(expiring(false));
  lab.connect();
  lab.publish("a", QoS::exactly_once);
  lab.server().rest();
  lab.server().send(Publish{text("in"), text("x"), QoS::exactly_once, false, false, 5});
  EXPECT_EQ(lab.take_messages().size(), 1U);
  lab.reconnect(false);
  EXPECT_FALSE(lab.server().expect<Publish>().dup);
  lab.server().send(Publish{text("in"), text("x"), QoS::exactly_once, false, false, 5});
  EXPECT_EQ(lab.take_messages().size(), 1U) << "a new message";
}

TEST(ClientConnect5, TheAssignedClientIdIsUsedFromThenOn_MQTT_3_1_3_7) {
  ClientConfig config = expiring(false);
  config.client_id = "";
  ClientScript lab(config);
  const auto assigned = Properties().add(Id::assigned_client_identifier, "auto-1");
  EXPECT_EQ(lab.connect(false, assigned).client_id.text(), "");
  EXPECT_EQ(lab.event<Connected>().connack.properties.get<Id::assigned_client_identifier>()->text(),
            "auto-1");
  EXPECT_EQ(lab.reconnect(true).client_id.text(), "auto-1");
  ClientScript forgetful(config);
  forgetful.client().start(forgetful.now());
  forgetful.dial().expect<Connect>();
  forgetful.server().send(Connack{});
  EXPECT_EQ(forgetful.event<Disconnected>().violation->statement, "MQTT-3.1.3-7");
}

TEST(ClientConnect5, AServerThatTakesNoAcknowledgementIsLeftWithoutAWord_MQTT_3_2_2_15) {
  for (const std::uint32_t most : {1U, 4U, 5U}) {
    ClientScript lab(expiring());
    lab.client().start(lab.now());
    lab.dial().expect<Connect>();
    lab.server().send(Connack{.properties = only(Id::maximum_packet_size, most)});
    lab.server().expect_nothing();
    EXPECT_EQ(lab.server().wants_close(), most < 5);
    if (most == 5) continue;
    EXPECT_EQ(lab.event<Disconnected>().reason, "the server takes packets of at most " +
                                                    std::to_string(most) +
                                                    " bytes, too short for an acknowledgement");
  }
  ClientScript wronged(expiring());
  wronged.client().start(wronged.now());
  wronged.dial().expect<Connect>();
  wronged.server().send(
      Connack{.session_present = true, .properties = only(Id::maximum_packet_size, 1)});
  EXPECT_TRUE(wronged.server().wants_close());
  EXPECT_EQ(wronged.event<Disconnected>().violation->statement, "MQTT-3.2.2-2");
  wronged.server().expect_nothing();
}

TEST(ClientConnect5, TheServersKeepAliveOverridesOurs_MQTT_3_1_2_21_MQTT_3_2_2_21) {
  ClientScript lab(expiring());
  EXPECT_EQ(lab.connect(false, only(Id::server_keep_alive, 7)).keep_alive_s, 60);
  lab.after(7 * second - 1);
  lab.server().expect_nothing();
  lab.after(1);
  lab.server().expect<Pingreq>();
  lab.server().send(Pingresp{});
  lab.reconnect(false, only(Id::server_keep_alive, 0));
  lab.after(1'000 * second);
  lab.server().expect_nothing();
  lab.reconnect(false);
  lab.after(60 * second);
  lab.server().expect<Pingreq>();
}

TEST(ClientConnect5, ARefusalTellsReasonAndProperties) {
  ClientScript lab(expiring());
  lab.client().start(lab.now());
  lab.dial().expect<Connect>();
  const auto elsewhere = Properties().add(Id::server_reference, "other:1883");
  lab.server().send(Connack{.reason = ReasonCode::server_moved, .properties = elsewhere});
  EXPECT_TRUE(lab.server().wants_close());
  lab.server().expect_nothing();
  const auto refused = lab.event<Refused>();
  EXPECT_EQ(refused.reason, ReasonCode::server_moved);
  EXPECT_EQ(refused.properties, elsewhere);
  lab.server().close(CloseCause::local);
  lab.redial();
  EXPECT_TRUE(lab.client().wants_link());
}

// Its CONNACK is one of 3.1.1; every other one of 3.1.1 is malformed.
TEST(ClientConnect5, AServerThatKnowsNoMqtt5RefusesIt) {
  for (const std::uint8_t code : {1, 2}) {
    ClientScript lab(expiring());
    lab.client().start(lab.now());
    lab.dial().expect<Connect>();
    const std::vector<std::uint8_t> connack{0x20, 2, 0, code};
    lab.server().send(Bytes(connack));
    EXPECT_TRUE(lab.server().wants_close());
    if (code == 1) {
      lab.server().expect_nothing();
      EXPECT_EQ(lab.event<Refused>().reason, ReasonCode::unsupported_protocol_version);
    } else {
      EXPECT_TRUE(lab.event<Disconnected>().violation);
    }
  }
}

TEST(ClientDisconnect5, TheServersGoodbyeIsToldAndNothingFollows_MQTT_4_13_2_1) {
  ClientScript lab(expiring(false));
  lab.connect();
  lab.publish("a", QoS::at_least_once);
  const Disconnect goodbye{ReasonCode::session_taken_over,
                           Properties().add(Id::reason_string, "you again")};
  lab.server().rest();
  lab.server().send(goodbye);
  lab.publish("b", QoS::at_least_once);
  EXPECT_TRUE(lab.server().wants_close());
  lab.server().expect_nothing();
  const auto how = lab.event<Disconnected>();
  EXPECT_EQ(how.server, goodbye);
  EXPECT_FALSE(how.violation);
  EXPECT_EQ(how.reason, "the server disconnected: Session taken over");
  lab.server().close(CloseCause::local);
  EXPECT_FALSE(lab.client().wants_link()) << "back-off first: the other one may fight back";
  lab.redial();
  EXPECT_FALSE(lab.connect(true).clean_session);
}

TEST(ClientDisconnect5, StopMayAskForTheWillAndChangeTheSessionExpiry_MQTT_3_14_4_1) {
  ClientScript lab(expiring(false, 60));
  lab.connect();
  const Disconnect goodbye{ReasonCode::disconnect_with_will_message,
                           only(Id::session_expiry_interval, 5)};
  EXPECT_FALSE(lab.client().stop(lab.now(), goodbye));
  EXPECT_EQ(lab.server().expect<Disconnect>(), goodbye);
  lab.server().send(Pubrel{1});
  lab.server().expect_nothing();
  lab.server().close(CloseCause::local);
  lab.after(5 * second);
  EXPECT_TRUE(lab.connect().clean_session) << "the session ended 5 s after the link";
}

TEST(ClientDisconnect5, StopMayNotSayAnything_MQTT_3_14_2_1_U_3_14_2_2_2_2) {
  ClientScript zero(expiring(true));
  zero.connect();
  const auto stop = [](ClientScript& lab, const Disconnect& how) {
    return lab.client().stop(lab.now(), how);
  };
  EXPECT_EQ(stop(zero, {{}, only(Id::session_expiry_interval, 5)}), Misuse::bad_argument);
  EXPECT_EQ(stop(zero, {ReasonCode::session_taken_over}), Misuse::bad_argument);
  EXPECT_EQ(stop(zero, {{}, only(Id::topic_alias, 5)}), Misuse::bad_argument);
  zero.server().expect_nothing();
  EXPECT_TRUE(zero.client().connected());
  EXPECT_EQ(stop(zero, {{}, only(Id::session_expiry_interval, 0)}), std::nullopt);
  ClientScript old({.client_id = "c"});
  old.connect();
  EXPECT_EQ(stop(old, {ReasonCode::disconnect_with_will_message}), Misuse::bad_argument);
  EXPECT_EQ(stop(old, {}), std::nullopt);
}

TEST(ClientDisconnect5, WhyIsLeftOutIfItIsTooLong_MQTT_3_14_2_3_MQTT_3_14_2_4) {
  for (const std::uint32_t most : {18U, 19U}) {
    ClientScript lab(expiring(false));
    lab.connect(false, only(Id::maximum_packet_size, most));
    Disconnect how{ReasonCode::disconnect_with_will_message, only(Id::session_expiry_interval, 9)};
    const Disconnect bare = how;
    how.properties.add(Id::reason_string, "r").add_user("k", "");  // 4 bytes and 6 more
    EXPECT_EQ(lab.client().stop(lab.now(), how), std::nullopt);
    EXPECT_EQ(lab.server().expect<Disconnect>(), most == 19 ? how : bare);
  }
}

struct Wrong5 {
  const char* what;
  bool connected;
  Packet packet;
  ReasonCode reason;
  std::string_view statement;
};

TEST(ClientConnect5, WhatTheServerDoesWrongIsAnsweredByDisconnectWithItsReason) {
  const Publish publish{text("a"), text("b")};
  Publish cut = publish;
  cut.payload = text(std::string(2'000, 'x'));
  const auto error = ReasonCode::protocol_error;
  const std::vector<Wrong5> wrongs{
      {"PUBLISH before CONNACK", false, publish, error, "MQTT-3.2.0-1"},
      {"DISCONNECT before CONNACK", false, Disconnect{}, error, "MQTT-3.14.0-1"},
      {"a second CONNACK", true, Connack{}, error, "MQTT-3.2.0-2"},
      {"Receive Maximum 0", false, Connack{.properties = only(Id::receive_maximum, 0)}, error,
       "U-3.2.2.3.3-2"},
      {"over our Maximum Packet Size", true, cut, ReasonCode::packet_too_large, "U-3.1.2.11.4-3"},
  };
  for (const Wrong5& wrong : wrongs) {
    SCOPED_TRACE(wrong.what);
    ClientConfig config = expiring();
    config.max_packet_size = 1'000;  // U-3.1.2.11.4-3
    ClientScript lab(config);
    lab.client().start(lab.now());
    lab.dial().expect<Connect>();
    if (wrong.connected) lab.server().send(Connack{});
    std::vector<std::uint8_t> bytes;
    if (std::string(wrong.what) == "Receive Maximum 0") {
      bytes = {0x20, 0x06, 0x00, 0x00, 0x03, 0x21, 0x00, 0x00};  // encode() would not write it
    } else {
      bytes = bytes_of(wrong.packet, v5_0);
    }
    lab.server().send(Bytes(bytes).first(std::min<std::size_t>(bytes.size(), 100)));
    lab.publish("never", QoS::exactly_once);
    EXPECT_EQ(lab.server().expect<Disconnect>().reason, wrong.reason);
    lab.server().expect_nothing();
    EXPECT_TRUE(lab.server().wants_close());
    const auto how = lab.event<Disconnected>();
    ASSERT_TRUE(how.violation);
    EXPECT_EQ(how.violation->statement, wrong.statement);
    EXPECT_FALSE(lab.client().connected());
  }
}

TEST(ClientConnect5, AGoodbyeThatNobodyTakesDoesNotHoldTheLinkOpen) {
  ClientConfig config = expiring();
  config.ping_timeout = 3 * second;
  ClientScript lab(config);
  lab.connect();
  lab.server().send(Connack{});
  std::array<Bytes, 8> pieces;
  lab.after(3 * second - 1);
  EXPECT_EQ(lab.server().peer().pending(pieces), 1U);
  lab.after(1);
  EXPECT_EQ(lab.server().peer().pending(pieces), 0U);
}

TEST(ClientConfigCheck5, NamesFieldAndRemedy) {
  const auto names = [&](ClientConfig config, const std::string& field) {
    std::string words = "accepted";
    try {
      Client client(std::move(config), 1, nullptr, 0);
    } catch (const std::invalid_argument& error) {
      words = error.what();
    }
    EXPECT_EQ(words.rfind("ClientConfig." + field + ": ", 0), 0U) << words;
  };
  ClientConfig config = expiring();
  config.receive_maximum = 0;
  names(config, "receive_maximum");
  config = expiring();
  config.properties.add(Id::receive_maximum, 5);
  names(config, "properties");
  config = expiring();
  config.properties.add_user("a", "\xff");
  names(config, "properties");
  config = expiring();
  config.will = Will{text("a"), {}, {}, false, only(Id::topic_alias, 1)};
  names(config, "will.properties");
  const ClientConfig old{.client_id = "c"};
  const auto old_with = [&](auto set, const std::string& field) {
    ClientConfig changed = old;
    set(changed);
    names(changed, field);
  };
  old_with([](auto& c) { c.session_expiry_s = 1; }, "session_expiry_s");
  old_with([](auto& c) { c.receive_maximum = 1; }, "receive_maximum");
  old_with([](auto& c) { c.topic_alias_maximum = 1; }, "topic_alias_maximum");
  old_with([](auto& c) { c.send_topic_alias_maximum = 1; }, "send_topic_alias_maximum");
  old_with([](auto& c) { c.request_response_information = true; }, "request_response_information");
  old_with([](auto& c) { c.request_problem_information = false; }, "request_problem_information");
  old_with([](auto& c) { c.properties.add_user("a", "b"); }, "properties");
  old_with(
      [](auto& c) {
        c.will = Will{text("a"), {}, {}, false, only(Id::will_delay_interval, 1)};
      },
      "will.properties");
}

}  // namespace
}  // namespace mqttlab::testing
