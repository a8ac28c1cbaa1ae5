#include "tests/fuzz/client_judge.h"

namespace mqttlab::fuzz {
namespace {

// An acknowledgement with nothing in it but its id, to be compared.
template <typename T>
Packet bare(const T& packet) {
  return T{packet.packet_id};
}

}  // namespace

ClientJudge::ClientJudge(const ClientConfig& config)
    : config_(config), to_client_(config.max_packet_size) {}

void ClientJudge::heard(Bytes bytes) {
  to_client_.append(bytes);
  while (!must_end()) {
    const auto frame = to_client_.next(config_.version);
    if (!frame) {
      fault_ = frame.violation().reason;
    } else if (!*frame) {
      return;
    } else if (const auto packet = decode(**frame, Sender::server, config_.version)) {
      hear(*packet);
    } else {
      fault_ = packet.violation().reason;
    }
  }
}

void ClientJudge::hear(const Packet& packet) {
  const PacketType type = type_of(packet);
  if (type == PacketType::connack ? accepted_ : !accepted_ && type != PacketType::auth) {
    fault_ = 0x82;  // MQTT-3.2.0-1, MQTT-3.2.0-2, MQTT-3.14.0-1
  } else if (const auto* connack = std::get_if<Connack>(&packet)) {
    hear(*connack);
  } else if (const auto* publish = std::get_if<Publish>(&packet)) {
    if (publish->qos == QoS::at_least_once) owed_acks_.push_back(Puback{publish->packet_id});
    if (publish->qos == QoS::exactly_once) owed_acks_.push_back(Pubrec{publish->packet_id});
  } else if (const auto* pubrel = std::get_if<Pubrel>(&packet)) {
    owed_pubcomps_.push_back(Pubcomp{pubrel->packet_id});
  } else if (type == PacketType::disconnect) {
    refused_ = true;
  } else if (const auto* puback = std::get_if<Puback>(&packet)) {
    answered(puback->packet_id, Stage::puback);
  } else if (const auto* pubrec = std::get_if<Pubrec>(&packet)) {
    answered(pubrec->packet_id, Stage::pubrec, pubrec->reason >= ReasonCode::unspecified_error);
  } else if (const auto* pubcomp = std::get_if<Pubcomp>(&packet)) {
    answered(pubcomp->packet_id, Stage::pubcomp);
  } else if (const auto* suback = std::get_if<Suback>(&packet)) {
    answered(suback->packet_id, Stage::suback);
  } else if (const auto* unsuback = std::get_if<Unsuback>(&packet)) {
    answered(unsuback->packet_id, Stage::unsuback);
  }
}

void ClientJudge::answered(std::uint16_t packet_id, Stage stage, bool ends) {
  const auto at = open_.find(packet_id);
  if (at == open_.end()) {
    early_.insert(packet_id);
  } else if (at->second.stage == stage) {
    at->second.stage = Stage::pubcomp;
    if (ends) open_.erase(at);
  }
}

void ClientJudge::hear(const Connack& packet) {
  accepted_ = v5() ? packet.reason == ReasonCode::success : packet.code == ConnectReturn::accepted;
  if (packet.session_present && clean_start_) fault_ = 0x82;  // MQTT-3.2.2-1
  const Properties& told = packet.properties;
  max_packet_size_ = told.get<PropertyId::maximum_packet_size>().value_or(max_packet_size_);
  refused_ = !accepted_ || max_packet_size_ < 5;  // then no acknowledgement would be possible
  receive_maximum_ = told.get<PropertyId::receive_maximum>().value_or(65'535);
  alias_maximum_ = told.get<PropertyId::topic_alias_maximum>().value_or(0);
  maximum_qos_ = told.get<PropertyId::maximum_qos>().value_or(2);
  retain_available_ = told.get<PropertyId::retain_available>().value_or(1) != 0;
}

void ClientJudge::said(Bytes bytes) {
  from_client_.append(bytes);
  for (;;) {
    const auto frame = from_client_.next(config_.version);
    require(bool(frame), "the client wrote no packet");
    if (!*frame) return;
    const auto packet = decode(**frame, Sender::client, config_.version);
    if (!packet) throw Broken("the client broke " + std::string(packet.violation().statement));
    judge(*packet, (*frame)->size());
  }
}

void ClientJudge::judge(const Packet& packet, std::size_t size) {
  const PacketType type = type_of(packet);
  require(!ended_, "nothing follows DISCONNECT");
  require(connected_ == (type != PacketType::connect), "CONNECT comes first, and once");
  // A server may have answered a CONNECT that is still being read.
  require(type == PacketType::connect || size <= max_packet_size_,
          "over the server's Maximum Packet Size");
  require(accepted_ || type == PacketType::connect || type == PacketType::auth ||
              type == PacketType::disconnect,
          "the client waits for CONNACK");
  if (const auto* connect = std::get_if<Connect>(&packet)) {
    connected_ = true;
    clean_start_ = connect->clean_session;
  } else if (const auto* publish = std::get_if<Publish>(&packet)) {
    judge(*publish);
  } else if (const auto* puback = std::get_if<Puback>(&packet)) {
    acknowledged(owed_acks_, bare(*puback));
  } else if (const auto* pubrec = std::get_if<Pubrec>(&packet)) {
    acknowledged(owed_acks_, bare(*pubrec));
  } else if (const auto* pubcomp = std::get_if<Pubcomp>(&packet)) {
    acknowledged(owed_pubcomps_, bare(*pubcomp));
  } else if (const auto* pubrel = std::get_if<Pubrel>(&packet)) {
    if (!open_.contains(pubrel->packet_id)) released_ = pubrel->packet_id;
  } else if (const auto* subscribe = std::get_if<Subscribe>(&packet)) {
    opened(subscribe->packet_id, {Stage::suback, subscribe->subscriptions.size()});
  } else if (const auto* unsubscribe = std::get_if<Unsubscribe>(&packet)) {
    opened(unsubscribe->packet_id, {Stage::unsuback, unsubscribe->filters.size()});
  } else if (const auto* disconnect = std::get_if<Disconnect>(&packet)) {
    ended_ = true;
    last_word_ = disconnect->reason;
  }
}

void ClientJudge::judge(const Publish& packet) {
  if (const auto alias = packet.properties.get<PropertyId::topic_alias>()) {
    require(*alias <= alias_maximum_, "MQTT-3.2.2-17");
    require(!packet.topic.empty() || aliases_.contains(*alias), "an alias that was never set");
    aliases_.insert(*alias);
  }
  require(static_cast<std::uint32_t>(packet.qos) <= maximum_qos_, "MQTT-3.2.2-11");
  require(!packet.retain || retain_available_, "MQTT-3.2.2-14");
  if (packet.qos == QoS::at_most_once) return;
  opened(packet.packet_id, {packet.qos == QoS::at_least_once ? Stage::puback : Stage::pubrec});
  std::size_t publishes = 0;
  for (const auto& [id, open] : open_)
    publishes += open.stage == Stage::puback || open.stage == Stage::pubrec ? 1 : 0;
  require(publishes <= std::min<std::size_t>(config_.window, receive_maximum_),
          "more in flight than the window, or the server's Receive Maximum");
}

void ClientJudge::opened(std::uint16_t packet_id, Open open) {
  if (early_.contains(packet_id)) return;
  require(open_.emplace(packet_id, open).second, "a packet id that is in use");
}

void ClientJudge::acknowledged(std::deque<Packet>& owed, const Packet& packet) {
  require(!owed.empty() && owed.front() == packet, "acknowledgements fit, in their order");
  owed.pop_front();
}

void ClientJudge::complained(const Violation& violation) const {
  const bool expected = fault_ && *fault_ == violation.reason;
  require(expected || violation.reason >= 0x82, "the wrong reason code");
}

void ClientJudge::ended() const {
  if (!v5() || !fault_ || !accepted_ || max_packet_size_ < 5) return;
  require(last_word_.has_value(), "a violation is answered by DISCONNECT");
  require(static_cast<std::uint8_t>(*last_word_) == *fault_ ||
              *last_word_ >= ReasonCode::protocol_error || *last_word_ == ReasonCode::success,
          "the wrong reason code");
}

Packet ClientJudge::answer(Choices& choices) const {
  if (!accepted_) return Connack{};
  if (open_.empty() || choices.one_in(4)) return Pubcomp{released_};
  auto at = open_.begin();
  std::advance(at, static_cast<std::ptrdiff_t>(choices.below(open_.size())));
  switch (at->second.stage) {
    case Stage::puback:
      return Puback{at->first};
    case Stage::pubrec:
      return Pubrec{at->first};
    case Stage::pubcomp:
      return Pubcomp{at->first};
    case Stage::suback:
      return Suback{at->first, std::vector<std::uint8_t>(at->second.codes)};
    case Stage::unsuback:
      return Unsuback{at->first, std::vector<ReasonCode>(at->second.codes)};
  }
  return Pingresp{};
}

}  // namespace mqttlab::fuzz
