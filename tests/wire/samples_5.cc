// Sample packets of 5.0, beside their bytes written by hand.
#include "tests/wire/samples.h"

namespace mqttlab::test {
namespace {

using namespace std::string_literals;
using Id = PropertyId;
constexpr Sender client = Sender::client, server = Sender::server;

std::vector<Sample> connect_samples_5() {
  const std::string variable = field("MQTT") + "\x05";
  Connect plain;
  plain.version = v5;
  plain.client_id = slice("meter-1");
  Connect full = plain;
  full.clean_session = false;
  full.keep_alive_s = 0x1234;
  full.properties.add(Id::session_expiry_interval, 0x01020304)
      .add(Id::receive_maximum, 20)
      .add(Id::maximum_packet_size, 0x10000)
      .add(Id::topic_alias_maximum, 10)
      .add(Id::request_response_information, 1)
      .add(Id::request_problem_information, 0)
      .add_user("b", "1")
      .add_user("a", "2")
      .add(Id::authentication_method, "SCRAM")
      .add(Id::authentication_data, "\x00\xFF"s);
  full.will = Will{slice("will/m"), slice("gone"), QoS::exactly_once, true};
  full.will->properties.add(Id::will_delay_interval, 6)
      .add(Id::payload_format_indicator, 1)
      .add(Id::message_expiry_interval, 60)
      .add(Id::content_type, "text")
      .add(Id::response_topic, "r")
      .add(Id::correlation_data, "\x01\x02")
      .add_user("n", "");
  full.user_name = slice("user");
  full.password = slice("\x00\xFE"s);
  const std::string properties =
      "\x11\x01\x02\x03\x04\x21\x00\x14\x27\x00\x01\x00\x00\x22\x00\x0A\x19\x01\x17\x00"s + "&"s +
      field("b") + field("1") + "&"s + field("a") + field("2") + "\x15"s + field("SCRAM") +
      "\x16"s + field("\x00\xFF"s);
  const std::string will = "\x18\x00\x00\x00\x06\x01\x01\x02\x00\x00\x00\x3C\x03"s + field("text") +
                           "\x08"s + field("r") + "\x09"s + field("\x01\x02") + "&"s + field("n") +
                           field("");
  Connect secret = plain;  // 5.0 lets a password stand alone
  secret.password = slice("p");
  return {
      {plain, client, frame(0x10, variable + "\x02\x00\x00"s + set("") + field("meter-1")), v5},
      {full, client,
       frame(0x10, variable + "\xF4\x12\x34"s + set(properties) + field("meter-1") + set(will) +
                       field("will/m") + field("gone") + field("user") + field("\x00\xFE"s)),
       v5},
      {secret, client,
       frame(0x10, variable + "\x42\x00\x00"s + set("") + field("meter-1") + field("p")), v5},
  };
}

std::vector<Sample> connack_samples() {
  Connack full{true, {}};
  full.properties.add(Id::session_expiry_interval, 1)
      .add(Id::receive_maximum, 2)
      .add(Id::maximum_qos, 1)
      .add(Id::retain_available, 0)
      .add(Id::maximum_packet_size, 3)
      .add(Id::assigned_client_identifier, "id")
      .add(Id::topic_alias_maximum, 4)
      .add(Id::reason_string, "ok")
      .add(Id::wildcard_subscription_available, 1)
      .add(Id::subscription_identifier_available, 1)
      .add(Id::shared_subscription_available, 0)
      .add(Id::server_keep_alive, 5)
      .add(Id::response_information, "ri")
      .add(Id::server_reference, "sr")
      .add(Id::authentication_method, "m")
      .add(Id::authentication_data, "d");
  const std::string properties =
      "\x11\x00\x00\x00\x01\x21\x00\x02\x24\x01\x25\x00\x27\x00\x00\x00\x03\x12"s + field("id") +
      "\x22\x00\x04\x1F"s + field("ok") + "\x28\x01\x29\x01\x2A\x00\x13\x00\x05\x1A"s +
      field("ri") + "\x1C"s + field("sr") + "\x15"s + field("m") + "\x16"s + field("d");
  Connack refused{false, {}, ReasonCode::bad_authentication_method};
  return {
      {Connack{}, server, frame(0x20, "\x00\x00\x00"s), v5},
      {full, server, frame(0x20, "\x01\x00"s + set(properties)), v5},
      {refused, server, frame(0x20, "\x00\x8C\x00"s), v5},
  };
}

std::vector<Sample> publish_samples_5() {
  const auto publish = [](std::string_view topic, std::string_view payload, QoS qos) {
    Publish packet{slice(topic), slice(payload), qos, false, false, 0};
    if (qos != QoS::at_most_once) packet.packet_id = 0x0102;
    return packet;
  };
  Publish aliased = publish("", "x", QoS::at_most_once);
  aliased.properties.add(Id::topic_alias, 7);
  Publish full = publish("t", "pay", QoS::exactly_once);
  full.properties.add(Id::payload_format_indicator, 1)
      .add(Id::message_expiry_interval, 9)
      .add(Id::topic_alias, 0xFFFF)
      .add(Id::response_topic, "a/b")
      .add(Id::correlation_data, "")
      .add_user("k", "v")
      .add(Id::subscription_identifier, 1)
      .add(Id::subscription_identifier, 268'435'455)
      .add(Id::subscription_identifier, 1)
      .add(Id::content_type, "");
  const std::string properties = "\x01\x01\x02\x00\x00\x00\x09\x23\xFF\xFF\x08"s + field("a/b") +
                                 "\x09\x00\x00&"s + field("k") + field("v") +
                                 "\x0B\x01\x0B\xFF\xFF\xFF\x7F\x0B\x01\x03\x00\x00"s;
  Publish wide = publish("t", "x", QoS::at_least_once);  // two bytes of Property Length
  wide.properties.add(Id::correlation_data, std::string(200, 'c'));
  const std::string wide_set = "\xCB\x01\x09"s + field(std::string(200, 'c'));
  const std::string id = "\x01\x02";
  return {
      {publish("a/b", "21", QoS::at_most_once), client, frame(0x30, field("a/b") + set("") + "21"),
       v5},
      {publish("a/b", "", QoS::at_least_once), server, frame(0x32, field("a/b") + id + set("")),
       v5},
      {aliased, client, frame(0x30, field("") + "\x03\x23\x00\x07x"s), v5},
      {full, server, frame(0x34, field("t") + id + set(properties) + "pay"), v5},
      {wide, client, frame(0x32, field("t") + id + wide_set + "x"), v5},
  };
}

template <typename T>
void add_acknowledgements(std::vector<Sample>& out, std::uint8_t first, ReasonCode failure) {
  const std::string id = "\x01\x02", code(1, static_cast<char>(failure));
  T told{0x0102, failure};
  told.properties.add(Id::reason_string, "why").add_user("", "");
  T detailed{0x0102};
  detailed.properties.add_user("k", "v");
  const std::string why = "\x1F"s + field("why") + "&"s + field("") + field("");
  for (const Sender sender : {client, server}) {
    out.push_back({T{0x0102}, sender, frame(first, id), v5});
    out.push_back({T{0x0102, failure}, sender, frame(first, id + code), v5});
    out.push_back({told, sender, frame(first, id + code + set(why)), v5});
    out.push_back(
        {detailed, sender, frame(first, id + "\0"s + set("&"s + field("k") + field("v"))), v5});
  }
}

std::vector<Sample> subscription_samples() {
  const std::string id = "\x00\x0A"s, user = set("&"s + field("k") + field("v"));
  Properties properties;
  properties.add_user("k", "v");
  Subscribe plain{10, {{slice("a/+"), QoS::at_least_once}}};
  Subscribe full{10,
                 {{slice("#"), QoS::exactly_once, true, true, RetainHandling::do_not_send},
                  {slice("$share/g/a/#"), {}, false, true, RetainHandling::send_if_new}}};
  full.properties.add(Id::subscription_identifier, 128);
  return {
      {plain, client, frame(0x82, id + set("") + field("a/+") + "\x01"), v5},
      {full, client,
       frame(0x82,
             id + set("\x0B\x80\x01") + field("#") + "\x2E"s + field("$share/g/a/#") + "\x18"),
       v5},
      {Suback{10, {0, 1, 2, 0x80, 0xA2}, properties}, server,
       frame(0x90, id + user + "\x00\x01\x02\x80\xA2"s), v5},
      {Suback{10, {0}}, server, frame(0x90, id + set("") + "\0"s), v5},
      {Unsubscribe{10, {slice("a/+"), slice("$share/g/+")}, properties}, client,
       frame(0xA2, id + user + field("a/+") + field("$share/g/+")), v5},
      {Unsuback{10, {ReasonCode::success, ReasonCode::no_subscription_existed}, properties}, server,
       frame(0xB0, id + user + "\x00\x11"s), v5},
  };
}

std::vector<Sample> ending_samples() {
  Disconnect later{ReasonCode::disconnect_with_will_message};
  later.properties.add(Id::session_expiry_interval, 0xFFFFFFFF);
  Disconnect moved{ReasonCode::server_moved};
  moved.properties.add(Id::reason_string, "r").add(Id::server_reference, "s").add_user("", "u");
  Disconnect polite;
  polite.properties.add(Id::reason_string, "bye");
  Auth step{ReasonCode::continue_authentication};
  step.properties.add(Id::authentication_method, "M").add(Id::authentication_data, "\x01");
  Auth again{ReasonCode::re_authenticate};
  again.properties.add(Id::authentication_method, "M").add(Id::reason_string, "").add_user("", "");
  const std::string method = "\x15"s + field("M");
  return {
      {Pingreq{}, client, frame(0xC0, ""), v5},
      {Pingresp{}, server, frame(0xD0, ""), v5},
      {Disconnect{}, client, frame(0xE0, ""), v5},
      {Disconnect{}, server, frame(0xE0, ""), v5},
      {Disconnect{ReasonCode::session_taken_over}, server, frame(0xE0, "\x8E"), v5},
      {later, client, frame(0xE0, "\x04"s + set("\x11\xFF\xFF\xFF\xFF")), v5},
      {moved, server,
       frame(0xE0, "\x9D"s + set("\x1F"s + field("r") + "\x1C"s + field("s") + "&"s + field("") +
                                 field("u"))),
       v5},
      {polite, client, frame(0xE0, "\0"s + set("\x1F"s + field("bye"))), v5},
      {Auth{}, server, frame(0xF0, ""), v5},
      {step, client, frame(0xF0, "\x18"s + set(method + "\x16"s + field("\x01"))), v5},
      {step, server, frame(0xF0, "\x18"s + set(method + "\x16"s + field("\x01"))), v5},
      {again, client,
       frame(0xF0, "\x19"s + set(method + "\x1F"s + field("") + "&"s + field("") + field(""))), v5},
  };
}

}  // namespace

std::vector<Sample> samples_5() {
  std::vector<Sample> out = connect_samples_5();
  const auto take = [&](std::vector<Sample> more) {
    for (Sample& sample : more) out.push_back(std::move(sample));
  };
  take(connack_samples());
  take(publish_samples_5());
  add_acknowledgements<Puback>(out, 0x40, ReasonCode::quota_exceeded);
  add_acknowledgements<Pubrec>(out, 0x50, ReasonCode::not_authorized);
  add_acknowledgements<Pubrel>(out, 0x62, ReasonCode::packet_identifier_not_found);
  add_acknowledgements<Pubcomp>(out, 0x70, ReasonCode::packet_identifier_not_found);
  take(subscription_samples());
  take(ending_samples());
  return out;
}

}  // namespace mqttlab::test
