#include "tests/fuzz/packets.h"

#include <array>
#include <string>

#include "protocol/wire/packet_rules.h"

namespace mqttlab::fuzz {
namespace {

std::uint16_t draw_id(Choices& choices) {
  if (choices.one_in(16)) return static_cast<std::uint16_t>(1 + choices.below(65'535));
  return static_cast<std::uint16_t>(1 + choices.below(4));
}

std::uint32_t draw_number(Choices& choices, const PropertyRule& rule) {
  if (rule.range == PropertyRange::zero_or_one) return static_cast<std::uint32_t>(choices.below(2));
  const std::uint32_t least = rule.range == PropertyRange::not_zero ? 1 : 0;
  if (choices.one_in(4)) return rule.type == PropertyType::four_byte_integer ? 0xFFFFFFFF : 0xFFFF;
  if (rule.id == PropertyId::maximum_packet_size) return choices.one_of({1U, 20U, 60U, 4'096U});
  return least + static_cast<std::uint32_t>(choices.below(4));
}

ReasonCode draw_reason(Choices& choices, PacketType type, Sender sender) {
  std::vector<ReasonCode> codes;
  for (const ReasonRule& rule : reason_rules())
    if (may_send(rule, type, sender)) codes.push_back(rule.code);
  return choices.one_in(2) ? codes[choices.below(codes.size())] : codes.front();
}

/// Fills in everything that a packet says, whatever its type.
struct Drawing {
  Choices& choices;
  Sender sender;
  ProtocolVersion version;

  template <typename T>
  void operator()(T& packet) {
    if constexpr (requires { packet.packet_id; }) packet.packet_id = draw_id(choices);
    draw(packet);
    if (version != ProtocolVersion::v5_0) return;
    const PacketType type = type_of(packet);
    if constexpr (requires { packet.reason; }) packet.reason = draw_reason(choices, type, sender);
    if constexpr (requires { packet.properties; })
      packet.properties = draw_properties(choices, place_of(type), sender);
    extend(packet);
  }

  template <typename T>
  void draw(T&) {}
  void draw(Connect& packet) {
    packet.version = version;
    packet.clean_session = choices.one_in(2);
    packet.keep_alive_s = choices.one_of<std::uint16_t>({0, 1, 10});
    if (!choices.one_in(8)) packet.client_id = Slice::copy_of(draw_client_id(choices));
    if (packet.client_id.empty()) packet.clean_session = true;
    if (choices.one_in(3)) {
      packet.will = Will{Slice::copy_of(draw_topic(choices)), draw_payload(choices),
                         draw_qos(choices), choices.one_in(2)};
    }
    if (choices.one_in(4)) packet.user_name = Slice::copy_of(draw_client_id(choices));
    if (packet.user_name && choices.one_in(2)) packet.password = draw_payload(choices);
  }
  void draw(Connack& packet) {
    packet.code = static_cast<ConnectReturn>(choices.one_in(4) ? choices.below(6) : 0);
    packet.session_present = packet.code == ConnectReturn::accepted && choices.one_in(2);
  }
  void draw(Publish& packet) {
    packet.topic = Slice::copy_of(draw_topic(choices));
    packet.payload = draw_payload(choices);
    packet.qos = draw_qos(choices);
    packet.retain = choices.one_in(3);
    packet.dup = packet.qos != QoS::at_most_once && choices.one_in(4);
    if (packet.qos == QoS::at_most_once) packet.packet_id = 0;
  }
  void draw(Subscribe& packet) {
    for (std::size_t left = 1 + choices.below(3); left > 0; --left)
      packet.subscriptions.push_back({Slice::copy_of(draw_filter(choices)), draw_qos(choices)});
  }
  void draw(Suback& packet) {
    for (std::size_t left = 1 + choices.below(3); left > 0; --left)
      packet.codes.push_back(choices.one_of<std::uint8_t>({2, 1, 0, suback_failure}));
  }
  void draw(Unsubscribe& packet) {
    for (std::size_t left = 1 + choices.below(3); left > 0; --left)
      packet.filters.push_back(Slice::copy_of(draw_filter(choices)));
  }

  template <typename T>
  void extend(T&) {}
  void extend(Connect& packet) {
    if (packet.will)
      packet.will->properties = draw_properties(choices, PropertyPlace::will, sender);
  }
  void extend(Connack& packet) {
    packet.session_present = packet.reason == ReasonCode::success && packet.session_present;
  }
  void extend(Publish& packet) {
    if (packet.properties.has(PropertyId::topic_alias) && choices.one_in(2)) packet.topic = {};
  }
  void extend(Subscribe& packet) {
    for (Subscription& subscription : packet.subscriptions) {
      subscription.no_local =
          !subscription.filter.text().starts_with("$share/") && choices.one_in(2);
      subscription.retain_as_published = choices.one_in(2);
      subscription.retain_handling = static_cast<RetainHandling>(choices.below(3));
    }
  }
  void extend(Unsuback& packet) {
    for (std::size_t left = 1 + choices.below(3); left > 0; --left)
      packet.codes.push_back(draw_reason(choices, PacketType::unsuback, sender));
  }
  void extend(Auth& packet) {
    if (!packet.properties.has(PropertyId::authentication_method))
      packet.properties.add(PropertyId::authentication_method, "M");
  }
};

Packet blank(PacketType type) {
  static const std::array<Packet, 15> packets{Connect{},  Connack{},     Publish{},  Puback{},
                                              Pubrec{},   Pubrel{},      Pubcomp{},  Subscribe{},
                                              Suback{},   Unsubscribe{}, Unsuback{}, Pingreq{},
                                              Pingresp{}, Disconnect{},  Auth{}};
  return packets[static_cast<std::size_t>(type) - 1];
}

}  // namespace

Packet draw_packet(Choices& choices, PacketType type, Sender sender, ProtocolVersion version) {
  Packet packet = blank(type);
  std::visit(Drawing{choices, sender, version}, packet);
  return packet;
}

Packet draw_packet(Choices& choices, Sender sender, ProtocolVersion version) {
  std::vector<PacketType> types;
  for (int number = 1; number <= 15; ++number) {
    const auto type = static_cast<PacketType>(number);
    const PacketRule& rule = rule_of(type, version);
    if (sender == Sender::client ? rule.from_client : rule.from_server) types.push_back(type);
  }
  return draw_packet(choices, types[choices.below(types.size())], sender, version);
}

std::string_view draw_topic(Choices& choices) {
  return choices.one_of<std::string_view>({"t", "t/a", "u", "/", "$SYS/x"});
}

std::string_view draw_filter(Choices& choices) {
  return choices.one_of<std::string_view>(
      {"#", "t", "t/#", "+", "+/a", "u", "$SYS/#", "$share/g/t", "$share/g/#"});
}

std::string_view draw_client_id(Choices& choices) {
  return choices.one_of<std::string_view>({"a", "b", "c"});
}

Slice draw_payload(Choices& choices) {
  if (!choices.one_in(8)) return Slice::copy_of(choices.bytes(choices.below(4)));
  return Slice::copy_of(std::string(choices.below(1'500), 'p'));
}

QoS draw_qos(Choices& choices) { return static_cast<QoS>(choices.below(3)); }

Properties draw_properties(Choices& choices, PropertyPlace place, Sender sender) {
  Properties properties;
  if (choices.one_in(2)) return properties;
  for (std::size_t left = choices.below(5); left > 0; --left) {
    const PropertyRule& rule = property_rules[choices.below(property_rules.size())];
    const PropertyUse* use = rule.use_in(place);
    if (!use || properties.has(rule.id)) continue;
    if (!(sender == Sender::client ? use->from_client : use->from_server).empty()) continue;
    if (rule.id == PropertyId::authentication_data &&
        !properties.has(PropertyId::authentication_method))
      continue;
    if (is_number(rule.type)) {
      properties.add(rule.id, draw_number(choices, rule));
    } else if (rule.type == PropertyType::utf8_string_pair) {
      properties.add_user("k", "v");
    } else {
      properties.add(rule.id, choices.one_of<std::string_view>({"M", "t/a"}));
    }
  }
  return properties;
}

std::vector<std::uint8_t> bytes_of(const Packet& packet, ProtocolVersion version) {
  Outbox out;
  encode(packet, version, out);
  std::vector<Bytes> pieces(16);
  pieces.resize(out.pending(pieces));
  std::vector<std::uint8_t> bytes;
  for (const Bytes piece : pieces) bytes.insert(bytes.end(), piece.begin(), piece.end());
  return bytes;
}

void mangle(Choices& choices, std::vector<std::uint8_t>& bytes) {
  for (std::size_t left = choices.below(4); left > 0 && !bytes.empty(); --left) {
    const auto at = bytes.begin() + static_cast<std::ptrdiff_t>(choices.below(bytes.size()));
    switch (choices.below(4)) {
      case 0:
        *at = choices.byte();
        break;
      case 1:
        bytes.erase(at, bytes.end());
        break;
      case 2:
        bytes.insert(at, choices.byte());
        break;
      default:
        bytes.insert(bytes.end(), bytes.begin(), at);
    }
  }
}

}  // namespace mqttlab::fuzz
