#include <gtest/gtest.h>

#include "tests/support/client_script.h"

namespace mqttlab::testing {
namespace {

using Topics = std::vector<std::string>;

Publish plain(std::string_view topic, QoS qos, std::uint16_t id, bool dup = false) {
  return {text(topic), text("x"), qos, false, dup, id};
}

class ClientReceive : public ::testing::Test {
 protected:
  ClientReceive() {
    lab.connect();
    lab.event<Connected>();
  }
  ClientScript lab{{.client_id = "c", .clean_session = false, .inbox_messages = 5}};
};

TEST_F(ClientReceive, AcknowledgesWhenTheApplicationTakes_MQTT_3_3_4_1) {
  lab.server().send(plain("0", QoS::at_most_once, 0));
  lab.server().send(plain("1", QoS::at_least_once, 7));
  lab.server().send(plain("2", QoS::exactly_once, 8));
  lab.server().expect_nothing();
  lab.event<Received>();
  lab.server().expect_nothing();
  lab.event<Received>();
  EXPECT_EQ(lab.server().expect<Puback>().packet_id, 7);
  lab.event<Received>();
  EXPECT_EQ(lab.server().expect<Pubrec>().packet_id, 8);
  lab.server().send(Pubrel{8});
  EXPECT_EQ(lab.server().expect<Pubcomp>().packet_id, 8);
  EXPECT_FALSE(lab.client().has_events());
}

TEST_F(ClientReceive, PassesTopicPayloadAndFlagsOn) {
  lab.server().send(Publish{text("t"), text("p"), QoS::at_least_once, true, true, 9});
  const auto received = lab.event<Received>();
  EXPECT_EQ(received.topic.text(), "t");
  EXPECT_EQ(received.payload.text(), "p");
  EXPECT_EQ(received.qos, QoS::at_least_once);
  EXPECT_TRUE(received.retain);
  EXPECT_TRUE(received.dup);
}

TEST_F(ClientReceive, AcknowledgementsFollowTheOrderOfArrival_MQTT_4_6_0_2_MQTT_4_6_0_3) {
  lab.server().send(plain("a", QoS::exactly_once, 4));
  lab.server().send(plain("b", QoS::at_least_once, 2));
  lab.server().send(plain("a", QoS::exactly_once, 4, true));  // a repeat waits for its turn
  lab.server().send(plain("c", QoS::exactly_once, 1));
  lab.server().expect_nothing();
  EXPECT_EQ(lab.take_messages(), (Topics{"a", "b", "c"}));
  EXPECT_EQ(lab.server().rest(), (Topics{describe(Pubrec{4}), describe(Puback{2}),
                                         describe(Pubrec{4}), describe(Pubrec{1})}));
}

TEST_F(ClientReceive, ARepeatOfQos2IsAnsweredNotDelivered_MQTT_4_3_3_2) {
  lab.server().send(plain("a", QoS::exactly_once, 4));
  EXPECT_EQ(lab.take_messages(), Topics{"a"});
  for (int link = 0; link < 2; ++link) {
    lab.reconnect(true);
    lab.event<Connected>();
    lab.server().send(plain("a", QoS::exactly_once, 4, true));
    EXPECT_FALSE(lab.client().has_events());
    EXPECT_EQ(lab.server().expect<Pubrec>().packet_id, 4);
  }
  lab.server().send(Pubrel{4});
  lab.server().expect<Pubcomp>();
  lab.server().send(plain("b", QoS::exactly_once, 4));
  EXPECT_EQ(lab.take_messages(), Topics{"b"}) << "a released id names a new message";
}

TEST_F(ClientReceive, ANewQos2MessageWithDupIsDelivered) {
  lab.server().send(plain("a", QoS::exactly_once, 4, true));  // its first copy was cut off
  EXPECT_EQ(lab.take_messages(), Topics{"a"});
}

TEST_F(ClientReceive, APubrelForAnUnknownIdIsAnswered_MQTT_4_3_3_2) {
  lab.server().send(Pubrel{99});
  EXPECT_EQ(lab.server().expect<Pubcomp>().packet_id, 99);
}

TEST_F(ClientReceive, NoAcknowledgementCrossesToAnotherLink) {
  lab.server().send(plain("1", QoS::at_least_once, 7));
  lab.server().send(plain("2", QoS::exactly_once, 8));
  lab.reconnect(true);
  EXPECT_EQ(lab.take_messages(), (Topics{"1", "2"}));
  lab.server().expect_nothing();
  lab.server().send(plain("1", QoS::at_least_once, 7, true));
  lab.server().send(plain("2", QoS::exactly_once, 8, true));
  EXPECT_EQ(lab.take_messages(), Topics{"1"}) << "QoS 1 may come twice, QoS 2 not";
  EXPECT_EQ(lab.server().rest(), (Topics{describe(Puback{7}), describe(Pubrec{8})}));
}

TEST_F(ClientReceive, ARepeatOfWhatIsNotTakenYetIsAnsweredWhenItIs) {
  lab.server().send(plain("2", QoS::exactly_once, 8));
  lab.reconnect(true);
  lab.server().send(plain("2", QoS::exactly_once, 8, true));
  lab.server().expect_nothing();
  EXPECT_EQ(lab.take_messages(), Topics{"2"});
  EXPECT_EQ(lab.server().rest(), Topics{describe(Pubrec{8})}) << "once, for this link";
}

TEST_F(ClientReceive, WithTheSessionItsQos2IdsAreForgotten) {
  lab.server().send(plain("a", QoS::exactly_once, 4));
  EXPECT_EQ(lab.take_messages(), Topics{"a"});
  lab.reconnect(false);
  lab.server().send(plain("b", QoS::exactly_once, 4));
  EXPECT_EQ(lab.take_messages(), Topics{"b"});
}

TEST_F(ClientReceive, AFullInboxStopsReadingAndTakingStartsItAgain) {
  std::vector<std::uint8_t> stream;
  for (std::uint16_t id = 1; id <= 8; ++id) {
    const auto bytes = bytes_of(plain(std::to_string(id), QoS::at_least_once, id));
    stream.insert(stream.end(), bytes.begin(), bytes.end());
  }
  lab.server().send(Bytes(stream));
  EXPECT_TRUE(lab.server().peer().space().empty());
  EXPECT_EQ(lab.event<Received>().topic.text(), "1");
  EXPECT_TRUE(lab.server().peer().space().empty()) << "the sixth took its place";
  EXPECT_EQ(lab.take_messages().size(), 7U) << "what had arrived behind it is not lost";
  EXPECT_FALSE(lab.server().peer().space().empty());
  EXPECT_EQ(lab.server().rest().size(), 8U);
}

TEST_F(ClientReceive, TheInboxIsBoundedInBytesToo) {
  ClientScript other({.client_id = "c", .inbox_bytes = 100});
  other.connect();
  other.event<Connected>();
  other.server().send(Publish{text("t"), text(std::string(98, 'x'))});
  EXPECT_FALSE(other.server().peer().space().empty());
  other.server().send(Publish{text("t"), text("")});
  EXPECT_TRUE(other.server().peer().space().empty());
  other.event<Received>();
  EXPECT_FALSE(other.server().peer().space().empty());
}

TEST_F(ClientReceive, AServerThatTakesNoAnswersIsNotReadWithoutEnd) {
  ClientScript other({.client_id = "c", .outbox_bytes = 100});
  other.connect();
  for (int i = 0; !other.server().peer().space().empty(); ++i) {
    ASSERT_LT(i, 100);
    other.server().send(Pubrel{1});
  }
  EXPECT_EQ(other.server().rest().size(), 50U) << "200 bytes of PUBCOMP";
  std::vector<std::uint8_t> burst;
  for (int i = 0; i < 200; ++i) {
    const auto pubrel = bytes_of(Pubrel{1});
    burst.insert(burst.end(), pubrel.begin(), pubrel.end());
  }
  other.server().send(Bytes(burst));
  EXPECT_EQ(other.server().rest().size(), 200U) << "what had arrived is answered as room comes";
  EXPECT_FALSE(other.server().peer().space().empty());
}

TEST_F(ClientReceive, AnySplitOfTheStreamIsEqual) {
  std::vector<std::uint8_t> stream;
  for (std::uint16_t id = 1; id <= 40; ++id) {
    const auto bytes = bytes_of(Publish{text(std::to_string(id)), text(std::string(id * 7U, 'p')),
                                        static_cast<QoS>(id % 3), false, false,
                                        static_cast<std::uint16_t>(id % 3 == 0 ? 0 : id)});
    stream.insert(stream.end(), bytes.begin(), bytes.end());
  }
  std::vector<std::string> whole;
  for (const std::size_t segment : {65'536, 1, 2, 3, 7, 64}) {
    ClientScript other({.client_id = "c"});
    other.connect();
    other.server().send(Bytes(stream), segment);
    std::vector<std::string> story = other.take_messages();
    for (const std::string& line : other.server().rest()) story.push_back(line);
    if (segment == 65'536) whole = story;
    EXPECT_EQ(story, whole) << "segments of " << segment;
  }
  EXPECT_EQ(whole.size(), 40U + 27U);
}

TEST_F(ClientReceive, ParserStateEndsWithTheLink) {
  const auto bytes = bytes_of(plain("cut", QoS::at_least_once, 1));
  lab.server().send(Bytes(bytes).first(bytes.size() - 1));
  lab.reconnect(true);
  lab.server().send(plain("whole", QoS::at_least_once, 1));
  EXPECT_EQ(lab.take_messages(), Topics{"whole"});
}

TEST_F(ClientReceive, DeliveryIsTracedWhenTaken) {
  lab.server().send(plain("t", QoS::exactly_once, 4, true));
  EXPECT_TRUE(lab.log().events().empty());
  lab.event<Received>();
  ASSERT_EQ(lab.log().events().size(), 1U);
  const trace::Event& event = lab.log().events()[0];
  EXPECT_EQ(event.kind, trace::Kind::delivered);
  EXPECT_EQ(trace::qos_of(event), QoS::exactly_once);
  EXPECT_TRUE(trace::dup_of(event));
  EXPECT_EQ(lab.log().text(event.text), "t");
}

}  // namespace
}  // namespace mqttlab::testing
