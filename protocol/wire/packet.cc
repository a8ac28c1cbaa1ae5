#include "protocol/wire/packet.h"

#include <cstdio>

#include "protocol/wire/codec.h"
#include "protocol/wire/packet_rules.h"

namespace mqttlab {
namespace {

// Text of a stranger on one line: control characters are written as \xNN.
std::string printable(const Slice& slice) {
  std::string out;
  for (const char character : slice.text()) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte >= 0x20 && byte != 0x7F) {
      out += character;
    } else {
      char escape[5];
      std::snprintf(escape, sizeof escape, "\\x%02X", byte);
      out += escape;
    }
  }
  return out;
}

std::string number(std::size_t value) { return std::to_string(value); }
std::string qos_text(QoS qos) { return " qos " + number(static_cast<std::size_t>(qos)); }

std::string details(const Connect& packet) {
  std::string out = packet.version == ProtocolVersion::v3_1 ? " 3.1" : " 3.1.1";
  out += " id \"" + printable(packet.client_id) + "\"";
  if (packet.clean_session) out += " clean";
  out += " keep alive " + number(packet.keep_alive_s) + " s";
  if (packet.will) {
    out += " will" + qos_text(packet.will->qos) + (packet.will->retain ? " retain" : "") +
           " topic " + printable(packet.will->topic) + " " + number(packet.will->payload.size()) +
           " B";
  }
  if (packet.user_name) out += " user \"" + printable(*packet.user_name) + "\"";
  if (packet.password) out += " password";
  return out;
}
std::string details(const Connack& packet) {
  return " code " + number(static_cast<std::size_t>(packet.code)) +
         (packet.session_present ? " session present" : "");
}
std::string details(const Publish& packet) {
  std::string out = qos_text(packet.qos);
  if (packet.dup) out += " dup";
  if (packet.retain) out += " retain";
  if (packet.qos != QoS::at_most_once) out += " id " + number(packet.packet_id);
  return out + " topic " + printable(packet.topic) + " " + number(packet.payload.size()) + " B";
}
std::string details(const Subscribe& packet) {
  std::string out = " id " + number(packet.packet_id);
  for (const auto& subscription : packet.subscriptions)
    out += " " + printable(subscription.filter) + qos_text(subscription.qos);
  return out;
}
std::string details(const Suback& packet) {
  std::string out = " id " + number(packet.packet_id) + " codes";
  for (const std::uint8_t code : packet.codes) out += " " + number(code);
  return out;
}
std::string details(const Unsubscribe& packet) {
  std::string out = " id " + number(packet.packet_id);
  for (const auto& filter : packet.filters) out += " " + printable(filter);
  return out;
}
std::string details(const Pingreq&) { return {}; }
std::string details(const Pingresp&) { return {}; }
std::string details(const Disconnect&) { return {}; }
template <typename Acknowledgement>
std::string details(const Acknowledgement& packet) {
  return " id " + number(packet.packet_id);
}

}  // namespace

std::string_view name(PacketType type) {
  const auto value = static_cast<std::uint8_t>(type);
  return value < packet_rules.size() ? packet_rules[value].name : "?";
}

std::string describe(const Packet& packet) {
  std::string out(name(type_of(packet)));
  return out + std::visit([](const auto& value) { return details(value); }, packet);
}

}  // namespace mqttlab
