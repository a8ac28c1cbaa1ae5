// Enhanced authentication of MQTT 5.0 from the client's side.
#include <gtest/gtest.h>

#include "tests/support/client_script.h"

namespace mqttlab::testing {
namespace {

using Id = PropertyId;

/// Says "first", answers "x" with "re: x" but goes on with nothing "bad", believes "good".
class Parrot final : public Authenticator {
 public:
  [[nodiscard]] std::string_view method() const override { return "PARROT"; }
  [[nodiscard]] std::string start() override { return "first"; }
  [[nodiscard]] std::optional<std::string> next(Bytes data) override {
    const std::string text(data.begin(), data.end());
    return text == "bad" ? std::nullopt : std::optional("re: " + text);
  }
  [[nodiscard]] bool finish(Bytes data) override {
    return std::string(data.begin(), data.end()) == "good";
  }
};

Properties says(std::string_view data, std::string_view method = "PARROT") {
  return Properties().add(Id::authentication_method, method).add(Id::authentication_data, data);
}
Auth auth(std::string_view data, ReasonCode reason = ReasonCode::continue_authentication) {
  return {reason, says(data)};
}
ClientConfig with_method() {
  ClientConfig config{.client_id = "c", .version = ProtocolVersion::v5_0};
  config.authenticator = std::make_shared<Parrot>();
  return config;
}
void expect_end(ClientScript& lab, ReasonCode reason, std::string_view statement) {
  EXPECT_EQ(lab.server().expect<Disconnect>().reason, reason);
  lab.server().expect_nothing();
  EXPECT_TRUE(lab.server().wants_close());
  const auto how = lab.event<Disconnected>();
  EXPECT_EQ(how.violation ? how.violation->statement : "", statement);
}

TEST(ClientAuthentication, GoesOnFromConnectToConnack_MQTT_4_12_0_3_MQTT_4_12_0_5_MQTT_3_1_2_30) {
  ClientScript lab(with_method());
  lab.client().start(lab.now());
  lab.publish("a", QoS::at_least_once);
  const Connect connect = lab.dial().expect<Connect>();
  EXPECT_EQ(connect.properties.get<Id::authentication_method>()->text(), "PARROT");
  EXPECT_EQ(connect.properties.get<Id::authentication_data>()->text(), "first");
  for (const std::string word : {"one", "two"}) {
    lab.server().send(auth(word));
    EXPECT_EQ(lab.server().expect<Auth>(), auth("re: " + word));
    lab.server().expect_nothing();
  }
  lab.server().send(Connack{.properties = says("good")});
  EXPECT_TRUE(lab.client().connected());
  lab.server().expect<Publish>();
}

TEST(ClientAuthentication, EveryLinkHasAConversationOfItsOwn) {
  ClientScript lab(with_method());
  for (int link = 0; link < 2; ++link) {
    EXPECT_EQ(lab.connect(false, says("good")).properties.get<Id::authentication_data>()->text(),
              "first");
    lab.server().close(CloseCause::reset);
    lab.redial();
  }
}

TEST(ClientAuthentication, AServerThatIsNotBelievedIsLeft) {
  for (const bool at_the_end : {false, true}) {
    ClientScript lab(with_method());
    lab.client().start(lab.now());
    lab.dial().expect<Connect>();
    lab.server().send(at_the_end ? Packet(Connack{.properties = says("bad")}) : auth("bad"));
    EXPECT_FALSE(lab.client().connected());
    expect_end(lab, ReasonCode::unspecified_error, "");
  }
}

TEST(ClientAuthentication, AgainWhileConnected_MQTT_4_12_1_1) {
  ClientScript lab(with_method());
  EXPECT_EQ(lab.client().reauthenticate(lab.now()), Misuse::not_connected);
  lab.connect(false, says("good"));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(lab.client().reauthenticate(lab.now()), std::nullopt);
    EXPECT_EQ(lab.client().reauthenticate(lab.now()), Misuse::bad_argument);
    EXPECT_EQ(lab.server().expect<Auth>(), auth("first", ReasonCode::re_authenticate));
    lab.publish("meanwhile", QoS::at_most_once);
    lab.server().expect<Publish>();
    lab.server().send(auth("one"));
    EXPECT_EQ(lab.server().expect<Auth>(), auth("re: one"));
    lab.server().send(auth("good", ReasonCode::success));
    EXPECT_TRUE(lab.client().connected());
    lab.event<Reauthenticated>();
    lab.after(lab.client().config().connect_timeout + 1);
    EXPECT_TRUE(lab.client().connected()) << "it has ended in time";
  }
  EXPECT_EQ(lab.client().reauthenticate(lab.now()), std::nullopt);
  lab.server().expect<Auth>();
  lab.server().send(auth("bad", ReasonCode::success));
  expect_end(lab, ReasonCode::unspecified_error, "");  // MQTT-4.12.1-2
}

TEST(ClientAuthentication, AnAnswerThatDoesNotComeEndsTheLink) {
  ClientScript lab(with_method());
  lab.connect(false, says("good"));
  EXPECT_EQ(lab.client().reauthenticate(lab.now()), std::nullopt);
  lab.server().expect<Auth>();
  lab.after(lab.client().config().connect_timeout - 1);
  EXPECT_TRUE(lab.client().connected());
  lab.after(1);
  EXPECT_EQ(lab.server().expect<Disconnect>().reason, ReasonCode::unspecified_error);
  EXPECT_EQ(lab.event<Disconnected>().reason, "re-authentication has not ended within 30 s");
}

TEST(ClientAuthentication, WithoutAMethodThereIsNoAuth_MQTT_4_12_0_6_MQTT_4_12_0_7_U_3_15_1) {
  const ClientConfig plain{.client_id = "c", .version = ProtocolVersion::v5_0};
  ClientScript lab(plain);
  EXPECT_FALSE(lab.connect().properties.has(Id::authentication_method));
  EXPECT_EQ(lab.client().reauthenticate(lab.now()), Misuse::bad_argument);
  lab.server().expect_nothing();
  lab.server().send(auth("hello"));
  expect_end(lab, ReasonCode::protocol_error, "U-3.15-1");
  ClientScript early(plain);
  early.client().start(early.now());
  early.dial().expect<Connect>();
  early.server().send(Connack{.properties = says("good")});
  expect_end(early, ReasonCode::protocol_error, "MQTT-4.12.0-6");
}

TEST(ClientAuthentication, WhatTheServerMayNotSayEndsTheLink) {
  struct Case {
    bool connected;
    Packet packet;
    std::string_view statement;
  };
  for (const Case& wrong : std::vector<Case>{
           {false, Auth{ReasonCode::continue_authentication, says("x", "OTHER")}, "U-3.15-1"},
           {false, Connack{.properties = says("good", "OTHER")}, "MQTT-4.12.0-5"},
           {false, Connack{}, "MQTT-4.12.0-5"},
           {false, auth("good", ReasonCode::success), "MQTT-4.12.0-2"},
           {true, auth("x"), "MQTT-4.12.1-1"},
       }) {
    SCOPED_TRACE(describe(wrong.packet));
    ClientScript lab(with_method());
    lab.client().start(lab.now());
    lab.dial().expect<Connect>();
    if (wrong.connected) lab.server().send(Connack{.properties = says("good")});
    lab.server().send(wrong.packet);
    expect_end(lab, ReasonCode::protocol_error, wrong.statement);
  }
}

}  // namespace
}  // namespace mqttlab::testing
