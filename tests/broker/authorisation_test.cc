// Questions about publishing and subscribing that are answered later: only the asking link waits.
#include <gtest/gtest.h>

#include "protocol/broker/text_access.h"
#include "tests/broker/scripted_peer.h"

namespace mqttlab::test {
namespace {

using Id = PropertyId;

// Lets everybody in, and answers `later` to what `slow` publishes or subscribes to.
class Slow : public Access {
 public:
  Decision ask(const AccessRequest& request) override {
    if (request.kind == AccessRequest::Kind::authenticate || request.client_id != "slow")
      return Verdict::granted;
    asked.push_back(std::string(request.topic) + " q" +
                    std::to_string(static_cast<int>(request.qos)) +
                    (request.retain ? " retain" : ""));
    requests.push_back(request.request);
    return Verdict::later;
  }
  Said asked;
  std::vector<RequestId> requests;
};

const std::string denied = " {Reason String access control does not allow this topic}";

struct Scene {
  Scene() { watch.subscribe("#", QoS::at_most_once); }
  void decide(Decision decision) {
    test.broker.decide(access.requests.back(), std::move(decision), test.now);
    test.flush();
  }
  Slow access;
  TestBroker test{{}, &access};
  ScriptedPeer& watch = test.connected("watch");
  ScriptedPeer& slow = test.connected(
      connect_5("slow", false, Properties().add(Id::session_expiry_interval, 1'000u)));
};

TEST(Authorisation, OnlyTheAskingLinkWaitsAndKeepsItsOrder) {
  Scene scene;
  const std::uint8_t burst[] = {0x32, 7, 0, 1, 'a', 0, 1,   0, 'x',  // PUBLISH a=x q1 id1
                                0x30, 5, 0, 1, 'b', 0, 'y',          // PUBLISH b=y q0
                                0xC0, 0};                            // PINGREQ
  scene.slow.send_bytes(burst);
  EXPECT_EQ(scene.slow.take(), Said{});
  EXPECT_FALSE(scene.slow.readable());
  scene.watch.publish("w", "1");
  EXPECT_EQ(scene.watch.take(), Said{"PUBLISH w=1 q0"}) << "nobody else waits";
  scene.test.until(3 * second);
  scene.test.touched.clear();
  scene.decide(Verdict::granted);
  EXPECT_EQ(scene.slow.take(), Said{"PUBACK 1"});
  EXPECT_EQ(scene.watch.take(), Said{"PUBLISH a=x q0"});
  scene.decide(Verdict::granted);
  EXPECT_EQ(scene.slow.take(), Said{"PINGRESP"});
  EXPECT_EQ(scene.watch.take(), Said{"PUBLISH b=y q0"});
  EXPECT_TRUE(scene.slow.readable());
  EXPECT_EQ(scene.access.asked, (Said{"a q1", "b q0"}));
}

TEST(Authorisation, ADenialIsToldAtEachQoS) {
  for (const int qos : {0, 1, 2}) {
    for (const ReasonCode reason : {ReasonCode::success, ReasonCode::quota_exceeded}) {
      Scene scene;
      scene.slow.publish("t", "x", static_cast<QoS>(qos), qos > 0 ? 9 : 0, true);
      scene.decide({Verdict::denied, reason});
      const std::string code = (reason == ReasonCode::success ? "0x87" : "0x97") + denied;
      EXPECT_EQ(scene.slow.take(), qos == 0   ? Said{}
                                   : qos == 1 ? Said{"PUBACK 9 " + code}
                                              : Said{"PUBREC 9 " + code});
      EXPECT_EQ(scene.watch.take(), Said{});
      EXPECT_EQ(scene.test.broker.gauges().retained, 0u);
      EXPECT_EQ(scene.access.asked, Said{"t q" + std::to_string(qos) + " retain"});
    }
  }
}

// MQTT-3.1.2-29; MQTT-3.4.2-2, MQTT-3.5.2-2, MQTT-3.7.2-2, MQTT-3.9.2-1: within the client's limit.
TEST(Authorisation, ADenialIsExplainedToWhoTakesIt) {
  const Properties none;
  const auto asks = [](Id id, std::uint32_t value) { return Properties().add(id, value); };
  for (const auto& [properties, explains] : std::vector<std::pair<Properties, bool>>{
           {none, true},
           {asks(Id::request_problem_information, 0), false},
           {asks(Id::maximum_packet_size, 48), false},
           {asks(Id::maximum_packet_size, 54), true},
       }) {
    Scene scene;
    ScriptedPeer& peer = scene.test.connected(connect_5("slow", true, properties));
    for (const int qos : {1, 2}) {
      peer.publish("t", "x", static_cast<QoS>(qos), 9);
      scene.decide(Verdict::denied);
    }
    peer.send(Subscribe{9, {{slice("t"), QoS::at_least_once}}});
    scene.decide(Verdict::denied);
    peer.send(Pubrel{9});
    const Said short_ones{"PUBACK 9 0x87", "PUBREC 9 0x87", "SUBACK 9 135", "PUBCOMP 9 0x92"};
    const Said long_ones{
        "PUBACK 9 0x87" + denied, "PUBREC 9 0x87" + denied,
        "SUBACK 9 135 {Reason String access control does not allow this filter}",
        "PUBCOMP 9 0x92 {Reason String no message waits under this packet identifier}"};
    EXPECT_EQ(peer.take(), explains ? long_ones : short_ones);
  }
}

// v5 MQTT-3.3.2-5, MQTT-3.3.2-6
TEST(Authorisation, AnIntervalCountsFromTheArrivalHoweverLateTheVerdict) {
  for (const Time waited : {2 * second, 3 * second, 3 * second + 1}) {
    Scene scene;
    scene.test.until(second);
    ScriptedPeer& reader = scene.test.connected(connect_5("reader"));
    reader.subscribe("t", QoS::at_least_once);
    // Two PUBLISHes t=x, QoS 1, id 1 and 2, Message Expiry Interval 3.
    scene.slow.send_bytes(
        std::vector<std::uint8_t>{0x32, 12, 0, 1, 't', 0, 1, 5, 2, 0, 0, 0, 3, 'x',    //
                                  0x32, 12, 0, 1, 't', 0, 2, 5, 2, 0, 0, 0, 3, 'x'});  //
    for (int verdict = 0; verdict < 2; ++verdict) {  // the second has waited unread meanwhile
      if (verdict == 0) scene.test.until(second + waited);
      scene.decide(Verdict::granted);
      const std::string left = waited == 2 * second ? "1" : "0";
      const std::string message = "PUBLISH t=x q1 id" + std::to_string(verdict + 1);
      EXPECT_EQ(reader.take(), waited > 3 * second
                                   ? Said{}
                                   : Said{message + " {Message Expiry Interval " + left + "}"});
    }
    EXPECT_EQ(scene.slow.take(), (Said{"PUBACK 1", "PUBACK 2"}));
  }
}

TEST(Authorisation, AVerdictThatNeverComesIsADenialAndHarmsNobodyElse) {
  Scene scene;
  scene.slow.publish("t", "x", QoS::at_least_once, 1);
  scene.test.until(30 * second - 1);
  EXPECT_EQ(scene.slow.take(), Said{});
  scene.test.until(30 * second);
  EXPECT_EQ(scene.slow.take(), Said{"PUBACK 1 0x87" + denied});
  scene.decide(Verdict::granted);
  EXPECT_EQ(scene.watch.take(), Said{}) << "too late";
  EXPECT_TRUE(scene.slow.readable());
}

TEST(Authorisation, FiltersAreAskedForOneByOneAndSubscribedToTogether) {
  Scene scene;
  scene.watch.publish("a", "kept", QoS::at_most_once, 0, true);
  scene.watch.take();
  scene.slow.send(Subscribe{5,
                            {{slice("a"), QoS::at_least_once},
                             {slice("b"), QoS::exactly_once},
                             {slice("c"), QoS::at_most_once}}});
  scene.decide(Verdict::granted);
  scene.watch.publish("a", "early");
  EXPECT_EQ(scene.slow.take(), Said{}) << "before SUBACK";
  scene.decide(Verdict::denied);
  scene.decide({Verdict::denied, ReasonCode::quota_exceeded});
  EXPECT_EQ(scene.slow.take(),
            (Said{"SUBACK 5 1 135 151 {Reason String access control does not allow this filter "
                  "(number 2)}",
                  "PUBLISH a=kept q0 retain"}))
      << "MQTT-3.8.4-6, MQTT-3.9.3-1";
  EXPECT_EQ(scene.access.asked, (Said{"a q1", "b q2", "c q0"}));
  EXPECT_EQ(scene.test.broker.gauges().subscriptions, 2u);
}

TEST(Authorisation, AVerdictForALinkThatHasGoneIsIgnored) {
  for (const int qos : {0, 1, 2}) {
    Scene scene;
    scene.slow.publish("t", "x", static_cast<QoS>(qos), qos > 0 ? 9 : 0);
    const RequestId request = scene.access.requests.back();
    scene.slow.lose();
    scene.test.broker.decide(request, Verdict::granted, scene.test.now);
    EXPECT_EQ(scene.watch.take(), Said{}) << "not accepted, so not passed on";
    if (qos == 0) continue;
    ScriptedPeer& back = scene.test.connected(connect_5("slow", false));
    back.publish("t", "x", static_cast<QoS>(qos), 9, false, true);
    scene.decide(Verdict::granted);
    EXPECT_EQ(back.take(), Said{qos == 1 ? "PUBACK 9" : "PUBREC 9"});
    EXPECT_EQ(scene.watch.take(), Said{"PUBLISH t=x q0"})
        << "MQTT-4.3.3-8: new when it comes again";
  }
}

TEST(Authorisation, ATakeoverTakesTheQuestionAway) {
  Scene scene;
  scene.slow.send(Subscribe{5, {{slice("a"), QoS::at_least_once}}});
  const RequestId request = scene.access.requests.back();
  ScriptedPeer& young = scene.test.connected(connect_5("slow", false));
  scene.test.broker.decide(request, Verdict::granted, scene.test.now);
  scene.test.flush();
  EXPECT_EQ(scene.slow.take(), Said{"DISCONNECT 0x8E"});
  EXPECT_EQ(young.take(), Said{});
  EXPECT_EQ(scene.test.broker.gauges().subscriptions, 1u) << "the watcher's";
}

TEST(Authorisation, KeepAliveDoesNotCountWhileTheBrokerIsToBlame) {
  Scene scene;
  Connect connect = connect_5("slow");
  connect.keep_alive_s = 2;
  ScriptedPeer& peer = scene.test.connected(connect);
  scene.test.until(1 * second);
  peer.publish("t", "x");
  scene.test.until(20 * second);
  EXPECT_FALSE(peer.closed());
  scene.decide(Verdict::granted);
  scene.test.until(23 * second - 1);
  EXPECT_FALSE(peer.closed());
  scene.test.until(23 * second);
  EXPECT_TRUE(peer.closed());
}

TEST(Authorisation, OldClientsWaitAsWellAndAreToldNothing) {
  Scene scene;
  ScriptedPeer& old = scene.test.connected("slow");
  old.publish("t", "x", QoS::exactly_once, 1);
  EXPECT_EQ(old.take(), Said{});
  scene.decide(Verdict::denied);
  EXPECT_EQ(old.take(), Said{"PUBREC 1"}) << "MQTT-3.3.5-2";
  old.publish("t", "x", QoS::exactly_once, 1, false, true);
  EXPECT_EQ(old.take(), Said{"PUBREC 1"}) << "not asked for again";
  old.send(Pubrel{1});
  EXPECT_EQ(old.take(), Said{"PUBCOMP 1"});
  old.send(Subscribe{2, {{slice("a"), QoS::at_most_once}}});
  scene.decide({Verdict::denied, ReasonCode::quota_exceeded});
  EXPECT_EQ(old.take(), Said{"SUBACK 2 128"});
}

TEST(Authorisation, AWillWaitsForItsVerdictThoughItsLinkHasGone) {
  for (const bool granted : {true, false}) {
    for (const std::uint32_t delay_s : {0u, 5u}) {
      Scene scene;
      Connect connect = connect_5("slow", true, Properties().add(Id::session_expiry_interval, 9u));
      connect.will = Will{slice("will"), slice("x"), QoS::at_least_once, true,
                          Properties().add(Id::will_delay_interval, delay_s)};
      scene.test.connected(connect).lose();
      scene.test.until(delay_s * second);
      EXPECT_EQ(scene.access.asked, Said{"will q1 retain"});
      scene.test.until(scene.test.now + 3 * second);
      EXPECT_EQ(scene.watch.take(), Said{});
      scene.decide(granted ? Verdict::granted : Verdict::denied);
      EXPECT_EQ(scene.watch.take(), granted ? Said{"PUBLISH will=x q0"} : Said{});
      EXPECT_EQ(scene.test.broker.gauges().retained, granted ? 1u : 0u);
    }
  }
}

TEST(Authorisation, WillsThatWaitForVerdictsAreBounded) {
  Slow access;
  BrokerConfig config;
  config.max_connections = 2;
  TestBroker test(config, &access);
  Connect connect = connect_5("slow");
  connect.will = Will{slice("will"), slice("x"), QoS::at_most_once, false};
  for (int i = 0; i < 3; ++i) test.connected(connect).lose();
  const auto dropped = [&] {
    const Said records = test.records();
    return std::count(records.begin(), records.end(), "dropped not_authorised  q0");
  };
  EXPECT_EQ(dropped(), 1) << "the third";
  test.until(100 * second);
  EXPECT_EQ(dropped(), 2) << "verdicts that never came";
  test.connected(connect).lose();
  EXPECT_EQ(dropped(), 0) << "there is room again";
}

// Both came before the end, and nobody is left to wait for the verdict.
TEST(AuthorisationLater, AGoodbyeBehindAnOpenQuestionCounts_MQTT_3_14_4_3) {
  for (const bool says_goodbye : {true, false}) {
    Scene scene;
    Connect connect =
        connect_5("slow", false, Properties().add(Id::session_expiry_interval, 1'000u));
    connect.will = Will{slice("will"), slice("x"), QoS::at_most_once, false};
    ScriptedPeer& peer = scene.test.connected(connect);
    std::vector<std::uint8_t> bytes{0x32, 7, 0, 1, 't',  0, 1, 0, 'x',
                                    0xE0, 7, 0, 5, 0x11, 0, 0, 0, 0};
    if (!says_goodbye) bytes.resize(9);
    peer.send_bytes(bytes);
    peer.lose(CloseCause::fin);
    if (!says_goodbye) scene.decide(Verdict::granted);  // of the will
    EXPECT_EQ(scene.watch.take(), says_goodbye ? Said{} : Said{"PUBLISH will=x q0"});
    EXPECT_EQ(scene.test.broker.gauges().sessions, says_goodbye ? 1U : 2U) << "its interval is 0";
  }
}

// Lets everybody in, those named after "guest" with rights of their own.
class Usher final : public Access {
 public:
  Decision ask(const AccessRequest& request) override {
    if (request.kind != AccessRequest::Kind::authenticate) return texts_.ask(request);
    Decision decision = Verdict::granted;
    if (request.client_id.starts_with("guest"))
      decision.rights = std::make_shared<AclFile>(
          AclFile::parse("pattern read news/#\npattern write last/%c", "rights"));
    return decision;
  }

 private:
  TextAccess texts_{std::nullopt, AclFile::parse("pattern all/#", "acl"), true};
};

TEST(Authorisation, RightsThatComeWithAGrantCountInsteadOfTheAclFile) {
  Usher usher;
  TestBroker test({}, &usher);
  ScriptedPeer& host = test.connected("host");
  EXPECT_EQ(host.subscribe("all/#", QoS::at_most_once), Said{"SUBACK 1 0"});
  ScriptedPeer& guest = test.connected("guest");
  EXPECT_EQ(guest.subscribe("all/#", QoS::at_most_once), Said{"SUBACK 1 128"});
  EXPECT_EQ(guest.subscribe("news/x", QoS::at_most_once), Said{"SUBACK 1 0"});
  guest.publish("all/x", "1");
  EXPECT_EQ(test.broker.gauges().messages_dropped, 1u);
  guest.publish("last/guest", "2");
  EXPECT_EQ(test.broker.gauges().messages_dropped, 1u);
}

TEST(Authorisation, AWillIsJudgedByTheRightsOfItsLink) {
  for (const bool own : {true, false}) {
    Usher usher;
    TestBroker test({}, &usher);
    Connect connect = connect_5("guest", true, Properties().add(Id::session_expiry_interval, 9u));
    connect.will = Will{slice(own ? "last/guest" : "all/x"), slice("x"), QoS::at_most_once, true};
    connect.will->properties.add(Id::will_delay_interval, 5u);
    test.connected(connect).lose();
    test.until(6 * second);
    EXPECT_EQ(test.broker.gauges().retained, own ? 1u : 0u);
  }
}

}  // namespace
}  // namespace mqttlab::test
