// Taps on connections of 5.0: properties, reason codes, topic aliases.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "protocol/trace/tap.h"
#include "protocol/wire/codec.h"

namespace mqttlab::trace {
namespace {

using Buffer = std::vector<std::uint8_t>;
using Id = PropertyId;

Slice slice_of(std::string_view text) { return Slice::copy_of(text); }

struct Tap5 : testing::Test {
  Tap5() { log.add_actor("broker"); }

  static Buffer encoded(const Packet& packet) {
    Outbox out;
    encode(packet, ProtocolVersion::v5_0, out);
    std::array<Bytes, 8> pieces;
    Buffer bytes;
    for (std::size_t i = 0, n = out.pending(pieces); i < n; ++i)
      bytes.insert(bytes.end(), pieces[i].begin(), pieces[i].end());
    return bytes;
  }
  static Connect connect() {
    Connect packet;
    packet.version = ProtocolVersion::v5_0;
    packet.client_id = slice_of("meter-1");
    return packet;
  }
  static Publish publish(std::string_view topic, Properties properties) {
    return {slice_of(topic), slice_of("21.5"), QoS::at_most_once, false, false, 0, properties};
  }
  const Event& client_sends(const Packet& packet) {
    tap.arrived(encoded(packet), 1);
    return log.events().back();
  }
  const Event& server_sends(const Packet& packet) {
    tap.written(encoded(packet), 1);
    return log.events().back();
  }
  template <typename Wanted>
  const Wanted& detail_of(const Event& event) {
    return log.detail<Wanted>(event.detail);
  }

