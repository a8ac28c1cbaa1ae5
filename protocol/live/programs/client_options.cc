#include "protocol/live/programs/client_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>
#include <stdexcept>
#include <utility>

#include "protocol/live/files.h"
#include "protocol/live/programs/options.h"
#include "protocol/wire/reason_code.h"

namespace mqttlab::live {
namespace {

// As mosquitto writes it: "Payload Format Indicator" is payload-format-indicator.
std::string option_name(const PropertyRule& rule) {
  std::string text(rule.name);
  for (char& c : text) c = c == ' ' ? '-' : static_cast<char>(std::tolower(c));
  return text;
}

const PropertyRule& rule_named(const std::string& name) {
  for (const PropertyRule& rule : property_rules)
    if (option_name(rule) == name) return rule;
  throw std::invalid_argument("-D: MQTT 5.0 has no property '" + name + "'");
}

PropertyPlace place_named(const std::string& name) {
  static const std::map<std::string, PropertyPlace> places = {
      {"connect", property_place::connect},     {"publish", property_place::publish},
      {"subscribe", property_place::subscribe}, {"disconnect", property_place::disconnect},
      {"will", property_place::will},
  };
  const auto at = places.find(name);
  if (at == places.end())
    throw std::invalid_argument("-D: unknown packet '" + name +
                                "'; known are connect, publish, subscribe, disconnect and will");
  return at->second;
}

std::uint32_t number(const std::string& text, const std::string& what) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw std::invalid_argument(what + ": '" + text + "' is not a number from 0 to 4294967295");
  return value;
}

constexpr std::string_view at_peer = "Broker";

// A broker's text, for a terminal.
std::string printable(std::string_view text) {
  std::string clean(text);
  for (char& c : clean)
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7F) c = '?';
  return clean;
}

// What a broker adds to its code.
std::string words_of(const Properties& properties) {
  std::string text;
  properties.for_each([&](const Property& property) {
    if (property.id == PropertyId::reason_string)
      text += "; " + printable(property.text);
    else if (property.id == PropertyId::server_reference)
      text += "; go to " + printable(property.text);
    else if (property.id == PropertyId::user_property)
      text += "; " + printable(property.name) + "=" + printable(property.text);
  });
  return text;
}

}  // namespace

