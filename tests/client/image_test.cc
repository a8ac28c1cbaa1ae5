// A client's process ends, and another one goes on with its image.
#include "protocol/client/image.h"

#include <gtest/gtest.h>

#include "tests/support/client_script.h"

namespace mqttlab {
namespace {

using client::Image;

Image of_everything() {
  Image image;
  image.client_id = "meter";
  image.has_session = true;
  image.expiry_s = 300;
  image.last_token = 70'000;
  image.last_packet_id = 513;
  Properties properties;
  properties.add(PropertyId::content_type, "text");
  image.messages = {
      {Slice::copy_of("a/b"), Slice::copy_of("one"), properties, QoS::exactly_once, true,
       5 * second, 69'999, 512, Stage::await_pubrec},
      {{}, {}, {}, QoS::exactly_once, false, never, 69'998, 511, Stage::await_pubcomp},
      {Slice::copy_of("c"), {}, {}, QoS::at_least_once, false, never, 70'000},
  };
  image.taken = {1, 65'535};
  Subscription subscription;
  subscription.filter = Slice::copy_of("x/#");
  subscription.qos = QoS::at_least_once;
  subscription.no_local = true;
  image.filters = {{subscription, 7, true}};
  return image;
}

TEST(ClientImage, ComesBackFromItsBytes) {
  const Image image = of_everything();
  const auto bytes = client::to_bytes(image);
  EXPECT_EQ(client::image_of(Slice::copy_of(Bytes(bytes))), image);
}

TEST(ClientImage, IsWhatAClientGoesOnWith) {
  Image image = of_everything();
  image.messages[0].expires_at = never;
  ClientConfig config{.client_id = "meter", .clean_session = false};
  Client client(config, 1, nullptr, 0);
  client.restore(image, 0);
  EXPECT_EQ(client.in_flight(), 2U);
  EXPECT_EQ(client.queued(), 1U);
  EXPECT_EQ(client.last_token(), 70'000U);
  Image again = client.image();
  EXPECT_EQ(again.messages, image.messages);
  EXPECT_EQ(again.taken, image.taken);
  EXPECT_EQ(again.filters, image.filters);
  EXPECT_EQ(again.last_packet_id, image.last_packet_id) << "ids go on behind the last (M24)";
}

TEST(ClientImage, OfASessionThatEndsWithItsLinkFailsWhatWasInFlight) {
  Image image = of_everything();
  image.expiry_s = 0;
  Client client(ClientConfig{.client_id = "meter"}, 1, nullptr, 0);
  client.restore(image, 0);
  EXPECT_EQ(client.in_flight(), 0U);
  EXPECT_EQ(client.queued(), 1U) << "what was not sent yet waits for the next session";
  const auto event = client.poll(0);
  ASSERT_TRUE(event);
  EXPECT_EQ(std::get<Completed>(*event).outcome, Outcome::failed);
}

}  // namespace
}  // namespace mqttlab
