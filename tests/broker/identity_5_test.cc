// Identities through the broker: what SCRAM, tokens and slow systems answer, as packets.
#include <gtest/gtest.h>
#include <openssl/hmac.h>

#include "protocol/broker/access_policy.h"
#include "protocol/broker/delayed_access.h"
#include "protocol/session/octets.h"
#include "protocol/session/scram_client.h"
#include "tests/broker/scripted_peer.h"

namespace mqttlab::test {
namespace {

using Id = PropertyId;

PasswordFile one_user(std::string_view user, std::string_view password) {
  const auto made = ScramCredentials::derive(password, bytes_of("some salt"), 4'096);
  return PasswordFile::parse(scram_line(user, made), "users");
}

std::unique_ptr<Access> scram_access() {
  AccessPolicy policy;
  policy.passwords = one_user("alice", "wonder land");
  policy.acl = AclFile::parse("pattern read by/%u/#", "acl");
  policy.scram = true;
  return make_access(std::move(policy), Random(1, "access"));
}

Properties scram_part(std::string_view data) {
  Properties properties;
  properties.add(Id::authentication_method, scram_sha_256);
  properties.add(Id::authentication_data, data);
  return properties;
}

std::string data_of(const Properties& properties) {
  const auto data = properties.get<Id::authentication_data>();
  return data ? std::string(data->text()) : "";
}

// The one packet that the broker has sent.
Packet only(ScriptedPeer& peer) {
  const auto packets = peer.take_packets();
  EXPECT_EQ(packets.size(), 1u);
  return packets.empty() ? Packet(Pingreq{}) : packets.front();
}

// Answers the broker's AUTH 0x18; what the broker says to that.
Packet answered(ScriptedPeer& peer, ScramClient& client) {
  const Packet asked = only(peer);
  const Auth* more = std::get_if<Auth>(&asked);
  EXPECT_TRUE(more && more->reason == ReasonCode::continue_authentication);
  const auto data = more ? client.next(bytes_of(data_of(more->properties))) : std::nullopt;
  EXPECT_TRUE(data);
  peer.send(Auth{ReasonCode::continue_authentication, scram_part(data.value_or(""))});
  return only(peer);
}

TEST(Identity5, MQTT_4_12_0_2_ScramThroughTheBrokerDrivesTheAcl) {
  const auto access = scram_access();
  TestBroker test({}, access.get());
  ScramClient client("alice", "wonder land", scram_nonces(Random(1, "client")));
  ScriptedPeer& peer = test.accept();
  peer.send(connect_5("c", true, scram_part(client.start())));
  const Packet accepted = answered(peer, client);
  ASSERT_TRUE(std::holds_alternative<Connack>(accepted));
  EXPECT_TRUE(client.finish(bytes_of(data_of(std::get<Connack>(accepted).properties))));
  EXPECT_EQ(peer.subscribe("by/alice/#", QoS::at_least_once), Said{"SUBACK 1 1"});
  EXPECT_EQ(peer.subscribe("by/bob/#", QoS::at_least_once),
            Said{"SUBACK 1 135 {Reason String access control does not allow this filter}"});

  peer.send(Auth{ReasonCode::re_authenticate, scram_part(client.start())});  // MQTT-4.12.1-1
  const Packet renewed = answered(peer, client);
  ASSERT_TRUE(std::holds_alternative<Auth>(renewed));
  EXPECT_EQ(std::get<Auth>(renewed).reason, ReasonCode::success);
  EXPECT_TRUE(client.finish(bytes_of(data_of(std::get<Auth>(renewed).properties))));

  ScramClient wrong("alice", "looking glass", scram_nonces(Random(2, "client")));
  peer.send(Auth{ReasonCode::re_authenticate, scram_part(wrong.start())});
  const Packet refused = answered(peer, wrong);  // MQTT-4.12.1-2
  ASSERT_TRUE(std::holds_alternative<Disconnect>(refused));
  EXPECT_EQ(std::get<Disconnect>(refused).reason, ReasonCode::not_authorized);
  EXPECT_TRUE(peer.closed());
}

TEST(Identity5, MQTT_4_12_0_4_ScramRefusesBeforeTheSessionBegins) {
  const auto access = scram_access();
  TestBroker test({}, access.get());
  ScramClient client("alice", "looking glass", scram_nonces(Random(1, "client")));
  ScriptedPeer& peer = test.accept();
  peer.send(connect_5("c", true, scram_part(client.start())));
  const Packet refused = answered(peer, client);
  ASSERT_TRUE(std::holds_alternative<Connack>(refused));
  EXPECT_EQ(std::get<Connack>(refused).reason, ReasonCode::not_authorized);
  EXPECT_TRUE(peer.closed());
  EXPECT_EQ(test.broker.gauges().sessions, 0u);
}

std::string token(const std::string& secret, const std::string& claims) {
  const auto url = [](std::string_view text) { return to_base64(bytes_of(text), Base64::url); };
  const std::string text = url(R"({"alg":"HS256"})") + "." + url(claims);
  std::uint8_t out[32];
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), bytes_of(text).data(),
       text.size(), out, nullptr);
  return text + "." + to_base64(out, Base64::url);
}

TEST(Identity5, AConnectionEndsWithItsTokenInEveryVersion) {
  const std::string secret(32, 's');
  AccessPolicy policy;
  policy.acl = AclFile::parse("pattern read by/%u/#", "acl");
  policy.tokens.emplace();
  policy.tokens->key = secret;
  policy.tokens->unix_time = 1'000 * second;
  const auto access = make_access(std::move(policy), Random(1, "access"));
  TestBroker test({}, access.get());
  Connect connect = connect_5("five");
  connect.password = slice(token(secret, R"({"sub":"meter","exp":1060})"));
  ScriptedPeer& five = test.accept();
  EXPECT_EQ(five.connect(connect), Said{"CONNACK 0"});
  connect.version = ProtocolVersion::v3_1_1;
  connect.client_id = slice("three");
  connect.user_name = slice("");  // without one 3.1.1 has no password (MQTT-3.1.2-22)
  ScriptedPeer& three = test.accept();
  EXPECT_EQ(three.connect(connect), Said{"CONNACK 0"});
  for (ScriptedPeer* peer : {&five, &three})
    EXPECT_EQ(peer->subscribe("by/meter/#", QoS::at_least_once), Said{"SUBACK 1 1"});
  test.until(60 * second - 1);
  EXPECT_FALSE(five.closed() || three.closed());
  test.until(60 * second);
  EXPECT_EQ(five.take(), Said{"DISCONNECT 0x87"});
  EXPECT_EQ(three.take(), Said{});
  EXPECT_TRUE(five.closed() && three.closed());
  EXPECT_EQ(test.accept().connect(connect), Said{"CONNACK 4"}) << "the token has expired";
}

TEST(Identity5, ASlowIdentitySystemHoldsUpWhoAsksAndNobodyElse) {
  DelayedAccess slow(scram_access(), {.authenticate = 3 * second, .subscribe = 2 * second});
  TestBroker test({}, &slow);
  const auto until = [&](Time when) {
    while (slow.deadline() <= when) {
      test.until(slow.deadline());
      while (const auto answer = slow.next(test.now))
        test.broker.decide(answer->request, answer->decision, test.now);
      test.flush();
    }
    test.until(when);
  };
  Properties kept;
  kept.add(Id::session_expiry_interval, 1'000);
  Connect connect = connect_5("c", true, kept);
  connect.user_name = slice("alice");
  connect.password = slice("wonder land");
  ScriptedPeer& peer = test.accept();
  EXPECT_EQ(peer.connect(connect), Said{});
  until(3 * second - 1);
  EXPECT_EQ(peer.take(), Said{});
  until(3 * second);
  EXPECT_EQ(peer.take(), Said{"CONNACK 0"});
  EXPECT_EQ(peer.subscribe("by/alice/#", QoS::at_most_once), Said{});
  until(4 * second);
  peer.lose();
  until(9 * second);
  EXPECT_EQ(slow.deadline(), never);
  EXPECT_EQ(test.broker.gauges().sessions, 1u);
  EXPECT_EQ(test.broker.gauges().subscriptions, 0u) << "an answer to a link that has gone";
}

}  // namespace
}  // namespace mqttlab::test
