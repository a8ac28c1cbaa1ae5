#include "protocol/session/terms.h"

#include <gtest/gtest.h>

namespace mqttlab {
namespace {

using Id = PropertyId;

TEST(Terms, NothingSaidMeansTheStandardsDefaults) {
  for (const Terms& terms : {terms_of(Connect{.version = ProtocolVersion::v5_0}),
                             terms_of(Connack{}, ProtocolVersion::v5_0)}) {
    EXPECT_EQ(terms.version, ProtocolVersion::v5_0);
    EXPECT_EQ(terms.receive_maximum, 65'535);
    EXPECT_EQ(terms.max_packet_size, max_remaining_length + 5);
    EXPECT_EQ(terms.topic_alias_maximum, 0);
    EXPECT_TRUE(terms.problem_information);
    EXPECT_FALSE(terms.response_information);
    EXPECT_EQ(terms.maximum_qos, QoS::exactly_once);
    EXPECT_TRUE(terms.retain_available && terms.wildcards_available &&
                terms.identifiers_available && terms.shared_available);
    EXPECT_FALSE(terms.keep_alive_s || terms.session_expiry_s);
  }
}

TEST(Terms, OfAClient) {
  Connect connect{.version = ProtocolVersion::v5_0};
  connect.properties.add(Id::receive_maximum, 3)
      .add(Id::maximum_packet_size, 99)
      .add(Id::topic_alias_maximum, 7)
      .add(Id::request_problem_information, 0)
      .add(Id::request_response_information, 1);
  const Terms terms = terms_of(connect);
  EXPECT_EQ(terms.receive_maximum, 3);
  EXPECT_EQ(terms.max_packet_size, 99u);
  EXPECT_EQ(terms.topic_alias_maximum, 7);
  EXPECT_FALSE(terms.problem_information);
  EXPECT_TRUE(terms.response_information);
}

TEST(Terms, OfAServer) {
  Connack connack;
  connack.properties.add(Id::receive_maximum, 3)
      .add(Id::maximum_packet_size, 99)
      .add(Id::topic_alias_maximum, 7)
      .add(Id::maximum_qos, 1)
      .add(Id::retain_available, 0)
      .add(Id::wildcard_subscription_available, 0)
      .add(Id::subscription_identifier_available, 0)
      .add(Id::shared_subscription_available, 0)
      .add(Id::server_keep_alive, 12)
      .add(Id::session_expiry_interval, 5);
  const Terms terms = terms_of(connack, ProtocolVersion::v5_0);
  EXPECT_EQ(terms.receive_maximum, 3);
  EXPECT_EQ(terms.max_packet_size, 99u);
  EXPECT_EQ(terms.topic_alias_maximum, 7);
  EXPECT_EQ(terms.maximum_qos, QoS::at_least_once);
  EXPECT_FALSE(terms.retain_available || terms.wildcards_available || terms.identifiers_available ||
               terms.shared_available);
  EXPECT_EQ(terms.keep_alive_s, 12);
  EXPECT_EQ(terms.session_expiry_s, 5u);
}

}  // namespace
}  // namespace mqttlab
