// Who a client is: SCRAM conversations, and chains of providers.
#include <gtest/gtest.h>

#include "protocol/broker/access_chain.h"
#include "protocol/broker/access_policy.h"
#include "protocol/broker/scram_access.h"
#include "protocol/session/octets.h"
#include "protocol/session/scram_client.h"

namespace mqttlab::test {
namespace {

using Kind = AccessRequest::Kind;

std::string user_line(std::string_view user, std::string_view password, int iterations = 4096) {
  const auto salt = bytes_of("0123456789abcdefghij");
  return scram_line(user, ScramCredentials::derive(password, salt, iterations)) + "\n";
}

PasswordFile users() {
  static const auto file =
      PasswordFile::parse(user_line("alice", "wonder land") + user_line("bob", "builder"), "users");
  return file;
}

TEST(PasswordFileScram, ALineOfCredentialsIsReadAsWritten) {
  const std::uint8_t salt[] = {1, 2, 3, 4};
  const auto made = ScramCredentials::derive("pencil", salt, 5'000);
  const std::string line = scram_line("carol", made);
  EXPECT_TRUE(line.starts_with("carol:$scram-sha-256$5000$AQIDBA==$")) << line;
  const auto file = PasswordFile::parse(line, "users");
  const auto read = file.scram("carol", bytes_of("secret"));
  EXPECT_EQ(read.iterations, 5'000);
  EXPECT_EQ(read.salt, made.salt);
  EXPECT_EQ(read.stored_key, made.stored_key);
  EXPECT_EQ(read.server_key, made.server_key);
  EXPECT_TRUE(file.accepts("carol", bytes_of("pencil"))) << "by clients of 3.1.1 too";
  EXPECT_FALSE(file.accepts("carol", bytes_of("Pencil")));
}

TEST(PasswordFileScram, ErrorsNameTheLineAndARemedy) {
  const std::string key = std::string(43, 'A') + "=", head = "u:$scram-sha-256$";
  const std::pair<std::string, std::string> cases[] = {
      {head + "4095$AAAA$" + key + "$" + key,
       "the iterations of user 'u' are '4095', not a number"},
      {head + "1000001$AAAA$" + key + "$" + key, "the iterations of user 'u' are '1000001'"},
      {head + "4096$$" + key + "$" + key, "the salt of user 'u' is not base64"},
      {head + "4096$AAAA$AAAA$" + key, "the stored key of user 'u' has 3 bytes, SHA-256 has 32"},
      {head + "4096$AAAA$" + key, "the server key of user 'u' is not base64"},
      {head + "4096$AAAA$" + key + "$" + key + "$x", "there is something behind the hash"},
      {"u:$scram-sha-1$4096$AAAA$" + key + "$" + key,
       "the hash of user 'u' has the unknown scheme"}};
  for (const auto& [line, expected] : cases) {
    try {
      static_cast<void>(PasswordFile::parse(line, "users"));
      ADD_FAILURE() << line;
    } catch (const std::invalid_argument& error) {
      EXPECT_TRUE(std::string_view(error.what()).starts_with("users, line 1: " + expected))
          << error.what();
    }
  }
  const auto some = ScramCredentials::derive("x", bytes_of("salt"), 4'096);
  for (const char* user : {"", " a", "#a", "a:b", "a\nb"})
    EXPECT_THROW(static_cast<void>(scram_line(user, some)), std::invalid_argument) << user;
  auto weak = some;
  weak.iterations = 1;
  EXPECT_THROW(static_cast<void>(scram_line("a", weak)), std::invalid_argument);
}

TEST(PasswordFileScram, UnknownUsersLookLikeKnownOnes) {
  const auto file =
      PasswordFile::parse(user_line("alice", "wonder land", 6'000) +
                              "dora:$6$n2IEqGmoZH0bgZvp$J3hDbm/7yyjnZ4M8eC3RRkciV/"
                              "BIGYfzmt6XEWE42PI5+6cfzC9pkbAlOlfl8xNcJJxkVPLhbPKE5lraZdvzGQ==",
                          "users");
  const auto known = file.scram("alice", bytes_of("secret"));
  for (const char* name : {"mallory", "dora", ""}) {
    const auto shown = file.scram(name, bytes_of("secret"));
    EXPECT_EQ(shown.iterations, known.iterations);
    EXPECT_EQ(shown.salt.size(), known.salt.size());
    EXPECT_NE(shown.salt, known.salt);
    EXPECT_EQ(shown.salt, file.scram(name, bytes_of("secret")).salt) << "another one would tell";
    EXPECT_NE(shown.salt, file.scram(name, bytes_of("other")).salt);
  }
  EXPECT_NE(file.scram("a", bytes_of("secret")).salt, file.scram("b", bytes_of("secret")).salt);
  EXPECT_EQ(PasswordFile().scram("a", bytes_of("secret")).salt.size(), 16u);
}

// A client that goes through its conversation with an Access. `user_name` is CONNECT's, or who the
// client is already.
Decision converse(Access& access, ScramClient& client, LinkId link, std::string_view user_name = "",
                  bool again = false) {
  AccessRequest request;
  request.link = link;
  request.method = client.method();
  request.has_user_name = !user_name.empty();
  request.user_name = user_name;
  request.again = again;
  const std::string start = client.start();
  request.data = bytes_of(start);
  Decision decision = access.ask(request);
  for (request.step = 1; decision.verdict == Verdict::more; ++request.step) {
    const auto data = client.next(bytes_of(decision.data));
    if (!data) {
      ADD_FAILURE() << "the client gives up at " << decision.data;
      return decision;
    }
    request.data = bytes_of(*data);
    decision = access.ask(request);
  }
  EXPECT_EQ(decision.verdict == Verdict::granted, client.finish(bytes_of(decision.data)));
  return decision;
}

ScramClient client_of(std::string user, std::string password) {
  return {std::move(user), std::move(password), scram_nonces(Random(1, "client"))};
}

TEST(ScramAccess, MQTT_4_12_0_2_TheServerAsksForMoreThenKnowsWhoItIs) {
  ScramAccess access(users(), Random(1, "scram"));
  EXPECT_TRUE(access.supports("SCRAM-SHA-256"));
  EXPECT_FALSE(access.supports("SCRAM-SHA-1"));
  ScramClient alice = client_of("alice", "wonder land");
  const Decision granted = converse(access, alice, 7, "somebody");
  EXPECT_EQ(granted.verdict, Verdict::granted);
  EXPECT_EQ(granted.user_name, "alice") << "whatever CONNECT says";
  EXPECT_EQ(access.conversations(), 0u);
}

TEST(ScramAccess, MQTT_4_12_0_4_WhoProvesNothingIsRefusedForOneReason) {
  ScramAccess access(users(), Random(1, "scram"));
  for (const auto& [user, password] : {std::pair("alice", "builder"), std::pair("mallory", "x")}) {
    ScramClient client = client_of(user, password);
    const Decision denied = converse(access, client, 7);
    EXPECT_EQ(denied.verdict, Verdict::denied);
    EXPECT_EQ(denied.reason, ReasonCode::not_authorized) << user;
    EXPECT_EQ(access.conversations(), 0u);
  }
}

AccessRequest scram_step(LinkId link, unsigned step, std::string_view data) {
  AccessRequest request;
  request.link = link;
  request.method = scram_sha_256;
  request.step = step;
  request.data = bytes_of(data);
  return request;
}

TEST(ScramAccess, ConversationsAreBoundedAndEndWithTheirLink) {
  ScramAccess access(users(), Random(1, "scram"), 2);
  constexpr std::string_view hello = "n,,n=alice,r=abc";
  EXPECT_EQ(access.ask(scram_step(1, 1, "c=biws,r=abc,p=AAAA")).verdict, Verdict::denied)
      << "no conversation begins in its middle";
  EXPECT_EQ(access.ask(scram_step(1, 0, hello)).verdict, Verdict::more);
  EXPECT_EQ(access.ask(scram_step(1, 0, hello)).verdict, Verdict::more) << "anew";
  EXPECT_EQ(access.ask(scram_step(2, 0, hello)).verdict, Verdict::more);
  EXPECT_EQ(access.conversations(), 2u);
  EXPECT_EQ(access.ask(scram_step(3, 0, hello)).reason, ReasonCode::server_busy);
  EXPECT_EQ(access.ask(scram_step(1, 0, "nonsense")).verdict, Verdict::denied);
  EXPECT_EQ(access.conversations(), 1u);
  EXPECT_EQ(access.ask(scram_step(3, 0, hello)).verdict, Verdict::more);
  access.gone(2);
  access.gone(2);
  access.gone(3);
  EXPECT_EQ(access.conversations(), 0u);
  EXPECT_NE(access.ask(scram_step(1, 0, hello)).data, access.ask(scram_step(2, 0, hello)).data)
      << "nonces are never the same";
}

TEST(ScramAccess, ConversationsOfTwoLinksDoNotMix) {
  ScramAccess access(users(), Random(1, "scram"));
  ScramClient alice = client_of("alice", "wonder land"), bob = client_of("bob", "builder");
  const Decision to_alice = access.ask(scram_step(1, 0, alice.start()));
  const Decision to_bob = access.ask(scram_step(2, 0, bob.start()));
  const auto from_bob = bob.next(bytes_of(to_bob.data));
  EXPECT_EQ(access.ask(scram_step(1, 1, *from_bob)).verdict, Verdict::denied);
  EXPECT_EQ(access.ask(scram_step(2, 1, *from_bob)).user_name, "bob");
}

TEST(ScramAccess, MQTT_4_12_1_2_ReauthenticationKeepsTheIdentity) {
  ScramAccess access(users(), Random(1, "scram"));
  ScramClient alice = client_of("alice", "wonder land"), bob = client_of("bob", "builder");
  EXPECT_EQ(converse(access, alice, 1, "alice", true).verdict, Verdict::granted);
  AccessRequest request = scram_step(1, 0, "");
  request.again = true;
  request.user_name = "alice";
  const std::string start = bob.start();
  request.data = bytes_of(start);
  const auto proof = bob.next(bytes_of(access.ask(request).data));
  request.step = 1;
  request.data = bytes_of(*proof);
  const Decision denied = access.ask(request);
  EXPECT_EQ(denied.verdict, Verdict::denied);
  EXPECT_TRUE(denied.data.empty()) << "bob is bob, but alice is not";
}

// Knows the questions whose topic it is given.
class Fixed : public AccessProvider {
 public:
  Fixed(std::string topic, Decision decision)
      : topic_(std::move(topic)), decision_(std::move(decision)) {}
  bool knows(const AccessRequest& request) const override { return request.topic == topic_; }
  Decision ask(const AccessRequest&) override { return decision_; }
  void gone(LinkId link) override { ended.push_back(link); }
  std::vector<LinkId> ended;

 private:
  std::string topic_;
  Decision decision_;
};

AccessRequest about(std::string_view topic) {
  AccessRequest request;
  request.kind = Kind::publish;
  request.topic = topic;
  return request;
}

TEST(AccessChain, TheFirstThatKnowsDecides) {
  std::vector<std::shared_ptr<AccessProvider>> providers;
  providers.push_back(std::make_unique<Fixed>("a", Verdict::granted));
  providers.push_back(std::make_unique<Fixed>("b", Decision(Verdict::denied, ReasonCode::banned)));
  providers.push_back(std::make_unique<Fixed>("b", Verdict::granted));
  auto last = std::make_unique<Fixed>("", Verdict::granted);
  Fixed& end = *last;
  AccessChain chain(std::move(providers), std::move(last));
  EXPECT_EQ(chain.ask(about("a")).verdict, Verdict::granted);
  EXPECT_EQ(chain.ask(about("b")).reason, ReasonCode::banned) << "a denial is a decision";
  EXPECT_EQ(chain.ask(about("c")).verdict, Verdict::granted) << "the last one's";
  chain.gone(4);
  EXPECT_EQ(end.ended, std::vector<LinkId>{4});
}

TEST(AccessChain, MQTT_4_12_0_1_WhatNobodyKnowsIsDenied) {
  AccessChain empty({}, nullptr);
  for (const Kind kind : {Kind::authenticate, Kind::publish, Kind::subscribe}) {
    AccessRequest request;
    request.kind = kind;
    EXPECT_EQ(empty.ask(request).verdict, Verdict::denied);
  }
  AccessChain willing({}, std::make_unique<Fixed>("", Verdict::granted));
  EXPECT_FALSE(willing.supports("PLAIN"));
  AccessRequest request;
  request.method = "PLAIN";
  const Decision denied = willing.ask(request);
  EXPECT_EQ(denied.verdict, Verdict::denied) << "though the last one would let anybody in";
  EXPECT_EQ(denied.reason, ReasonCode::bad_authentication_method);
}

AccessRequest connect(std::string_view user_name, std::string_view password,
                      std::string_view certificate = "") {
  AccessRequest request;
  request.has_user_name = !user_name.empty();
  request.user_name = user_name;
  request.has_password = !password.empty();
  request.password = bytes_of(password);
  request.certificate = certificate;
  return request;
}

TEST(AccessPolicy, EachWayToProveWhoOneIs) {
  AccessPolicy policy;
  policy.passwords = users();
  policy.scram = policy.certificates = true;
  const auto access = make_access(std::move(policy), Random(1, "access"));
  EXPECT_TRUE(access->supports(scram_sha_256));
  ScramClient alice = client_of("alice", "wonder land");
  EXPECT_EQ(converse(*access, alice, 1).user_name, "alice");
  EXPECT_EQ(access->ask(connect("alice", "wonder land")).verdict, Verdict::granted);
  EXPECT_EQ(access->ask(connect("alice", "builder")).verdict, Verdict::denied);
  EXPECT_EQ(access->ask(connect("", "")).verdict, Verdict::denied) << "anonymous";
  const Decision known = access->ask(connect("alice", "builder", "CN=meter-7"));
  EXPECT_EQ(known.verdict, Verdict::granted);
  EXPECT_EQ(known.user_name, "CN=meter-7") << "not who it says it is";
}

TEST(AccessPolicy, AUserNameThatCanBeProvedIsNotBelieved) {
  AccessPolicy open;
  EXPECT_EQ(make_access(open, Random(1, "a"))->ask(connect("root", "")).verdict, Verdict::granted);
  EXPECT_EQ(make_access(open, Random(1, "a"))->ask(connect("", "")).verdict, Verdict::denied);
  AccessPolicy certified;
  certified.certificates = true;
  const auto strict = make_access(certified, Random(1, "a"));
  EXPECT_EQ(strict->ask(connect("root", "")).verdict, Verdict::denied);
  EXPECT_EQ(strict->ask(connect("root", "x")).verdict, Verdict::denied);
  AccessRequest named = connect("", "", "CN=meter-7");
  named.method = "PLAIN";
  EXPECT_EQ(strict->ask(named).verdict, Verdict::denied) << "a method is more than a certificate";
  AccessPolicy tokens;
  tokens.tokens = JwtConfig{};
  EXPECT_THROW(static_cast<void>(make_access(tokens, Random(1, "a"))), std::invalid_argument);
  tokens.tokens->key = std::string(32, 'x');
  const auto bearer = make_access(tokens, Random(1, "a"));
  EXPECT_EQ(bearer->ask(connect("root", "x")).verdict, Verdict::denied);
  EXPECT_EQ(bearer->ask(connect("root", "eyJ.e30.")).verdict, Verdict::denied);
  AccessPolicy nobody;
  nobody.scram = true;
  EXPECT_THROW(static_cast<void>(make_access(nobody, Random(1, "a"))), std::invalid_argument);
}

// Who the client is comes from the identity; what it may do, from the ACL's lines for that name.
TEST(AccessPolicy, AnyIdentityDrivesTheAcl) {
  AccessPolicy policy;
  policy.certificates = true;
  policy.acl = AclFile::parse("pattern readwrite by/%u/#\nuser alice\ntopic read all/#", "acl");
  const auto access = make_access(std::move(policy), Random(1, "access"));
  const auto may = [&](Kind kind, const std::string& user, std::string_view topic) {
    AccessRequest request = about(topic);
    request.kind = kind;
    request.has_user_name = true;
    request.user_name = user;
    return access->ask(request).verdict == Verdict::granted;
  };
  const std::string who = access->ask(connect("bob", "", "alice")).user_name;
  EXPECT_TRUE(may(Kind::publish, who, "by/alice/x"));
  EXPECT_FALSE(may(Kind::publish, who, "by/bob/x"));
  EXPECT_TRUE(may(Kind::subscribe, who, "all/x"));
  EXPECT_TRUE(may(Kind::subscribe, who, "$share/group/all/x"));
  for (const char* wide : {"#", "+", "alice/x", "al#"}) {
    EXPECT_FALSE(may(Kind::publish, wide, "by/alice/x")) << wide;
    EXPECT_FALSE(may(Kind::subscribe, wide, "by/" + std::string(wide) + "/#")) << wide;
  }
}

TEST(AclFile, MQTT_4_8_2_2_OfASharedSubscriptionTheFilterCounts) {
  const auto acl =
      AclFile::parse("topic read a/#\ntopic deny a/secret\ntopic read $share/#", "acl");
  const AclFile::Client anyone{"c", std::nullopt};
  EXPECT_TRUE(acl.may_subscribe(anyone, "$share/g/a/b"));
  EXPECT_FALSE(acl.may_subscribe(anyone, "$share/g/a/secret"));
  EXPECT_FALSE(acl.may_subscribe(anyone, "$share/g/a/+"));
  EXPECT_FALSE(acl.may_subscribe(anyone, "$share/a/b")) << "a is the group's name";
  EXPECT_FALSE(acl.may_subscribe(anyone, "$share/g/#"));
}

}  // namespace
}  // namespace mqttlab::test