  Log log;
  Tap tap{log, End::broker, 0, 1, 0};
};

TEST_F(Tap5, CONNECT_tells_what_the_client_announces) {
  Connect packet = connect();
  packet.properties.add(Id::session_expiry_interval, 60)
      .add(Id::receive_maximum, 3)
      .add(Id::maximum_packet_size, 1'000)
      .add(Id::topic_alias_maximum, 7)
      .add(Id::authentication_method, "SCRAM-SHA-256");
  packet.will = Will{slice_of("w"), slice_of("gone"), QoS::at_least_once, false};
  packet.will->properties.add(Id::will_delay_interval, 5).add(Id::message_expiry_interval, 9);
  const auto& connect = detail_of<ConnectDetail>(client_sends(packet));
  EXPECT_TRUE(connect.v5() && connect.authenticates && connect.has_will);
  EXPECT_EQ(connect.outlives_s(), 60U);
  EXPECT_EQ(connect.receive_maximum, 3);
  EXPECT_EQ(connect.max_packet_size, 1'000U);
  EXPECT_EQ(connect.topic_alias_maximum, 7);
  EXPECT_EQ(connect.will_delay_s, 5U);
  EXPECT_EQ(connect.will_expiry_s, 9U);
}

TEST_F(Tap5, What_CONNECT_leaves_out_has_the_value_that_the_standard_gives_it) {
  const auto& connect = detail_of<ConnectDetail>(client_sends(Tap5::connect()));
  EXPECT_EQ(connect.outlives_s(), 0U);
  EXPECT_EQ(connect.receive_maximum, 65'535);
  EXPECT_EQ(connect.max_packet_size, no_packet_limit);
  EXPECT_EQ(connect.will_expiry_s, std::nullopt);
  ConnectDetail old{.clean_session = false};
  EXPECT_EQ(old.outlives_s(), endless_expiry_s);
}

TEST_F(Tap5, CONNACK_tells_what_the_server_announces) {
  client_sends(connect());
  Connack packet{.session_present = true};
  packet.properties.add(Id::session_expiry_interval, 30)
      .add(Id::server_keep_alive, 10)
      .add(Id::receive_maximum, 4)
      .add(Id::maximum_packet_size, 2'000)
      .add(Id::topic_alias_maximum, 8)
      .add(Id::assigned_client_identifier, "auto-1");
  const Event event = server_sends(packet);
  const auto& connack = detail_of<ConnackDetail>(event);
  EXPECT_EQ(event.flags, 1);
  EXPECT_EQ(connack.session_expiry_s, 30U);
  EXPECT_EQ(connack.server_keep_alive_s, 10);
  EXPECT_EQ(connack.receive_maximum, 4);
  EXPECT_EQ(connack.max_packet_size, 2'000U);
  EXPECT_EQ(connack.topic_alias_maximum, 8);
  EXPECT_EQ(log.text(connack.assigned_client_id), "auto-1");
}

TEST_F(Tap5, Reason_codes_are_in_the_code) {
  client_sends(connect());
  EXPECT_EQ(server_sends(Connack{.reason = ReasonCode::not_authorized}).code, 0x87);
  EXPECT_EQ(server_sends(Puback{1, ReasonCode::no_matching_subscribers}).code, 0x10);
  EXPECT_EQ(server_sends(Pubrec{1, ReasonCode::quota_exceeded}).code, 0x97);
  EXPECT_EQ(client_sends(Pubrel{1, ReasonCode::packet_identifier_not_found}).code, 0x92);
  EXPECT_EQ(server_sends(Pubcomp{1, ReasonCode::packet_identifier_not_found}).code, 0x92);
  EXPECT_EQ(server_sends(Disconnect{ReasonCode::session_taken_over}).code, 0x8E);
  Auth auth{ReasonCode::re_authenticate};
  auth.properties.add(Id::authentication_method, "M");
  EXPECT_EQ(client_sends(auth).code, 0x19);
  const Event& unsuback =
      server_sends(Unsuback{1, {ReasonCode::success, ReasonCode::no_subscription_existed}});
  EXPECT_EQ(detail_of<FiltersDetail>(unsuback).filters.at(1).code, 0x11);
}

TEST_F(Tap5, SUBSCRIBE_tells_options_and_identifier) {
  client_sends(connect());
  Subscribe packet{1,
                   {{slice_of("a"), QoS::at_least_once, true, true, RetainHandling::do_not_send},
                    {slice_of("b"), QoS::exactly_once}}};
  packet.properties.add(Id::subscription_identifier, 300);
  const auto& subscribe = detail_of<FiltersDetail>(client_sends(packet));
  EXPECT_EQ(subscribe.identifier, 300U);
  const FilterDetail& options = subscribe.filters.at(0);
  EXPECT_EQ(options.qos(), 1);
  EXPECT_TRUE(options.no_local() && options.retain_as_published());
  EXPECT_EQ(options.retain_handling(), RetainHandling::do_not_send);
  EXPECT_EQ(subscribe.filters.at(1).code, 2);
}

TEST_F(Tap5, PUBLISH_tells_expiry_and_identifiers_and_only_if_it_has_some) {
  client_sends(connect());
  EXPECT_EQ(client_sends(publish("a", Properties().add(Id::content_type, "text"))).detail, 0U);
  EXPECT_EQ(detail_of<PublishDetail>(
                client_sends(publish("a", Properties().add(Id::message_expiry_interval, 0))))
                .expiry_s,
            0U);
  const auto& forwarded = detail_of<PublishDetail>(server_sends(publish(
      "a",
      Properties().add(Id::subscription_identifier, 1).add(Id::subscription_identifier, 1'000))));
  EXPECT_EQ(forwarded.identifiers, (std::vector<std::uint32_t>{1, 1'000}));
  EXPECT_EQ(forwarded.expiry_s, std::nullopt);
}

TEST_F(Tap5, DISCONNECT_tells_a_new_session_expiry) {
  client_sends(connect());
  EXPECT_EQ(client_sends(Disconnect{}).detail, 0U);
  Disconnect packet;
  packet.properties.add(Id::session_expiry_interval, 0);
  EXPECT_EQ(detail_of<DisconnectDetail>(client_sends(packet)).session_expiry_s, 0U);
}

TEST_F(Tap5, An_alias_names_its_topic_per_direction_until_it_is_set_again) {
  const auto alias = [](std::uint32_t number) { return Properties().add(Id::topic_alias, number); };
  client_sends(connect());
  const Event set = client_sends(publish("a/b", alias(2)));
  EXPECT_TRUE(detail_of<PublishDetail>(set).topic_given);
  const Event used = client_sends(publish("", alias(2)));
  EXPECT_FALSE(detail_of<PublishDetail>(used).topic_given);
  EXPECT_EQ(detail_of<PublishDetail>(used).alias, 2);
  EXPECT_EQ(log.text(used.text), "a/b");
  EXPECT_EQ(used.message, set.message);
  EXPECT_EQ(used.message, Log::identity("a/b", slice_of("21.5").bytes()));

  const Event other_direction = server_sends(publish("", alias(2)));
  EXPECT_EQ(other_direction.text, 0U);
  EXPECT_EQ(other_direction.message, 0U);
  EXPECT_EQ(client_sends(publish("", alias(1))).message, 0U);
  EXPECT_EQ(client_sends(publish("", alias(65'535))).message, 0U);

  client_sends(publish("c", alias(2)));
  EXPECT_EQ(log.text(client_sends(publish("", alias(2))).text), "c");

  Tap next(log, End::broker, 0, 2, 0);
  next.arrived(encoded(connect()), 1);
  next.arrived(encoded(publish("", alias(2))), 1);
  EXPECT_EQ(log.events().back().message, 0U) << "MQTT-3.3.2-7";
}

TEST_F(Tap5, A_server_of_3_1_1_refuses_in_its_own_version) {
  client_sends(connect());
  tap.written(Buffer{0x20, 0x02, 0x00, 0x01}, 1);
  EXPECT_EQ(log.events().back().kind, Kind::written);
  EXPECT_EQ(log.events().back().code, 0x01);
  tap.written(Buffer{0x20, 0x02, 0x00, 0x00}, 1);
  EXPECT_EQ(log.events().back().kind, Kind::malformed);
}

TEST_F(Tap5, Statements_are_those_of_5_0) {
  client_sends(connect());
  tap.arrived(Buffer{0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01}, 1);
  EXPECT_EQ(log.text(log.events().back().text), "MQTT-1.5.5-1");
}

}  // namespace
}  // namespace mqttlab::trace
