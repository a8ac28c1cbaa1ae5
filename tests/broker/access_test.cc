// Authentication and authorisation: texts as mosquitto writes them, and verdicts that come later.
#include <gtest/gtest.h>

#include <algorithm>

#include "protocol/broker/acl_file.h"
#include "protocol/broker/password_file.h"
#include "protocol/broker/text_access.h"
#include "protocol/wire/topic.h"
#include "tests/broker/scripted_peer.h"

namespace mqttlab::test {
namespace {

// Written by mosquitto_passwd 2.0.11: `-b FILE alice 'wonder land'`, `-H sha512 -b FILE bob
// builder`.
constexpr std::string_view passwords =
    "alice:$7$101$WboFqDF0uvoATlbo$dVi15KxTNNMemrzmS3ulQsX2u3ZJYb+FmF3HVdDb8de3J4Vr2VzVkzX1F91PNntB"
    "br5PGvZYGzMU7aUkKN6Gzg==\n"
    "bob:$6$n2IEqGmoZH0bgZvp$J3hDbm/7yyjnZ4M8eC3RRkciV/"
    "BIGYfzmt6XEWE42PI5+6cfzC9pkbAlOlfl8xNcJJxkVPL"
    "hbPKE5lraZdvzGQ==\n";

Bytes bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

template <typename Parse>
std::string error_of(Parse parse) {
  try {
    static_cast<void>(parse());
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "no error";
}

TEST(PasswordFile, AcceptsWhatMosquittoPasswdWrote) {
  const auto file = PasswordFile::parse(passwords, "passwords");
  EXPECT_EQ(file.size(), 2u);
  EXPECT_TRUE(file.accepts("alice", bytes("wonder land")));
  EXPECT_TRUE(file.accepts("bob", bytes("builder")));
  for (const char* wrong : {"", "wonder lan", "wonder land ", "Wonder land", "builder"})
    EXPECT_FALSE(file.accepts("alice", bytes(wrong))) << wrong;
  EXPECT_FALSE(file.accepts("carol", bytes("wonder land")));
  EXPECT_FALSE(file.accepts("", bytes("")));
}

TEST(PasswordFile, SkipsCommentsAndEmptyLines) {
  const auto file = PasswordFile::parse("# users\r\n\r\n" + std::string(passwords), "passwords");
  EXPECT_TRUE(file.accepts("bob", bytes("builder")));
}

TEST(PasswordFile, ErrorsNameTheLineTheUserAndARemedy) {
  const std::string hash(86, 'A');
  const std::pair<std::string, std::string> cases[] = {
      {"nobody", "line 2: no user name before a ':' in 'nobody'"},
      {":$7$1$AAAA$" + hash + "==", "line 2: no user name"},
      {"u:secret", "line 2: the password of user 'u' is not hashed"},
      {"u:$5$AAAA$" + hash + "==", "line 2: the hash of user 'u' has the unknown scheme '$5$'"},
      {"u:$7$0$AAAA$" + hash + "==", "line 2: the iterations of user 'u' are '0', not a number"},
      {"u:$7$99999999$AAAA$" + hash + "==", "line 2: the iterations of user 'u' are '99999999'"},
      {"u:$7$1x$AAAA$" + hash + "==", "line 2: the iterations of user 'u' are '1x'"},
      {"u:$7$1$A*AA$" + hash + "==", "line 2: the salt of user 'u' is not base64"},
      {"u:$7$1$AAAA$", "line 2: the hash of user 'u' is not base64"},
      {"u:$7$1$AAAA$AAAA", "line 2: the hash of user 'u' has 3 bytes, SHA-512 has 64"},
      {"u:$7$1$AAAA$" + hash + "==$x", "line 2: there is something behind the hash of user 'u'"},
      {"bob:$6$AAAA$" + hash + "==\nbob:$6$AAAA$" + hash + "==",
       "line 3: user 'bob' is there twice"},
  };
  for (const auto& [line, expected] : cases) {
    const std::string error = error_of([&] { return PasswordFile::parse("#\n" + line, "users"); });
    EXPECT_TRUE(error.starts_with("users, " + expected)) << error;
    EXPECT_NE(error.find("; "), std::string::npos) << "no remedy in: " << error;
  }
}

const AclFile::Client anyone{"dev1", std::nullopt};
const AclFile::Client alice{"dev1", "alice"};

TEST(AclFile, LinesOfUsersOfNobodyAndOfEverybody) {
  const auto acl = AclFile::parse(
      "topic read news/#\n"
      "# comment\n"
      "user alice\n"
      "topic write site/a b\n"
      "topic both/ways\n"
      "topic deny both/ways/not\n"
      "pattern readwrite dev/%c/#\n"
      "pattern write by/%u\n",
      "acl");
  EXPECT_TRUE(acl.may_subscribe(anyone, "news/today"));
  EXPECT_FALSE(acl.may_publish(anyone, "news/today"));
  EXPECT_FALSE(acl.may_subscribe(alice, "news/today"))
      << "lines above are for clients without a name";
  EXPECT_TRUE(acl.may_publish(alice, "site/a b"));
  EXPECT_FALSE(acl.may_subscribe(alice, "site/a b"));
  EXPECT_TRUE(acl.may_publish(alice, "both/ways"));
  EXPECT_TRUE(acl.may_subscribe(alice, "both/ways"));
  EXPECT_TRUE(acl.may_publish(anyone, "dev/dev1/x"));
  EXPECT_FALSE(acl.may_publish(anyone, "dev/dev2/x"));
  EXPECT_TRUE(acl.may_publish(alice, "by/alice"));
  EXPECT_FALSE(acl.may_publish(anyone, "by/"));
  EXPECT_FALSE(acl.may_publish({"c", "mallory"}, "both/ways"));
}

TEST(AclFile, DenyGoesFirstWhereverItStands) {
  for (const char* text : {"topic #\ntopic deny secret/#", "topic deny secret/#\ntopic #"}) {
    const auto acl = AclFile::parse(text, "acl");
    EXPECT_TRUE(acl.may_publish(anyone, "open"));
    EXPECT_FALSE(acl.may_publish(anyone, "secret"));
    EXPECT_FALSE(acl.may_subscribe(anyone, "#")) << "it would see the secret";
    EXPECT_TRUE(acl.may_subscribe(anyone, "open/#"));
  }
}

TEST(AclFile, AClientIdCannotWidenAPattern) {
  const auto acl = AclFile::parse("pattern readwrite dev/%c/data", "acl");
  for (const char* id : {"+", "#", "a/b", ""}) {
    EXPECT_FALSE(acl.may_subscribe({id, std::nullopt}, "dev/+/data")) << id;
    EXPECT_FALSE(acl.may_publish({id, std::nullopt}, "dev/a/b/data")) << id;
  }
  const auto denies = AclFile::parse("topic #\npattern deny dev/%c/data", "acl");
  EXPECT_TRUE(denies.may_publish({"a", std::nullopt}, "dev/b/data"));
  EXPECT_FALSE(denies.may_publish({"a", std::nullopt}, "dev/a/data"));
  EXPECT_FALSE(denies.may_publish({"+", std::nullopt}, "dev/a/data")) << "nor escape a deny";
}

TEST(AclFile, ErrorsNameTheLine) {
  EXPECT_EQ(error_of([] { return AclFile::parse("topic a\ntopc b", "acl.txt"); }),
            "acl.txt, line 2: unknown word 'topc'; lines are 'user NAME', 'topic "
            "[read|write|readwrite|deny] FILTER' and 'pattern [read|write|readwrite|deny] FILTER'");
  EXPECT_EQ(
      error_of([] { return AclFile::parse("\n\ntopic read a/#/b", "acl.txt"); }),
      "acl.txt, line 3: 'a/#/b' is not a topic filter; '+' must fill a level, '#' the last one");
  EXPECT_EQ(error_of([] { return AclFile::parse("topic raed a", "acl.txt"); }),
            "acl.txt, line 1: 'raed' is none of read, write, readwrite and deny; put one of them "
            "before a filter that contains blanks");
  EXPECT_TRUE(
      error_of([] { return AclFile::parse("user", "a"); }).starts_with("a, line 1: 'user'"));
  EXPECT_TRUE(error_of([] { return AclFile::parse("topic", "a"); }).starts_with("a, line 1: ''"));
}

// covers() and overlaps() against their meaning, over every small filter and topic.
TEST(AclFile, FiltersAreComparedByTheTopicsThatTheyMatch) {
  const std::vector<std::string> levels{"a", "b", "$x", "", "+", "#"};
  std::vector<std::string> all, last{""};
  for (int depth = 0; depth < 3; ++depth) {
    std::vector<std::string> next;
    for (const auto& front : last)
      for (const auto& level : levels) next.push_back(depth == 0 ? level : front + "/" + level);
    all.insert(all.end(), next.begin(), next.end());
    last = next;
  }
  std::vector<std::string> filters, topics{""};  // no topic is empty, but a filter's parent may be
  for (const auto& text : all) {
    if (valid_topic_filter(text)) filters.push_back(text);
    if (!valid_topic_name(text)) continue;
    topics.push_back(text);
    topics.push_back(text + "/other");  // a level that no filter names
    topics.push_back("other/" + text);
  }
  std::vector<std::vector<bool>> matched;
  for (const auto& filter : filters) {
    auto& row = matched.emplace_back();
    for (const auto& topic : topics) row.push_back(matches(filter, topic));
  }
  for (std::size_t a = 0; a < filters.size(); ++a) {
    for (std::size_t b = 0; b < filters.size(); ++b) {
      bool common = false, contained = true;
      for (std::size_t t = 0; t < topics.size(); ++t) {
        common = common || (matched[a][t] && matched[b][t]);
        contained = contained && (matched[a][t] || !matched[b][t]);
      }
      const std::string pair = filters[a] + " " + filters[b];
      EXPECT_EQ(overlaps(filters[a], filters[b]), common) << pair;
      const bool covered = covers(filters[a], filters[b]);
      EXPECT_TRUE(contained || !covered) << pair;
      const bool wildcards = filters[b].find_first_of("+#") != std::string::npos;
      EXPECT_TRUE(covered || !contained || wildcards) << pair;
    }
  }
  EXPECT_TRUE(covers("+/#", "#")) << "every topic has a first level";
}

Connect as_user(std::string_view client_id, std::string_view user, std::string_view password) {
  Connect connect;
  connect.client_id = slice(client_id);
  connect.user_name = slice(user);
  connect.password = slice(password);
  return connect;
}

Said answer(TestBroker& test, const Connect& connect) {
  ScriptedPeer& peer = test.accept();
  peer.send(connect);
  const Said said = peer.take();
  EXPECT_EQ(peer.closed(), said != Said{"CONNACK 0"});
  return said;
}

TEST(Access, ConnackTellsWhoMayConnect) {
  TextAccess access(PasswordFile::parse(passwords, "p"), std::nullopt, false);
  TestBroker test({}, &access);
  EXPECT_EQ(answer(test, as_user("1", "alice", "wonder land")), Said{"CONNACK 0"});
  EXPECT_EQ(answer(test, as_user("2", "alice", "wrong")), Said{"CONNACK 4"});
  EXPECT_EQ(answer(test, as_user("3", "mallory", "wonder land")), Said{"CONNACK 4"});
  Connect anonymous;
  anonymous.client_id = slice("4");
  EXPECT_EQ(answer(test, anonymous), Said{"CONNACK 5"});
  EXPECT_EQ(test.broker.gauges().sessions, 1u);
}

TEST(Access, MQTT_3_3_5_2_ADeniedPublishIsAcknowledgedAndDropped) {
  TextAccess access(std::nullopt, AclFile::parse("topic read #\ntopic write ok", "a"), true);
  TestBroker test({}, &access);
  ScriptedPeer& peer = test.connected("c");
  EXPECT_EQ(peer.subscribe("#", QoS::at_least_once), Said{"SUBACK 1 1"});
  peer.publish("no", "1", QoS::at_least_once, 1, true);
  peer.publish("no", "2", QoS::exactly_once, 2);
  peer.publish("ok", "3");
  EXPECT_EQ(peer.take(), (Said{"PUBACK 1", "PUBREC 2", "PUBLISH ok=3 q0"}));
  EXPECT_EQ(test.records(), (Said{"dropped not_authorised  q1", "dropped not_authorised  q2"}));
  EXPECT_EQ(test.broker.gauges().retained, 0u);
}

TEST(Access, ADeniedSubscribeFailsAloneAndAWillIsAPublishToo) {
  TextAccess access(std::nullopt, AclFile::parse("topic read a\ntopic write b", "a"), true);
  TestBroker test({}, &access);
  ScriptedPeer& peer = test.connected("c");
  peer.send(Subscribe{1, {{slice("a"), QoS::at_least_once}, {slice("b"), QoS::at_most_once}}});
  EXPECT_EQ(peer.take(), Said{"SUBACK 1 1 128"});
  Connect connect;
  connect.client_id = slice("w");
  connect.will = Will{slice("a"), slice("x"), QoS::at_least_once, false};
  ScriptedPeer& willing = test.accept();
  willing.send(connect);
  willing.lose();
  EXPECT_EQ(peer.take(), Said{});
  EXPECT_EQ(test.records(), (Said{"session_ended w", "dropped not_authorised  q1"}));
}

// Answers `later` to everybody, and remembers the requests.
class SlowAccess : public Access {
 public:
  Decision ask(const AccessRequest& request) override {
    if (request.kind != AccessRequest::Kind::authenticate) return Verdict::granted;
    requests.push_back(request.request);
    return Verdict::later;
  }
  std::vector<RequestId> requests;
};

TEST(AccessLater, VerdictsMayComeInAnyOrder) {
  std::vector<int> order{0, 1, 2, 3};
  do {
    SlowAccess access;
    TestBroker test({}, &access);
    std::vector<ScriptedPeer*> peers;
    for (const char* id : {"0", "1", "2", "3"}) {
      peers.push_back(&test.accept());
      EXPECT_EQ(peers.back()->connect(id), Said{});
      EXPECT_FALSE(peers.back()->readable()) << "its input waits";
    }
    for (const int i : order) {
      const bool granted = i != 2;
      test.broker.decide(access.requests[static_cast<std::size_t>(i)],
                         granted ? Verdict::granted : Verdict::denied, test.now);
      test.flush();
      ScriptedPeer& peer = *peers[static_cast<std::size_t>(i)];
      EXPECT_EQ(peer.take(), granted ? Said{"CONNACK 0"} : Said{"CONNACK 5"});
      EXPECT_EQ(peer.closed(), !granted);
      EXPECT_EQ(peer.readable(), granted);
    }
    EXPECT_EQ(test.broker.gauges().connections, 3u);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(AccessLater, InputBehindConnectWaitsAndIsThenHandled) {
  SlowAccess access;
  TestBroker test({}, &access);
  ScriptedPeer& peer = test.accept();
  const std::uint8_t bytes[] = {0x10, 13, 0,  4, 'M', 'Q', 'T',  'T', 4,
                                2,    0,  10, 0, 1,   'c', 0xC0, 0};
  peer.send_bytes(bytes);
  EXPECT_EQ(peer.take(), Said{});
  test.until(30 * second - 1);  // no keep alive while the broker is to blame
  EXPECT_FALSE(peer.closed());
  test.touched.clear();
  test.broker.decide(access.requests.at(0), Verdict::granted, test.now);
  test.flush();
  EXPECT_EQ(peer.take(), (Said{"CONNACK 0", "PINGRESP"}));
  EXPECT_EQ(test.touched, std::vector<LinkId>{peer.id()});
  test.until(45 * second - 2);
  EXPECT_FALSE(peer.closed());
  test.until(45 * second - 1);
  EXPECT_TRUE(peer.closed());
}

TEST(AccessLater, AVerdictThatNeverComesIsNotWaitedForWithoutEnd) {
  SlowAccess access;
  TestBroker test({}, &access);
  ScriptedPeer& peer = test.accept();
  test.until(29 * second);
  peer.connect("c");
  test.until(59 * second - 1);
  EXPECT_FALSE(peer.closed());
  test.until(59 * second);
  EXPECT_EQ(peer.take(), Said{"CONNACK 3"});
  EXPECT_TRUE(peer.closed());
  test.broker.decide(access.requests.at(0), Verdict::granted, test.now);
  test.flush();
  EXPECT_EQ(test.broker.gauges().sessions, 0u) << "too late";
}

TEST(AccessLater, AVerdictForALinkThatHasGoneIsIgnored) {
  SlowAccess access;
  TestBroker test({}, &access);
  ScriptedPeer& gone = test.accept();
  gone.connect("c");
  gone.lose();
  test.broker.decide(access.requests.at(0), Verdict::granted, test.now);
  test.broker.decide(4711, Verdict::granted, test.now);
  EXPECT_EQ(test.broker.gauges().sessions, 0u);
  ScriptedPeer& peer = test.accept();
  peer.connect("c");
  test.broker.decide(access.requests.at(1), Verdict::later, test.now);
  EXPECT_EQ(test.broker.gauges().sessions, 0u) << "later is no verdict";
  test.broker.decide(access.requests.at(1), Verdict::granted, test.now);
  test.broker.decide(access.requests.at(1), Verdict::denied, test.now);
  test.flush();
  EXPECT_EQ(peer.take(), Said{"CONNACK 0"}) << "the first verdict counts";
}

TEST(AccessLater, TheLastVerdictOfTwoForOneClientIdTakesOver) {
  for (const bool in_order : {true, false}) {
    SlowAccess access;
    TestBroker test({}, &access);
    ScriptedPeer& a = test.accept();
    ScriptedPeer& b = test.accept();
    a.connect("c");
    b.connect("c");
    test.broker.decide(access.requests.at(in_order ? 0 : 1), Verdict::granted, test.now);
    test.flush();
    EXPECT_FALSE(a.closed() || b.closed()) << "a link that may yet be refused takes nothing over";
    test.broker.decide(access.requests.at(in_order ? 1 : 0), Verdict::granted, test.now);
    test.flush();
    EXPECT_EQ(a.closed(), in_order);
    EXPECT_EQ(b.closed(), !in_order);
    EXPECT_EQ(test.broker.gauges().connections, 1u);
  }
}

}  // namespace
}  // namespace mqttlab::test