void ClientOptions::add_to(CLI::App& app) {
  app.set_help_flag("--help", "Print this help and leave");  // -h is the host
  app.set_version_flag("--version", MQTTLAB_VERSION);
  app.add_option("-h,--host", host_, "Name or address of the broker")
      ->capture_default_str()
      ->group(at_peer.data());
  app.add_option("-p,--port", port_, "Default: 1883, with TLS 8883")
      ->check(CLI::Range(1, 65'535))
      ->group(at_peer.data());
  app.add_option("-L,--url", url_,
                 "tcp, tls, ws, wss, mqtt or mqtts://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC]; of ws "
                 "and wss /PATH instead of a topic")
      ->group(at_peer.data());
  app.add_option("--cafile", ca_, "Authorities to trust, PEM; their presence means TLS")
      ->type_name("FILE")
      ->group(at_peer.data());
  app.add_option("--cert", certificate_, "The client's certificate, PEM")
      ->type_name("FILE")
      ->group(at_peer.data());
  app.add_option("--key", key_, "Its private key, PEM")->type_name("FILE")->group(at_peer.data());
  app.add_flag("--insecure", insecure_, "Take any certificate: with whom one talks nobody knows")
      ->group(at_peer.data());

  app.add_option("-u,--username", user_name_, "User name");
  app.add_option("-P,--pw", password_, "Password; others on this machine can see it");
  app.add_option("-i,--id", id_, "Client id; default: one of its own each time");
  app.add_option("-k,--keepalive", keep_alive_s_, "Keep alive; 0: none")
      ->type_name("SECONDS")
      ->capture_default_str();
  app.add_flag("-c,--disable-clean-session", keep_session_, "Go on with the session of --id");
  app.add_option("-x,--session-expiry-interval", session_expiry_,
                 "How long the session outlives its connection (5.0); -1: for ever")
      ->type_name("SECONDS");
  app.add_option("-V,--protocol-version", version_name_, "311 or 5; also mqttv311, mqttv5")
      ->capture_default_str();
  app.add_option("-t,--topic", topics, "Topic; mqttlab-sub: filters, may be repeated")
      ->allow_extra_args(false);
  app.add_option("-q,--qos", qos, "Quality of service")->check(CLI::Range(0, 2));
  app.add_option("-D,--property",
                 "PACKET NAME VALUE, or PACKET user-property NAME VALUE: a property (5.0) of "
                 "connect, publish, subscribe, disconnect or will; may be repeated");
  app.add_flag("-d,--debug", debug, "Tell of connection and answers on stderr");
  app.add_flag("--quiet", quiet, "Print no errors");
  app.add_option("--will-topic", will_topic_, "Topic of the will")->group("Will");
  app.add_option("--will-payload", will_payload_, "Its message")->group("Will");
  app.add_option("--will-qos", will_qos_, "Its quality of service")
      ->check(CLI::Range(0, 2))
      ->group("Will");
  app.add_flag("--will-retain", will_retain_, "The broker keeps it")->group("Will");
}

void ClientOptions::finish_options() {
  static const std::map<std::string, ProtocolVersion> versions = {
      {"311", ProtocolVersion::v3_1_1},
      {"mqttv311", ProtocolVersion::v3_1_1},
      {"5", ProtocolVersion::v5_0},
      {"mqttv5", ProtocolVersion::v5_0},
  };
  const auto at = versions.find(version_name_);
  if (at == versions.end())
    throw std::invalid_argument("-V: unknown version '" + version_name_ + "'; write 311 or 5");
  version_ = at->second;
  if (url_.empty()) return;
  const Endpoint endpoint = Endpoint::parse(url_);
  if (!has_web_socket(endpoint.transport) && endpoint.path.size() > 1)
    topics.push_back(endpoint.path.substr(1));
}

int run_client(CLI::App& app, ClientOptions& options, int count, char** words,
               const std::function<int()>& work) {
  try {
    std::vector<char*> rest = options.without_properties(count, words);
    return run_program(app, static_cast<int>(rest.size()), rest.data(), work);
  } catch (const std::invalid_argument& error) {
    fmt::print(stderr, "{}: {}\n", app.get_name(), error.what());
    return exit_usage;
  }
}

std::vector<char*> ClientOptions::without_properties(int count, char** words) {
  std::vector<char*> rest;
  for (int i = 0; i < count; ++i) {
    const std::string word = words[i];
    if (word != "-D" && word != "--property") {
      rest.push_back(words[i]);
      continue;
    }
    const auto next = [&]() -> std::string {
      if (++i >= count)
        throw std::invalid_argument(
            "-D: write -D PACKET NAME VALUE, as in -D publish content-type x");
      return words[i];
    };
    NamedProperty property;
    property.place = place_named(next());
    property.rule = &rule_named(next());
    property.value = next();
    if (property.rule->id == PropertyId::user_property) property.user_value = next();
    properties_.push_back(std::move(property));
  }
  return rest;
}

void ClientOptions::allow_properties(const std::vector<PropertyPlace>& places) const {
  for (const NamedProperty& property : properties_) {
    if (!v5()) throw std::invalid_argument("-D: only MQTT 5.0 has properties; add -V 5");
    if (std::ranges::find(places, property.place) == places.end())
      throw std::invalid_argument("-D: this program sends no such packet");
  }
}

Properties ClientOptions::properties(PropertyPlace place) const {
  Properties set;
  for (const NamedProperty& property : properties_) {
    if (property.place != place) continue;
    const std::string name = option_name(*property.rule);
    if (!property.rule->use_in(place))
      throw std::invalid_argument("-D: " + name + " has no place in that packet");
    if (property.rule->id == PropertyId::user_property)
      set.add_user(property.value, property.user_value);
    else if (is_number(property.rule->type))
      set.add(property.rule->id, number(property.value, "-D " + name));
    else
      set.add(property.rule->id, property.value);
  }
  if (const auto fault = Properties::fault(set.bytes().bytes(), place, Sender::client))
    throw std::invalid_argument("-D: these properties break " + std::string(fault->statement));
  return set;
}

Endpoint ClientOptions::endpoint() const {
  if (!url_.empty()) return Endpoint::parse(url_);
  Endpoint endpoint;
  endpoint.host = host_;
  const bool tls = !ca_.empty() || insecure_;
  endpoint.transport = tls ? Transport::tls : Transport::tcp;
  endpoint.port = static_cast<std::uint16_t>(port_ != 0 ? port_ : tls ? 8883 : 1883);
  return endpoint;
}

DialConfig ClientOptions::dial() const {
  DialConfig dial;
  dial.endpoint = endpoint();
  if (!has_tls(dial.endpoint.transport)) return dial;
  TlsSettings settings;
  settings.role = TlsSettings::Role::client;
  settings.server_name = dial.endpoint.host;
  settings.insecure = insecure_;
  if (ca_.empty() && !insecure_)
    throw std::invalid_argument(dial.endpoint.text() +
                                " needs --cafile FILE, or --insecure for tests");
  if (!ca_.empty()) settings.ca_pem = read_file(ca_, "--cafile");
  if (!certificate_.empty()) settings.certificate_pem = read_file(certificate_, "--cert");
  if (!key_.empty()) settings.key_pem = read_file(key_, "--key");
  dial.tls = std::make_shared<TlsContext>(std::move(settings));
  return dial;
}

ClientConfig ClientOptions::client() const {
  ClientConfig config;
  config.max_packet_size = 268'435'460;  // unless -D connect says less
  const Endpoint at = endpoint();
  config.client_id = id_;
  config.version = version_;
  config.keep_alive_s = keep_alive_s_;
  config.clean_session = !keep_session_;
  if (keep_session_ && id_.empty())
    throw std::invalid_argument("-c: a session to go on with needs its client id, -i");
  if (!user_name_.empty()) config.user_name = user_name_;
  if (!password_.empty()) config.password = password_;
  if (at.user_name) config.user_name = at.user_name;
  if (at.password) config.password = at.password;
  if (!session_expiry_.empty())
    config.session_expiry_s =
        session_expiry_ == "-1" ? endless_expiry_s : number(session_expiry_, "-x");
  if (!will_topic_.empty())
    config.will = Will{Slice::copy_of(std::string_view(will_topic_)),
                       Slice::copy_of(std::string_view(will_payload_)), static_cast<QoS>(will_qos_),
                       will_retain_, properties(property_place::will)};
  else if (!will_payload_.empty() || will_retain_ || will_qos_ != 0)
    throw std::invalid_argument("a will needs --will-topic");
  take_connect_properties(config);
  return config;
}

void ClientOptions::take_connect_properties(ClientConfig& config) const {
  const Properties set = properties(property_place::connect);
  set.for_each([&](const Property& property) {
    const auto short_number = static_cast<std::uint16_t>(property.number);
    switch (property.id) {
      case PropertyId::session_expiry_interval:
        config.session_expiry_s = property.number;
        break;
      case PropertyId::receive_maximum:
        config.receive_maximum = short_number;
        break;
      case PropertyId::maximum_packet_size:
        config.max_packet_size = property.number;
        break;
      case PropertyId::topic_alias_maximum:
        config.topic_alias_maximum = short_number;
        break;
      case PropertyId::request_response_information:
        config.request_response_information = property.number != 0;
        break;
      case PropertyId::request_problem_information:
        config.request_problem_information = property.number != 0;
        break;
      case PropertyId::user_property:
        config.properties.add_user(property.name, property.text);
        break;
      default:
        throw std::invalid_argument("-D connect: this program does not authenticate that way");
    }
  });
}

std::string words_of(const Refused& refused) {
  static constexpr std::string_view codes[] = {
      "accepted",
      "the broker does not speak this version of MQTT",
      "the client id is not taken",
      "the broker is not available",
      "bad user name or password",
      "not authorised",
  };
  std::string text = "connection refused: ";
  if (refused.reason == ReasonCode::success) {
    const auto code = static_cast<std::size_t>(refused.code);
    return text += code < std::size(codes) ? codes[code] : "?";
  }
  text += name(refused.reason, PacketType::connack);
  return text + words_of(refused.properties);
}

std::string words_of(const Disconnected& disconnected) {
  std::string text = "disconnected: " + disconnected.reason;
  return disconnected.server ? text + words_of(disconnected.server->properties) : text;
}

std::string words_of(const Completed& completed) {
  std::string text;
  switch (completed.outcome) {
    case Outcome::done:
      text = "done";
      break;
    case Outcome::failed:
      return "not done: the session, or for QoS 0 the connection, has ended";
    case Outcome::expired:
      return "not done: it has expired";
    case Outcome::refused:
      text = fmt::format("refused: {}", name(completed.reason, PacketType::puback));
  }
  for (const std::uint8_t code : completed.codes)
    text += fmt::format(", {}", name(static_cast<ReasonCode>(code), PacketType::suback));
  return text + words_of(completed.properties);
}

std::string words_of(Misuse misuse) {
  switch (misuse) {
    case Misuse::bad_topic:
      return "not a valid topic";
    case Misuse::too_large:
      return "the packet would be larger than the broker, or MQTT, allows";
    case Misuse::queue_full:
      return "too much is waiting already";
    case Misuse::not_connected:
      return "not connected";
    case Misuse::bad_argument:
      return "a value is out of its range";
    case Misuse::not_supported:
      return "the broker does not support it";
  }
  return "?";
}

void show(const ClientEvent& event) {
  if (const auto* connected = std::get_if<Connected>(&event))
    fmt::print(stderr, "connected, session {}\n", connected->session_present ? "present" : "new");
  if (const auto* refused = std::get_if<Refused>(&event))
    fmt::print(stderr, "{}\n", words_of(*refused));
  if (const auto* ended = std::get_if<Disconnected>(&event))
    fmt::print(stderr, "{}\n", words_of(*ended));
  if (const auto* done = std::get_if<Completed>(&event))
    fmt::print(stderr, "answer to {}: {}\n", done->token, words_of(*done));
  if (const auto* message = std::get_if<Received>(&event))
    fmt::print(stderr, "message on {}: {} bytes, QoS {}{}\n", message->topic.text(),
               message->payload.size(), static_cast<int>(message->qos),
               message->retain ? ", retained" : "");
}

}  // namespace mqttlab::live
