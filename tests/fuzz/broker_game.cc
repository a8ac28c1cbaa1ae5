#include "tests/fuzz/broker_game.h"

#include <array>

#include "protocol/broker/sys_topics.h"
#include "tests/fuzz/packets.h"

namespace mqttlab::fuzz {
namespace {

constexpr std::size_t most_lines = 5, sys_topics = SysTopics::topics;

std::size_t pending_bytes(const Peer& peer) {
  std::array<Bytes, 256> pieces;
  const std::size_t n = peer.pending(pieces);
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < n; ++i) bytes += pieces[i].size();
  return bytes;
}

}  // namespace

BrokerGame::BrokerGame(Choices choices)
    : choices_(choices),
      config_(draw_config(choices_)),
      broker_(config_, 1, choices_.one_in(3) ? nullptr : this, nullptr, 0) {}

BrokerConfig BrokerGame::draw_config(Choices& choices) {
  BrokerConfig config;
  config.max_connections = choices.one_of({most_lines, most_lines - 2});
  config.max_packet_size = choices.one_of({4'096U, 64U});
  config.connect_timeout = 5 * second;
  config.window = choices.one_of<std::uint16_t>({1, 3});
  config.receive_window = choices.one_of<std::uint16_t>({1, 3});
  config.queue_messages = choices.one_of<std::size_t>({2, 8});
  config.queue_bytes = choices.one_of<std::size_t>({4'096, 100});
  config.queue_qos0 = choices.one_in(2);
  config.outbox_bytes = choices.one_of<std::size_t>({4'096, 64});
  config.max_retained = 2;
  config.max_subscriptions = 4;
  config.max_filter_levels = 4;
  config.max_sessions = 3;
  config.server_keep_alive_s =
      choices.one_of<std::optional<std::uint16_t>>({std::nullopt, std::nullopt, 2});
  config.max_session_expiry_s = choices.one_of<std::optional<std::uint32_t>>({std::nullopt, 1});
  config.topic_alias_maximum = choices.one_of<std::uint16_t>({2, 0});
  config.send_topic_alias_maximum = choices.one_of<std::uint16_t>({2, 0});
  config.maximum_qos = choices.one_of({QoS::exactly_once, QoS::exactly_once, QoS::at_least_once});
  config.retain_available = !choices.one_in(4);
  config.wildcard_available = !choices.one_in(4);
  config.shared_available = !choices.one_in(4);
  config.identifiers_available = !choices.one_in(4);
  config.reason_strings = !choices.one_in(4);
  if (choices.one_in(2)) config.response_information = "r";
  if (choices.one_in(32)) config.redirect = ReasonCode::server_moved;
  config.sys_interval = choices.one_of<Time>({0, 1 * second});
  return config;
}

// A packet that is kept may hold on to the block it arrived in, which is twice its size.
std::size_t BrokerGame::most_memory() const {
  const std::size_t packet = 2 * config_.max_packet_size + small;
  const std::size_t link = 3 * config_.outbox_bytes + 4 * packet + most_backlog;
  const std::size_t session = config_.queue_bytes + config_.queue_messages * small +
                              (config_.window + config_.max_retained) * packet +
                              config_.max_subscriptions * small;
  return most_lines * link + config_.max_sessions * session +
         (config_.max_retained + sys_topics) * packet + 64 * small;
}

Decision BrokerGame::draw_decision() {
  const std::size_t dice = choices_.below(16);
  if (dice == 15) return Verdict::denied;
  if (dice == 14)
    return {Verdict::denied, choices_.one_of({ReasonCode::quota_exceeded, ReasonCode::banned,
                                              ReasonCode::topic_name_invalid})};
  if (dice == 13) return Verdict::more;
  Decision decision = Verdict::granted;
  if (dice == 12) decision.valid_until = now_ + 1 * second;
  if (dice == 11) decision.user_name = "u";
  return decision;
}

Decision BrokerGame::ask(const AccessRequest& request) {
  if (!choices_.one_in(8)) return draw_decision();
  waiting_.push_back(request.request);
  return Verdict::later;
}

void BrokerGame::play() {
  while (!choices_.empty()) {
    move();
    host();
  }
  wait(1 * second);
  audit();
  while (!lines_.empty()) close(0, CloseCause::reset);
  require(broker_.gauges().connections == 0, "connections outlive their links");
  require(broker_.touched().empty(), "links that are gone have nothing new");
}

void BrokerGame::move() {
  const std::size_t dice = choices_.below(16);
  if (dice == 15 || lines_.empty()) return open();
  if (dice == 14)
    return wait(choices_.one_of({1 * millisecond, 100 * millisecond, 1 * second, 20 * second}));
  if (dice == 13) return decide();
  if (dice == 12) return choices_.one_in(2) ? administer() : audit();
  const std::size_t index = choices_.below(lines_.size());
  Line& line = *lines_[index];
  if (dice == 11) {
    line.reading = choices_.one_in(2);
  } else if (dice == 10) {
    read(line, 1 + choices_.below(100));
  } else if (dice == 9 && choices_.one_in(4)) {
    close(index, choices_.one_of({CloseCause::fin, CloseCause::reset, CloseCause::timeout}));
  } else {
    write(line);
  }
}

void BrokerGame::open() {
  if (lines_.size() == most_lines) return;
  const LinkId id = next_link_++;
  Peer& peer = broker_.accept(id, now_);
  lines_.push_back(std::make_unique<Line>(Line{id, &peer, ServerJudge(config_)}));
  if (!choices_.one_in(8)) {
    const auto version =
        choices_.one_of({newest, newest, ProtocolVersion::v3_1_1, ProtocolVersion::v3_1});
    lines_.back()->backlog =
        bytes_of(draw_packet(choices_, PacketType::connect, Sender::client, version), version);
  }
}

void BrokerGame::write(Line& line) {
  if (line.backlog.size() > most_backlog) return;
  const ProtocolVersion version = line.judge.version();
  std::vector<std::uint8_t> bytes;
  if (const auto dice = choices_.below(64); dice == 63) {
    const Bytes noise = choices_.bytes(1 + choices_.below(16));
    bytes.assign(noise.begin(), noise.end());
  } else if (dice >= 40) {
    bytes = bytes_of(line.judge.answer(choices_), version);
  } else {
    // What peers mostly do is drawn more often than what ends a link.
    const PacketType type =
        choices_.one_of({PacketType::publish, PacketType::subscribe, PacketType::publish,
                         PacketType::pubrel, PacketType::unsubscribe, PacketType::pingreq});
    bytes = bytes_of(dice == 39 ? draw_packet(choices_, Sender::client, version)
                                : draw_packet(choices_, type, Sender::client, version),
                     version);
    if (dice == 38) mangle(choices_, bytes);
  }
  line.backlog.insert(line.backlog.end(), bytes.begin(), bytes.end());
}

void BrokerGame::feed(Line& line) {
  while (!line.backlog.empty() && !line.peer->finished()) {
    const auto room = line.peer->space();
    if (room.empty()) return;
    std::size_t n = std::min(room.size(), line.backlog.size());
    if (choices_.one_in(4)) n = 1 + choices_.below(n);
    std::copy_n(line.backlog.begin(), n, room.begin());
    line.judge.heard(room.first(n));
    line.peer->received(n, now_);
    line.backlog.erase(line.backlog.begin(), line.backlog.begin() + static_cast<std::ptrdiff_t>(n));
    after_input(line);
  }
}

// A link that waits for a verdict or for room has not read everything; one that reads has.
void BrokerGame::after_input(Line& line) {
  if (line.ended) return;
  if (line.peer->finished()) {
    line.ended = true;
    read(line, max_remaining_length);
    line.judge.ended_by_input();
  } else if (!line.peer->space().empty()) {
    require(!line.judge.must_end(), "a violation, or DISCONNECT, ends the link");
  }
}

void BrokerGame::read(Line& line, std::size_t bytes) {
  require(pending_bytes(*line.peer) <= 4 * (config_.outbox_bytes + config_.max_packet_size),
          "an outbox over its limit");
  std::array<Bytes, 4> pieces;
  while (const std::size_t n = bytes == 0 ? 0 : line.peer->pending(pieces)) {
    std::vector<std::uint8_t> taken;
    for (std::size_t i = 0; i < n; ++i) {
      const Bytes part = pieces[i].first(std::min(pieces[i].size(), bytes));
      taken.insert(taken.end(), part.begin(), part.end());
      bytes -= part.size();
    }
    line.judge.said(taken);
    line.peer->sent(taken.size(), now_);
    after_input(line);
  }
  if (pending_bytes(*line.peer) == 0 && !line.peer->space().empty()) line.judge.caught_up();
}

void BrokerGame::host() {
  for (auto touched = broker_.touched(); !touched.empty(); touched = broker_.touched()) {
    for (const LinkId id : touched) {
      const auto has_id = [&](const auto& line) { return line->id == id; };
      require(std::any_of(lines_.begin(), lines_.end(), has_id), "a link that is gone was touched");
    }
    // Here and below: by index, for whatever happens on one link may make others speak.
    for (std::size_t i = 0; i < lines_.size(); ++i)
      if (lines_[i]->reading) read(*lines_[i], max_remaining_length);
  }
  for (std::size_t i = 0; i < lines_.size(); ++i) feed(*lines_[i]);
  for (std::size_t i = lines_.size(); i > 0; --i) {
    Line& line = *lines_[i - 1];
    if (line.peer->finished() && pending_bytes(*line.peer) == 0) close(i - 1, CloseCause::local);
  }
}

void BrokerGame::close(std::size_t index, CloseCause cause) {
  lines_[index]->peer->closed(cause, now_);
  broker_.release(lines_[index]->id);
  lines_.erase(lines_.begin() + static_cast<std::ptrdiff_t>(index));
}

void BrokerGame::wait(Time duration) {
  const Time until = now_ + duration;
  while (broker_.deadline() <= until) {
    now_ = std::max(now_, broker_.deadline());
    broker_.advance(now_);
    require(broker_.deadline() > now_, "timers that are due do not go away");
    host();
  }
  now_ = until;
}

void BrokerGame::decide() {
  if (waiting_.empty()) return;
  const std::size_t index = choices_.below(waiting_.size());
  const RequestId request = waiting_[index];
  waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(index));
  broker_.decide(request, draw_decision(), now_);
}

void BrokerGame::administer() {
  const ReasonCode reason =
      choices_.one_of({ReasonCode::administrative_action, ReasonCode::server_busy});
  if (choices_.one_in(4)) (void)broker_.disconnect(draw_client_id(choices_), reason, now_);
  if (choices_.one_in(64)) broker_.shut_down(now_);
}

void BrokerGame::audit() {
  std::size_t connections = 0;
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    read(*lines_[i], max_remaining_length);
    connections += lines_[i]->judge.accepted() && !lines_[i]->peer->finished();
  }
  const BrokerGauges gauges = broker_.gauges();
  require(gauges.connections == connections, "the gauge of connections");
  require(gauges.sessions <= config_.max_sessions, "sessions over their limit");
  require(gauges.sessions >= gauges.connections, "a connection has a session");
  const std::size_t own = config_.sys_interval > 0 ? sys_topics : 0;  // beyond the limit
  require(gauges.retained <= config_.max_retained + own, "retained messages over their limit");
  require(gauges.subscriptions <= gauges.sessions * config_.max_subscriptions,
          "subscriptions over their limit");
  require(gauges.in_flight <= gauges.sessions * config_.window, "more in flight than the windows");
  // Beside what waits, one whole retained store may be owed to each session.
  require(
      gauges.queued_messages <= gauges.sessions * (config_.queue_messages + config_.max_retained),
      "queues over their limit");
}

}  // namespace mqttlab::fuzz
