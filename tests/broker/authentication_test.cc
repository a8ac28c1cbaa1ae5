// Enhanced authentication of MQTT 5.0 (4.12): the exchange before CONNACK, and again while
// connected.
#include <gtest/gtest.h>

#include "tests/broker/scripted_peer.h"

namespace mqttlab::test {
namespace {

using Id = PropertyId;

// Answers as the test has arranged, in order, and notes what it was asked.
class Arranged : public Access {
 public:
  Decision ask(const AccessRequest& request) override {
    if (request.kind != AccessRequest::Kind::authenticate) {
      users.emplace_back(request.user_name);
      return Verdict::granted;
    }
    requests.push_back(request.request);
    const Bytes data = request.data;
    asked.push_back(std::string(request.method) + " " +
                    std::string(reinterpret_cast<const char*>(data.data()), data.size()) + " " +
                    std::to_string(request.step) + (request.again ? " again" : ""));
    if (answers.empty()) return Verdict::denied;
    Decision answer = answers.front();
    answers.erase(answers.begin());
    return answer;
  }
  [[nodiscard]] bool supports(std::string_view method) const override { return method == "m"; }
  void gone(LinkId link) override { left.push_back(link); }

  std::vector<Decision> answers;
  Said asked, users;
  std::vector<RequestId> requests;
  std::vector<LinkId> left;
};

Decision more(std::string data) {
  Decision decision = Verdict::more;
  decision.data = std::move(data);
  return decision;
}
Decision granted(Time valid_until = never, std::string data = {}) {
  Decision decision = Verdict::granted;
  decision.valid_until = valid_until;
  decision.data = std::move(data);
  return decision;
}

Properties part(std::string_view data, std::string_view method = "m") {
  Properties set;
  set.add(Id::authentication_method, method);
  if (!data.empty()) set.add(Id::authentication_data, data);
  return set;
}
Packet auth(std::string_view data, ReasonCode reason = ReasonCode::continue_authentication,
            std::string_view method = "m") {
  return Auth{reason, part(data, method)};
}
constexpr auto again = ReasonCode::re_authenticate;

TEST(Authentication, TheExchangeGoesBackAndForthUntilConnack) {
  Arranged access;
  access.answers = {more("1"), more("2"), granted(never, "3")};
  TestBroker test({}, &access);
  ScriptedPeer& peer = test.accept();
  const auto said = [](std::string_view data) {
    return Said{"AUTH 0x18 {Authentication Method m, Authentication Data " + std::string(data) +
                "}"};
  };
  EXPECT_EQ(peer.connect(connect_5("c", true, part("a"))), said("1"));  // MQTT-4.12.0-2
  peer.send(auth("b"));
  EXPECT_EQ(peer.take(), said("2"));
  peer.send(auth("c"));
  const auto packets = peer.take_packets();
  ASSERT_EQ(packets.size(), 1u);
  const Properties& told = std::get<Connack>(packets[0]).properties;
  EXPECT_EQ(told.get<Id::authentication_method>()->text(), "m") << "MQTT-4.12.0-5";
  EXPECT_EQ(told.get<Id::authentication_data>()->text(), "3");
  EXPECT_EQ(access.asked, (Said{"m a 0", "m b 1", "m c 2"}));
  EXPECT_EQ(test.broker.gauges().connections, 1u);
}

TEST(Authentication, MQTT_4_12_0_1_AnUnknownMethodIsRefused) {
  Arranged access;
  for (Access* each : {static_cast<Access*>(&access), static_cast<Access*>(nullptr)}) {
    TestBroker test({}, each);
    ScriptedPeer& peer = test.accept();
    EXPECT_EQ(peer.connect(connect_5("c", true, part("", "other"))), Said{"CONNACK 0x8C"});
    EXPECT_TRUE(peer.closed());
  }
  EXPECT_EQ(access.asked, Said{});
}

TEST(Authentication, MQTT_4_12_0_4_ARejectedOneIsToldAndClosed) {
  for (const ReasonCode reason : {ReasonCode::success, ReasonCode::banned,
                                  ReasonCode::topic_filter_invalid /* not CONNACK's */}) {
    for (const bool later : {false, true}) {
      Arranged access;
      access.answers = {more("1"),
                        later ? Decision(Verdict::later) : Decision(Verdict::denied, reason)};
      TestBroker test({}, &access);
      ScriptedPeer& peer = test.accept();
      peer.connect(connect_5("c", true, part("")));
      peer.send(auth("b"));
      if (later) test.broker.decide(access.requests.back(), {Verdict::denied, reason}, test.now);
      test.flush();
      EXPECT_EQ(peer.take(),
                reason == ReasonCode::banned ? Said{"CONNACK 0x8A"} : Said{"CONNACK 0x87"});
      EXPECT_TRUE(peer.closed());
      EXPECT_EQ(access.left, std::vector<LinkId>{peer.id()});
    }
  }
}

TEST(Authentication, MQTT_3_1_2_30_NothingButAuthAndDisconnectDuringIt) {
  const std::pair<Packet, std::string> cases[] = {
      {Pingreq{}, "0x82 MQTT-3.1.2-30"},
      {Publish{slice("t"), slice("x")}, "0x82 MQTT-3.1.2-30"},
      {connect_5("c"), "0x82 MQTT-3.1.2-30"},
      {auth("x", again), "0x82 MQTT-4.12.1-1"},
      {auth("x", ReasonCode::continue_authentication, "n"), "0x82 U-3.15-1"},  // MQTT-4.12.0-5
      {Disconnect{}, ""},
  };
  for (const auto& [packet, told] : cases) {
    Arranged access;
    access.answers = {more("1"), granted()};
    TestBroker test({}, &access);
    ScriptedPeer& peer = test.accept();
    peer.connect(connect_5("c", true, part("")));
    peer.send(packet);
    const auto packets = peer.take_packets();
    ASSERT_EQ(packets.size(), told.empty() ? 0u : 1u) << text_of(packet);
    if (!told.empty()) {
      const auto& connack = std::get<Connack>(packets[0]);
      EXPECT_EQ(
          text_of(Disconnect{connack.reason, connack.properties}),
          "DISCONNECT " + told.substr(0, 4) + " {Reason String breaks " + told.substr(5) + "}");
    }
    EXPECT_TRUE(peer.closed());
    EXPECT_EQ(test.broker.gauges().sessions, 0u);
  }
}

TEST(Authentication, MQTT_3_2_2_19_AReasonStringThatIsTooLongIsLeftOut) {
  for (const std::uint32_t most : {28u, 27u}) {
    Arranged access;
    access.answers = {more("1")};
    TestBroker test({}, &access);
    ScriptedPeer& peer = test.accept();
    peer.connect(connect_5("c", true, part("").add(Id::maximum_packet_size, most)));
    peer.send(Pingreq{});
    const auto packets = peer.take_packets();
    ASSERT_EQ(packets.size(), 1u);
    EXPECT_EQ(std::get<Connack>(packets[0]).properties.empty(), most < 28);
  }
}

TEST(Authentication, AnAnswerIsWaitedForButNotWithoutEnd) {
  Arranged access;
  access.answers = {more("1"), more("2")};
  TestBroker test({}, &access);
  ScriptedPeer& peer = test.accept();
  peer.connect(connect_5("c", true, part("")));
  test.until(29 * second);
  peer.send(auth("b"));
  EXPECT_EQ(peer.take().size(), 1u);
  test.until(30 * second - 1);
  EXPECT_FALSE(peer.closed());
  test.until(30 * second);
  EXPECT_EQ(peer.take(), Said{"CONNACK 0x87"}) << "one deadline for the whole exchange";
  EXPECT_TRUE(peer.closed());
}

TEST(Authentication, MQTT_4_12_0_6_WithoutAMethodThereIsNoAuth) {
  Arranged access;
  access.answers = {more("1")};
  TestBroker test({}, &access);
  EXPECT_EQ(test.accept().connect(connect_5("c")), Said{"CONNACK 0x87"}) << "more makes no sense";
  access.answers = {granted()};
  ScriptedPeer& peer = test.accept();
  peer.send(connect_5("c"));
  const auto packets = peer.take_packets();
  EXPECT_FALSE(std::get<Connack>(packets.at(0)).properties.has(Id::authentication_method));
  peer.send(auth("x", again));
  EXPECT_EQ(peer.take(), Said{"DISCONNECT 0x82 {Reason String breaks MQTT-4.12.0-7}"});
}

TEST(Authentication, MQTT_4_12_1_1_TrafficGoesOnDuringReAuthentication) {
  Arranged access;
  access.answers = {granted(), more("1"), Verdict::later};
  TestBroker test({}, &access);
  ScriptedPeer& peer = test.connected(connect_5("c", true, part("a")));
  peer.send(auth("b", again));
  EXPECT_EQ(peer.take(), Said{"AUTH 0x18 {Authentication Method m, Authentication Data 1}"});
  peer.publish("t", "x", QoS::at_least_once, 1);
  EXPECT_EQ(peer.take(), Said{"PUBACK 1 0x10"});
  peer.send(auth("c"));
  peer.send(Pingreq{});
  EXPECT_EQ(peer.take(), Said{"PINGRESP"}) << "though the verdict is still to come";
  test.broker.decide(access.requests.back(), granted(never, "2"), test.now);
  test.flush();
  EXPECT_EQ(peer.take(), Said{"AUTH {Authentication Method m, Authentication Data 2}"});
  EXPECT_EQ(access.asked, (Said{"m a 0", "m b 0 again", "m c 1 again"}));
}

TEST(Authentication, MQTT_4_12_1_2_AFailedReAuthenticationDisconnects) {
  for (const bool later : {false, true}) {
    Arranged access;
    access.answers = {granted(), later ? Verdict::later : Verdict::denied};
    TestBroker test({}, &access);
    ScriptedPeer& peer = test.connected(connect_5("c", true, part("")));
    peer.send(auth("", again));
    if (later) test.broker.decide(access.requests.back(), Verdict::denied, test.now);
    test.flush();
    EXPECT_EQ(peer.take(), Said{"DISCONNECT 0x87"});
    EXPECT_TRUE(peer.closed());
  }
}

TEST(Authentication, AuthOutOfTurnIsAProtocolError) {
  const std::pair<std::vector<Packet>, std::string> cases[] = {
      {{auth("x")}, "MQTT-4.12.0-3"},
      {{auth("x", again), auth("x", again)}, "MQTT-4.12.1-1"},
      {{auth("x", again), auth("x"), auth("x")}, "MQTT-4.12.0-3"},
      {{auth("x", again, "n")}, "U-3.15-1"},
  };
  for (const auto& [packets, statement] : cases) {
    Arranged access;
    access.answers = {granted(), more("1"), Verdict::later};
    TestBroker test({}, &access);
    ScriptedPeer& peer = test.connected(connect_5("c", true, part("")));
    for (const Packet& packet : packets) peer.send(packet);
    EXPECT_EQ(peer.take().back(), "DISCONNECT 0x82 {Reason String breaks " + statement + "}");
    EXPECT_TRUE(peer.closed());
  }
}

TEST(Authentication, AReAuthenticationHasADeadlineOfItsOwn) {
  for (const bool broker_is_slow : {false, true}) {
    Arranged access;
    access.answers = {more("0"), granted(), broker_is_slow ? Verdict::later : Verdict::more};
    TestBroker test({}, &access);
    ScriptedPeer& peer = test.accept();
    peer.connect(connect_5("c", true, part("")));
    test.until(1 * second);
    peer.send(auth("1"));
    test.until(20 * second);
    peer.send(auth("2", again));
    test.until(50 * second - 1);
    EXPECT_FALSE(peer.closed());
    test.until(50 * second);
    EXPECT_EQ(peer.take().back(), "DISCONNECT 0x87");
    EXPECT_TRUE(peer.closed());
  }
}

TEST(Authentication, AGrantEndsWhenItDoesUnlessItIsRenewed) {
  Arranged access;
  access.answers = {granted(10 * second), granted(20 * second), granted(15 * second)};
  TestBroker test({}, &access);
  ScriptedPeer& peer = test.connected(connect_5("c", true, part("")));
  test.until(9 * second);
  peer.send(auth("", again));
  EXPECT_EQ(peer.take(), Said{"AUTH {Authentication Method m}"});
  test.until(11 * second);
  EXPECT_FALSE(peer.closed());
  peer.send(auth("", again));
  peer.take();
  test.until(15 * second - 1);
  EXPECT_FALSE(peer.closed());
  test.until(15 * second);
  EXPECT_EQ(peer.take(), Said{"DISCONNECT 0x87"}) << "the last grant counts";
  EXPECT_TRUE(peer.closed());
}

TEST(Authentication, AGrantThatHasEndedIsNone) {
  Arranged access;
  access.answers = {granted(5 * second), granted(5 * second)};
  TestBroker test({}, &access);
  ScriptedPeer& older = test.connected("older");
  test.until(5 * second);
  EXPECT_TRUE(older.closed()) << "3.1.1 is not told";
  EXPECT_EQ(older.take(), Said{});
  EXPECT_EQ(test.accept().connect("late"), Said{"CONNACK 5"});
}

TEST(Authentication, LaterQuestionsCarryTheIdentityThatAGrantGave) {
  Arranged access;
  Decision alice = Verdict::granted;
  alice.user_name = "alice";
  access.answers = {alice, granted()};
  TestBroker test({}, &access);
  Connect connect = connect_5("c");
  connect.user_name = slice("token");
  connect.will = Will{slice("w"), slice("x"), QoS::at_most_once, false};
  ScriptedPeer& peer = test.connected(connect);
  peer.publish("t", "x");
  peer.subscribe("t", QoS::at_most_once);
  peer.lose();
  EXPECT_EQ(access.users, (Said{"alice", "alice", "alice"}));
  EXPECT_EQ(access.left, std::vector<LinkId>{peer.id()});
  connect.client_id = slice("d");
  test.connected(connect).publish("t", "x");
  EXPECT_EQ(access.users.back(), "token") << "else CONNECT's";
}

}  // namespace
}  // namespace mqttlab::test
