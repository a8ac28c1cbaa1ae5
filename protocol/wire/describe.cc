#include <cstdio>

#include "protocol/wire/codec.h"
#include "protocol/wire/packet_rules.h"

namespace mqttlab {
namespace {

std::string_view name_of(ProtocolVersion version) {
  switch (version) {
    case ProtocolVersion::v3_1:
      return " 3.1";
    case ProtocolVersion::v3_1_1:
      return " 3.1.1";
    case ProtocolVersion::v5_0:
      return " 5.0";
  }
  return " ?";
}

// One line, grown part by part.
struct Line {
  std::string text;
  Line& operator<<(std::string_view part) {
    text += part;
    return *this;
  }
  Line& operator<<(std::size_t value) {
    text += std::to_string(value);
    return *this;
  }
  Line& operator<<(QoS qos) { return *this << " qos " << static_cast<std::size_t>(qos); }
  Line& operator<<(const Slice& slice) { return foreign(slice.text()); }
  // Text of a stranger stays on the line: control characters are written as \xNN.
  Line& foreign(std::string_view strange) {
    for (const char character : strange) {
      const auto byte = static_cast<unsigned char>(character);
      if (byte >= 0x20 && byte != 0x7F) {
        text += character;
        continue;
      }
      char escape[5];
      std::snprintf(escape, sizeof escape, "\\x%02X", static_cast<unsigned>(byte));
      text += escape;
    }
    return *this;
  }
  Line& operator<<(const Properties& properties) {
    properties.for_each([this](const Property& property) {
      const PropertyRule& rule = rule_of(property.id);
      *this << ", " << rule.name << " ";
      if (is_number(rule.type)) {
        *this << property.number;
      } else if (rule.type == PropertyType::binary_data) {
        *this << property.text.size() << " B";
      } else {
        if (rule.type == PropertyType::utf8_string_pair) foreign(property.name) << "=";
        foreign(property.text);
      }
    });
    return *this;
  }
  // Success goes without saying: it is what 3.1.1 always says.
  Line& reason(ReasonCode code, PacketType type) {
    if (code == ReasonCode::success) return *this;
    char number[5];
    std::snprintf(number, sizeof number, "0x%02X", static_cast<unsigned>(code));
    return *this << " " << number << " " << name(code, type);
  }
};

void details(Line& line, const Connect& packet) {
  line << name_of(packet.version);
  line << " id \"" << packet.client_id << "\"" << (packet.clean_session ? " clean" : "");
  line << " keep alive " << packet.keep_alive_s << " s";
  if (packet.will) {
    line << " will" << packet.will->qos << (packet.will->retain ? " retain" : "");
    line << " topic " << packet.will->topic << " " << packet.will->payload.size() << " B"
         << packet.will->properties;
  }
  if (packet.user_name) line << " user \"" << *packet.user_name << "\"";
  if (packet.password) line << " password";
  line << packet.properties;
}
void details(Line& line, const Connack& packet) {
  line << " code " << static_cast<std::size_t>(packet.code);
  line << (packet.session_present ? " session present" : "");
  line.reason(packet.reason, PacketType::connack) << packet.properties;
}
void details(Line& line, const Publish& packet) {
  line << packet.qos << (packet.dup ? " dup" : "") << (packet.retain ? " retain" : "");
  if (packet.qos != QoS::at_most_once) line << " id " << packet.packet_id;
  line << " topic " << packet.topic << " " << packet.payload.size() << " B" << packet.properties;
}
void details(Line& line, const Subscribe& packet) {
  line << " id " << packet.packet_id;
  for (const Subscription& subscription : packet.subscriptions) {
    line << " " << subscription.filter << subscription.qos;
    line << (subscription.no_local ? " no local" : "");
    line << (subscription.retain_as_published ? " retain as published" : "");
    if (subscription.retain_handling != RetainHandling::send_at_subscribe)
      line << " retain handling " << static_cast<std::size_t>(subscription.retain_handling);
  }
  line << packet.properties;
}
void details(Line& line, const Suback& packet) {
  line << " id " << packet.packet_id << " codes";
  for (const std::uint8_t code : packet.codes) line << " " << code;
  line << packet.properties;
}
void details(Line& line, const Unsuback& packet) {
  line << " id " << packet.packet_id;
  for (const ReasonCode code : packet.codes) line << " " << static_cast<std::size_t>(code);
  line << packet.properties;
}
void details(Line& line, const Unsubscribe& packet) {
  line << " id " << packet.packet_id;
  for (const auto& filter : packet.filters) line << " " << filter;
  line << packet.properties;
}
void details(Line&, const Pingreq&) {}
void details(Line&, const Pingresp&) {}
void details(Line& line, const Disconnect& packet) {
  line.reason(packet.reason, PacketType::disconnect) << packet.properties;
}
void details(Line& line, const Auth& packet) {
  line.reason(packet.reason, PacketType::auth) << packet.properties;
}
template <typename Acknowledgement>
void details(Line& line, const Acknowledgement& packet) {
  line << " id " << packet.packet_id;
  line.reason(packet.reason, type_of(Packet(packet))) << packet.properties;
}

}  // namespace

std::string_view name(PacketType type) {
  const auto value = static_cast<std::uint8_t>(type);
  return value < packet_rules_5.size() ? packet_rules_5[value].name : "?";
}

std::string describe(const Packet& packet) {
  Line line;
  line << name(type_of(packet));
  std::visit([&](const auto& value) { details(line, value); }, packet);
  return std::move(line.text);
}

}  // namespace mqttlab
