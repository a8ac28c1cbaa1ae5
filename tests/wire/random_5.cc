// Random packets of 5.0: those of 3.1.1, with everything added that 5.0 can say.
#include <algorithm>

#include "tests/wire/samples.h"

namespace mqttlab::test {
namespace {

std::string random_text(Generator& random) {
  static constexpr std::string_view texts[] = {"", "a", "text", "\xC3\xA9", "\xEF\xBB\xBF", "k/v"};
  return std::string(texts[random.below(6)]);
}

std::uint32_t random_number(const PropertyRule& rule, Generator& random) {
  if (rule.range == PropertyRange::zero_or_one) return static_cast<std::uint32_t>(random.below(2));
  std::uint32_t most = 0xFFFFFFFF;
  if (rule.type == PropertyType::two_byte_integer) most = 0xFFFF;
  if (rule.type == PropertyType::variable_byte_integer) most = 268'435'455;
  const auto number = static_cast<std::uint32_t>(random.next() % most) >> random.below(20);
  return number + (rule.range == PropertyRange::not_zero ? 1 : 0);
}

void add(Properties& properties, const PropertyRule& rule, Generator& random) {
  if (is_number(rule.type)) {
    properties.add(rule.id, random_number(rule, random));
  } else if (rule.type == PropertyType::utf8_string_pair) {
    properties.add_user(random_text(random), random_text(random));
  } else if (rule.range == PropertyRange::topic_name) {
    properties.add(rule.id, std::string("t/").append(random_text(random)));
  } else {
    properties.add(rule.id, random_text(random));
  }
}

// Some of what `sender` may put here, in any order.
Properties random_properties(PropertyPlace place, Sender sender, Generator& random) {
  Properties properties;
  if (random.below(3) == 0) return properties;
  for (std::size_t tries = random.below(12); tries > 0; --tries) {
    const PropertyRule& rule = property_rules[random.below(property_rules.size())];
    const PropertyUse* use = rule.use_in(place);
    if (!use || (!use->twice.empty() && properties.has(rule.id))) continue;
    if (!(sender == Sender::client ? use->from_client : use->from_server).empty()) continue;
    if (rule.id == PropertyId::authentication_data &&
        !properties.has(PropertyId::authentication_method))
      continue;
    add(properties, rule, random);
  }
  return properties;
}

ReasonCode random_reason(PacketType type, Sender sender, Generator& random) {
  std::vector<ReasonCode> codes;
  for (const ReasonRule& rule : reason_rules())
    if (may_send(rule, type, sender)) codes.push_back(rule.code);
  return random.flip() ? codes.front() : codes[random.below(codes.size())];
}

struct Extension {
  Sender sender;
  Generator& random;
  PacketType type;

  template <typename T>
  void operator()(T& packet) {
    packet.properties = random_properties(place_of(type), sender, random);
    if constexpr (requires { packet.reason; }) packet.reason = random_reason(type, sender, random);
    further(packet);
  }
  void operator()(Pingreq&) {}
  void operator()(Pingresp&) {}
  void operator()(Auth&) {}

  template <typename T>
  void further(T&) {}
  void further(Connect& packet) {
    packet.version = ProtocolVersion::v5_0;
    if (random.below(4) == 0) packet.password = slice("alone");
    if (packet.will)
      packet.will->properties = random_properties(PropertyPlace::will, sender, random);
  }
  void further(Connack& packet) {
    if (packet.reason != ReasonCode::success) packet.session_present = false;
  }
  void further(Publish& packet) {
    if (packet.properties.has(PropertyId::topic_alias) && random.flip()) packet.topic = {};
  }
  void further(Subscribe& packet) {
    for (Subscription& subscription : packet.subscriptions) {
      if (random.below(4) == 0)
        subscription.filter = slice(std::string("$share/g/").append(subscription.filter.text()));
      else
        subscription.no_local = random.flip();
      subscription.retain_as_published = random.flip();
      subscription.retain_handling = static_cast<RetainHandling>(random.below(3));
    }
  }
  void further(Suback& packet) {
    for (std::uint8_t& code : packet.codes)
      code = static_cast<std::uint8_t>(random_reason(type, sender, random));
  }
  void further(Unsuback& packet) {
    packet.codes.resize(1 + random.below(5));
    for (ReasonCode& code : packet.codes) code = random_reason(type, sender, random);
  }
};

}  // namespace

void extend(Packet& packet, Sender sender, Generator& random) {
  const PacketType type = type_of(packet);
  std::visit(Extension{sender, random, type}, packet);
}

Packet random_auth(Generator& random, Sender sender) {
  if (sender == Sender::server && random.below(4) == 0) return Auth{};
  Auth packet{random_reason(PacketType::auth, sender, random)};
  packet.properties = random_properties(place_of(PacketType::auth), sender, random);
  if (!packet.properties.has(PropertyId::authentication_method))
    packet.properties.add(PropertyId::authentication_method, "SCRAM-SHA-256");
  return packet;
}

}  // namespace mqttlab::test
