#include <cstdio>

#include "protocol/wire/codec.h"
#include "protocol/wire/packet_rules.h"

namespace mqttlab {
namespace {

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
  // Text of a stranger stays on the line: control characters are written as \xNN.
  Line& operator<<(const Slice& slice) {
    for (const char character : slice.text()) {
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
};

void details(Line& line, const Connect& packet) {
  line << (packet.version == ProtocolVersion::v3_1 ? " 3.1" : " 3.1.1");
  line << " id \"" << packet.client_id << "\"" << (packet.clean_session ? " clean" : "");
  line << " keep alive " << packet.keep_alive_s << " s";
  if (packet.will) {
    line << " will" << packet.will->qos << (packet.will->retain ? " retain" : "");
    line << " topic " << packet.will->topic << " " << packet.will->payload.size() << " B";
  }
  if (packet.user_name) line << " user \"" << *packet.user_name << "\"";
  if (packet.password) line << " password";
}
void details(Line& line, const Connack& packet) {
  line << " code " << static_cast<std::size_t>(packet.code);
  line << (packet.session_present ? " session present" : "");
}
void details(Line& line, const Publish& packet) {
  line << packet.qos << (packet.dup ? " dup" : "") << (packet.retain ? " retain" : "");
  if (packet.qos != QoS::at_most_once) line << " id " << packet.packet_id;
  line << " topic " << packet.topic << " " << packet.payload.size() << " B";
}
void details(Line& line, const Subscribe& packet) {
  line << " id " << packet.packet_id;
  for (const auto& [filter, qos] : packet.subscriptions) line << " " << filter << qos;
}
void details(Line& line, const Suback& packet) {
  line << " id " << packet.packet_id << " codes";
  for (const std::uint8_t code : packet.codes) line << " " << code;
}
void details(Line& line, const Unsubscribe& packet) {
  line << " id " << packet.packet_id;
  for (const auto& filter : packet.filters) line << " " << filter;
}
void details(Line&, const Pingreq&) {}
void details(Line&, const Pingresp&) {}
void details(Line&, const Disconnect&) {}
template <typename Acknowledgement>
void details(Line& line, const Acknowledgement& packet) {
  line << " id " << packet.packet_id;
}

}  // namespace

std::string_view name(PacketType type) {
  const auto value = static_cast<std::uint8_t>(type);
  return value < packet_rules.size() ? packet_rules[value].name : "?";
}

std::string describe(const Packet& packet) {
  Line line;
  line << name(type_of(packet));
  std::visit([&](const auto& value) { details(line, value); }, packet);
  return std::move(line.text);
}

}  // namespace mqttlab
