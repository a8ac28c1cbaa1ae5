#include "tests/fuzz/server_judge.h"

namespace mqttlab::fuzz {
namespace {

// What a rule beyond the wire format may end a link with: limits, takeover, permissions.
bool beyond_the_wire(ReasonCode reason) {
  return reason >= ReasonCode::protocol_error || reason == ReasonCode::unspecified_error;
}

constexpr std::string_view name_and_level("\0\4MQTT\5", 7);

// What follows the fixed header of a CONNECT, which is whole.
std::string_view body_of(Bytes frame) {
  std::size_t header = 2;
  while (header < 5 && (frame[header - 1] & 0x80) != 0) ++header;
  return {reinterpret_cast<const char*>(frame.data()) + header, frame.size() - header};
}
bool is_connect(Bytes frame) { return !frame.empty() && frame[0] >> 4 == 1; }
bool may_be_v5(Bytes cut) {
  return is_connect(cut) && body_of(cut).size() < name_and_level.size() &&
         name_and_level.starts_with(body_of(cut));
}

}  // namespace

ServerJudge::ServerJudge(const BrokerConfig& config)
    : config_(config), to_broker_(config.max_packet_size) {}

void ServerJudge::heard(Bytes bytes) {
  to_broker_.append(bytes);
  while (!must_end()) {
    const auto frame = to_broker_.next(version_);
    if (!frame && frame.violation().reason == 0x95 && !connected_) {
      if (may_be_v5(to_broker_.front())) return;  // the broker waits until it knows
      unreadable(frame.violation(), to_broker_.front());
    } else if (!frame) {
      unreadable(frame.violation(), {});
    } else if (!*frame) {
      return;
    } else if (const auto packet = decode(**frame, Sender::client, version_)) {
      ask(*packet);
    } else {
      unreadable(packet.violation(), (*frame)->bytes());
    }
  }
}

// Who has not even said CONNECT is answered in 5.0's words only if it has begun with them.
void ServerJudge::unreadable(const Violation& violation, Bytes frame) {
  fault_ = violation.reason;
  if (connected_) return;
  const bool begins_as_v5 = is_connect(frame) && body_of(frame).starts_with(name_and_level);
  if (!begins_as_v5) version_ = ProtocolVersion::v3_1_1;
}

void ServerJudge::ask(const Packet& packet) {
  const PacketType type = type_of(packet);
  if (connected_ != (type != PacketType::connect)) {  // MQTT-3.1.0-1, MQTT-3.1.0-2
    fault_ = 0x82;
    return;
  }
  if (const auto* connect = std::get_if<Connect>(&packet)) {
    return this->connect(*connect);
  } else if (const auto* publish = std::get_if<Publish>(&packet)) {
    if (publish->qos == QoS::at_least_once)
      questions_.push_back({PacketType::puback, publish->packet_id, 0});
    if (publish->qos == QoS::exactly_once)
      questions_.push_back({PacketType::pubrec, publish->packet_id, 0});
  } else if (const auto* pubrel = std::get_if<Pubrel>(&packet)) {
    questions_.push_back({PacketType::pubcomp, pubrel->packet_id, 0});
  } else if (const auto* subscribe = std::get_if<Subscribe>(&packet)) {
    questions_.push_back(
        {PacketType::suback, subscribe->packet_id, subscribe->subscriptions.size()});
  } else if (const auto* unsubscribe = std::get_if<Unsubscribe>(&packet)) {
    questions_.push_back(
        {PacketType::unsuback, unsubscribe->packet_id, v5() ? unsubscribe->filters.size() : 0});
  } else if (type == PacketType::pingreq) {
    questions_.push_back({PacketType::pingresp, 0, 0});
  } else if (type == PacketType::disconnect) {
    said_goodbye_ = true;
  } else if (const auto* auth = std::get_if<Auth>(&packet)) {
    const auto method = auth->properties.get<PropertyId::authentication_method>();
    if (!method_ || !method || method->text() != *method_) fault_ = 0x82;  // MQTT-4.12.0-5, -7
    asked_to_go_on_ = false;
  } else if (const auto* puback = std::get_if<Puback>(&packet)) {
    acknowledged(puback->packet_id, Stage::puback, true);
  } else if (const auto* pubrec = std::get_if<Pubrec>(&packet)) {
    acknowledged(pubrec->packet_id, Stage::pubrec, pubrec->reason >= ReasonCode::unspecified_error);
  } else if (const auto* pubcomp = std::get_if<Pubcomp>(&packet)) {
    acknowledged(pubcomp->packet_id, Stage::pubcomp, true);
  }
}

void ServerJudge::acknowledged(std::uint16_t packet_id, Stage stage, bool ends) {
  const auto at = open_.find(packet_id);
  if (at == open_.end()) {
    early_.insert(packet_id);
  } else if (at->second == stage) {
    at->second = Stage::pubcomp;
    if (ends) open_.erase(at);
  }
}

void ServerJudge::connect(const Connect& packet) {
  connected_ = true;
  version_ = packet.version;
  const Properties& told = packet.properties;
  max_packet_size_ = told.get<PropertyId::maximum_packet_size>().value_or(max_packet_size_);
  receive_maximum_ = told.get<PropertyId::receive_maximum>().value_or(65'535);
  alias_maximum_ = told.get<PropertyId::topic_alias_maximum>().value_or(0);
  problem_information_ = told.get<PropertyId::request_problem_information>().value_or(1) != 0;
  if (const auto method = told.get<PropertyId::authentication_method>())
    method_ = std::string(method->text());
  response_information_ = told.get<PropertyId::request_response_information>().value_or(0) != 0;
}

void ServerJudge::said(Bytes bytes) {
  from_broker_.append(bytes);
  for (;;) {
    const auto frame = from_broker_.next(version_);
    require(bool(frame), "the broker wrote no packet");
    if (!*frame) return;
    require((*frame)->size() <= max_packet_size_, "over the client's Maximum Packet Size");
    const auto packet = decode(**frame, Sender::server, version_);
    if (!packet) throw Broken("the broker broke " + std::string(packet.violation().statement));
    require(!ended_, "nothing follows the last word");
    judge(*packet);
  }
}

void ServerJudge::judge(const Packet& packet) {
  const PacketType type = type_of(packet);
  require(accepted_ || type == PacketType::connack || type == PacketType::auth,
          "CONNACK comes first");
  const auto has_told = [&](const auto& value) {
    if constexpr (requires { value.properties; }) {
      const bool tells = value.properties.has(PropertyId::reason_string) ||
                         value.properties.has(PropertyId::user_property);
      const bool may = type == PacketType::publish || type == PacketType::connack ||
                       type == PacketType::disconnect;
      require(problem_information_ || may || !tells, "MQTT-3.1.2-29");
    }
  };
  std::visit(has_told, packet);
  if (const auto* connack = std::get_if<Connack>(&packet)) {
    judge(*connack);
  } else if (const auto* publish = std::get_if<Publish>(&packet)) {
    judge(*publish);
  } else if (const auto* puback = std::get_if<Puback>(&packet)) {
    answered({type, puback->packet_id, 0});
  } else if (const auto* pubrec = std::get_if<Pubrec>(&packet)) {
    answered({type, pubrec->packet_id, 0});
  } else if (const auto* pubcomp = std::get_if<Pubcomp>(&packet)) {
    answered({type, pubcomp->packet_id, 0});
  } else if (const auto* suback = std::get_if<Suback>(&packet)) {
    answered({type, suback->packet_id, suback->codes.size()});
  } else if (const auto* unsuback = std::get_if<Unsuback>(&packet)) {
    answered({type, unsuback->packet_id, unsuback->codes.size()});
  } else if (type == PacketType::pingresp) {
    answered({type, 0, 0});
  } else if (const auto* pubrel = std::get_if<Pubrel>(&packet)) {
    if (!open_.contains(pubrel->packet_id)) released_ = pubrel->packet_id;
  } else if (const auto* auth = std::get_if<Auth>(&packet)) {
    require(method_.has_value(), "MQTT-4.12.0-6");
    asked_to_go_on_ = auth->reason == ReasonCode::continue_authentication;
  } else if (const auto* disconnect = std::get_if<Disconnect>(&packet)) {
    ended_ = true;
    last_word_ = disconnect->reason;
    require(!disconnect->properties.has(PropertyId::session_expiry_interval), "MQTT-3.14.2-2");
  }
}

void ServerJudge::answered(const Question& answer) {
  require(!questions_.empty() && questions_.front() == answer,
          "answers fit the questions, in their order");
  questions_.pop_front();
}

void ServerJudge::judge(const Connack& packet) {
  require(connected_ || ended_ || fault_, "CONNACK without CONNECT");
  require(!accepted_, "a second CONNACK");
  accepted_ = v5() ? packet.reason == ReasonCode::success : packet.code == ConnectReturn::accepted;
  ended_ = !accepted_;
  if (!accepted_) last_word_ = packet.reason;
  require(response_information_ || !packet.properties.has(PropertyId::response_information),
          "MQTT-3.1.2-28");
}

void ServerJudge::judge(const Publish& packet) {
  if (const auto alias = packet.properties.get<PropertyId::topic_alias>()) {
    require(*alias <= alias_maximum_, "MQTT-3.1.2-26");
    require(!packet.topic.empty() || aliases_[*alias], "an alias that was never set");
    aliases_[*alias] = true;
  }
  if (packet.qos == QoS::at_most_once || early_.contains(packet.packet_id)) return;
  const auto stage = packet.qos == QoS::at_least_once ? Stage::puback : Stage::pubrec;
  require(open_.emplace(packet.packet_id, stage).second, "a packet id that is in use");
  std::size_t publishes = 0;
  for (const auto& [id, one] : open_) publishes += one == Stage::pubcomp ? 0 : 1;
  require(publishes <= std::min<std::size_t>(config_.window, receive_maximum_),
          "more in flight than the window, or the client's Receive Maximum");
}

void ServerJudge::ended_by_input() const {
  if (said_goodbye_ && !fault_) {
    require(!last_word_ || beyond_the_wire(*last_word_), "DISCONNECT needs no answer");
    return;
  }
  if (!v5() || !last_word_) {
    const bool fits = max_packet_size_ >= 3;  // 0xE0, 1 and the reason
    require(!v5() || !accepted_ || !fits, "a violation is answered by DISCONNECT");
    return;
  }
  const bool expected = fault_ && static_cast<std::uint8_t>(*last_word_) == *fault_;
  require(expected || (connected_ && beyond_the_wire(*last_word_)), "the wrong reason code");
}

Packet ServerJudge::answer(Choices& choices) const {
  if (asked_to_go_on_) {
    Auth auth{ReasonCode::continue_authentication};
    auth.properties.add(PropertyId::authentication_method, *method_);
    return auth;
  }
  if (open_.empty() || choices.one_in(4)) return Pubcomp{released_};
  auto at = open_.begin();
  std::advance(at, static_cast<std::ptrdiff_t>(choices.below(open_.size())));
  if (at->second == Stage::puback) return Puback{at->first};
  if (at->second == Stage::pubrec) return Pubrec{at->first};
  return Pubcomp{at->first};
}

}  // namespace mqttlab::fuzz
