#include "tests/wire/samples.h"

namespace mqttlab::test {
namespace {

using namespace std::string_literals;

std::vector<Sample> connect_samples() {
  const std::string variable_311 = field("MQTT") + "\x04";
  Connect plain;
  plain.client_id = slice("meter-1");
  Connect empty_id;
  Connect full;
  full.client_id = slice("m");
  full.clean_session = false;
  full.keep_alive_s = 0x1234;
  full.will = Will{slice("will/m"), slice("gone\0"s), QoS::exactly_once, true};
  full.user_name = slice("user");
  full.password = slice("\x00\xFE"s);
  Connect user_only = plain;
  user_only.user_name = slice("");
  Connect empty_will = plain;
  empty_will.will = Will{slice("w"), {}, QoS::at_most_once, false};
  Connect old = plain;
  old.version = ProtocolVersion::v3_1;
  return {
      {plain, Sender::client, frame(0x10, variable_311 + "\x02\x00\x00"s + field("meter-1"))},
      {empty_id, Sender::client, frame(0x10, variable_311 + "\x02\x00\x00"s + field(""))},
      {full, Sender::client,
       frame(0x10, variable_311 + "\xF4\x12\x34"s + field("m") + field("will/m") +
                       field("gone\0"s) + field("user") + field("\x00\xFE"s))},
      {user_only, Sender::client,
       frame(0x10, variable_311 + "\x82\x00\x00"s + field("meter-1") + field(""))},
      {empty_will, Sender::client,
       frame(0x10, variable_311 + "\x06\x00\x00"s + field("meter-1") + field("w") + field(""))},
      {old, Sender::client, frame(0x10, field("MQIsdp") + "\x03\x02\x00\x00"s + field("meter-1"))},
  };
}

std::vector<Sample> publish_samples() {
  std::vector<Sample> out;
  const std::string content = "21.5\0\xFF"s;
  for (int qos = 0; qos <= 2; ++qos) {
    for (const bool retain : {false, true}) {
      for (const bool dup : {false, true}) {
        if (qos == 0 && dup) continue;
        Publish packet{slice("a/b"), slice(content), static_cast<QoS>(qos), retain, dup, 0};
        packet.packet_id = qos == 0 ? 0 : 0x0102;
        const auto first = static_cast<std::uint8_t>(0x30 | dup << 3 | qos << 1 | retain);
        const std::string id = qos == 0 ? "" : "\x01\x02"s;
        for (const Sender sender : {Sender::client, Sender::server})
          out.push_back({packet, sender, frame(first, field("a/b") + id + content)});
      }
    }
  }
  const std::string topic(200, 't'), large(700, 'x');
  out.push_back({Publish{slice(topic), {}, QoS::at_most_once, false, false, 0}, Sender::client,
                 frame(0x30, field(topic))});
  out.push_back({Publish{slice("t"), slice(large), QoS::at_least_once, false, false, 0xFFFF},
                 Sender::server, frame(0x32, field("t") + "\xFF\xFF" + large)});
  return out;
}

}  // namespace

std::vector<Sample> samples() {
  std::vector<Sample> out = connect_samples();
  for (Sample& sample : publish_samples()) out.push_back(std::move(sample));
  for (int code = 0; code <= 5; ++code) {
    out.push_back({Connack{false, static_cast<ConnectReturn>(code)}, Sender::server,
                   frame(0x20, "\0"s + static_cast<char>(code))});
  }
  out.push_back({Connack{true, ConnectReturn::accepted}, Sender::server, frame(0x20, "\x01\0"s)});
  for (const Sender sender : {Sender::client, Sender::server}) {
    out.push_back({Puback{1}, sender, frame(0x40, "\x00\x01"s)});
    out.push_back({Pubrec{0x0203}, sender, frame(0x50, "\x02\x03"s)});
    out.push_back({Pubrel{0xFFFF}, sender, frame(0x62, "\xFF\xFF"s)});
    out.push_back({Pubcomp{0x8000}, sender, frame(0x70, "\x80\x00"s)});
  }
  out.push_back({Subscribe{10, {{slice("a/+"), QoS::at_least_once}}}, Sender::client,
                 frame(0x82, "\x00\x0A"s + field("a/+") + "\x01")});
  out.push_back({Subscribe{11,
                           {{slice("#"), QoS::exactly_once},
                            {slice("$SYS/#"), QoS::at_most_once},
                            {slice("/"), QoS::at_least_once}}},
                 Sender::client,
                 frame(0x82, "\x00\x0B"s + field("#") + "\x02" + field("$SYS/#") + "\x00"s +
                                 field("/") + "\x01")});
  out.push_back({Suback{10, {0, 1, 2, suback_failure}}, Sender::server,
                 frame(0x90, "\x00\x0A\x00\x01\x02\x80"s)});
  out.push_back({Unsubscribe{12, {slice("a/+"), slice("+/+/#")}}, Sender::client,
                 frame(0xA2, "\x00\x0C"s + field("a/+") + field("+/+/#"))});
  out.push_back({Unsuback{12}, Sender::server, frame(0xB0, "\x00\x0C"s)});
  out.push_back({Pingreq{}, Sender::client, frame(0xC0, "")});
  out.push_back({Pingresp{}, Sender::server, frame(0xD0, "")});
  out.push_back({Disconnect{}, Sender::client, frame(0xE0, "")});
  return out;
}

namespace {

Slice random_topic(Generator& random) {
  static constexpr std::string_view levels[] = {"a", "level", "", "$x", "\xC3\xA9"};
  std::string topic = "t";
  for (std::size_t i = random.below(6); i > 0; --i)
    topic.append("/").append(levels[random.below(5)]);
  return slice(topic);
}

Slice random_filter(Generator& random) {
  std::string filter(random_topic(random).text());
  if (random.flip()) filter.insert(0, "+/");
  if (random.flip()) filter += "/#";
  return slice(filter);
}

Slice random_bytes(Generator& random, std::size_t below) {
  std::string bytes(random.below(below), '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.next());
  return slice(bytes);
}

std::uint16_t random_id(Generator& random) {
  return static_cast<std::uint16_t>(1 + random.below(0xFFFF));
}
QoS random_qos(Generator& random) { return static_cast<QoS>(random.below(3)); }

Packet random_connect(Generator& random) {
  Connect packet;
  packet.version = random.flip() ? ProtocolVersion::v3_1_1 : ProtocolVersion::v3_1;
  packet.client_id = random_topic(random);
  packet.clean_session = random.flip();
  packet.keep_alive_s = static_cast<std::uint16_t>(random.next());
  if (random.flip()) {
    packet.will =
        Will{random_topic(random), random_bytes(random, 900), random_qos(random), random.flip()};
  }
  if (random.flip()) packet.user_name = random_topic(random);
  if (packet.user_name && random.flip()) packet.password = random_bytes(random, 40);
  return packet;
}

Packet random_publish(Generator& random) {
  Publish packet;
  packet.topic = random_topic(random);
  packet.payload = random_bytes(random, random.below(20) == 0 ? 40'000 : 300);
  packet.qos = random_qos(random);
  packet.retain = random.flip();
  if (packet.qos != QoS::at_most_once) {
    packet.dup = random.flip();
    packet.packet_id = random_id(random);
  }
  return packet;
}

Packet random_subscribe(Generator& random) {
  Subscribe packet{random_id(random), {}};
  for (std::size_t i = 1 + random.below(5); i > 0; --i)
    packet.subscriptions.push_back({random_filter(random), random_qos(random)});
  return packet;
}

}  // namespace

Sample random_sample(Generator& random, ProtocolVersion version) {
  const bool v5 = version == ProtocolVersion::v5_0;
  const Sender either = random.flip() ? Sender::client : Sender::server;
  const auto make = [&](Packet packet, Sender sender) {
    if (v5) extend(packet, sender, random);
    Buffer bytes = encoded(packet, version);
    return Sample{std::move(packet), sender, std::move(bytes), version};
  };
  switch (random.below(v5 ? 15 : 14)) {
    case 0:
      return make(random_connect(random), Sender::client);
    case 1:
      return make(Connack{random.flip(), ConnectReturn::accepted}, Sender::server);
    case 2:
      return make(Puback{random_id(random)}, either);
    case 3:
      return make(Pubrec{random_id(random)}, either);
    case 4:
      return make(Pubrel{random_id(random)}, either);
    case 5:
      return make(Pubcomp{random_id(random)}, either);
    case 6:
      return make(random_subscribe(random), Sender::client);
    case 7:
      return make(Suback{random_id(random), Buffer(1 + random.below(300), suback_failure)},
                  Sender::server);
    case 8: {
      Unsubscribe packet{random_id(random), {}};
      for (std::size_t i = 1 + random.below(5); i > 0; --i)
        packet.filters.push_back(random_filter(random));
      return make(packet, Sender::client);
    }
    case 9:
      return make(Unsuback{random_id(random)}, Sender::server);
    case 10:
      return make(Pingreq{}, Sender::client);
    case 11:
      return make(Disconnect{}, v5 ? either : Sender::client);
    case 14:
      return make(random_auth(random, either), either);
    default:
      return make(random_publish(random), either);
  }
}

std::vector<Sample> samples_of_both() {
  std::vector<Sample> out = samples();
  for (Sample& sample : samples_5()) out.push_back(std::move(sample));
  return out;
}

}  // namespace mqttlab::test
