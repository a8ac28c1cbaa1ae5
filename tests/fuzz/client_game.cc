#include "tests/fuzz/client_game.h"

#include <array>

#include "tests/fuzz/packets.h"

namespace mqttlab::fuzz {
namespace {

constexpr std::size_t most_message = 4'096;  // bytes that the application publishes, and copies

void draw_config_5(Choices& choices, ClientConfig& config) {
  config.session_expiry_s =
      choices.one_of<std::optional<std::uint32_t>>({std::nullopt, 0, 1, 0xFFFFFFFF});
  config.receive_maximum = choices.one_of<std::uint16_t>({65'535, 1, 3});
  config.topic_alias_maximum = choices.one_of<std::uint16_t>({2, 0});
  config.send_topic_alias_maximum = choices.one_of<std::uint16_t>({2, 0});
}

}  // namespace

ClientGame::ClientGame(Choices choices)
    : choices_(choices), client_(draw_config(choices_), 1, nullptr, 0) {}

ClientConfig ClientGame::draw_config(Choices& choices) {
  ClientConfig config;
  config.client_id = "c";
  config.version = choices.one_of({newest, ProtocolVersion::v3_1_1, ProtocolVersion::v3_1});
  config.clean_session = choices.one_in(2);
  config.keep_alive_s = choices.one_of<std::uint16_t>({0, 1, 10});
  config.ping_timeout = 2 * second;
  config.connect_timeout = 3 * second;
  config.backoff = {.initial = 100 * millisecond, .maximum = 1 * second, .stable = 1 * second};
  config.window = choices.one_of<std::uint16_t>({1, 3});
  config.queue_messages = choices.one_of<std::size_t>({2, 8});
  config.queue_bytes = choices.one_of<std::size_t>({4'096, 100});
  config.inbox_messages = choices.one_of<std::size_t>({2, 20});
  config.inbox_bytes = choices.one_of<std::size_t>({4'096, 100});
  config.outbox_bytes = choices.one_of<std::size_t>({4'096, 64});
  config.max_packet_size = choices.one_of({4'096U, 64U});
  if (config.version == ProtocolVersion::v5_0) draw_config_5(choices, config);
  if (choices.one_in(3)) {
    config.will =
        Will{Slice::copy_of(std::string_view("w")), draw_payload(choices), draw_qos(choices), true};
  }
  return config;
}

// A packet that is kept may hold on to the block it arrived in, which is twice its size.
std::size_t ClientGame::most_memory() const {
  const ClientConfig& config = client_.config();
  const std::size_t packet = 2 * config.max_packet_size + small;
  return 3 * config.outbox_bytes + 4 * packet + most_backlog + config.window * most_message +
         config.queue_bytes + config.queue_messages * most_message +
         config.inbox_messages * (packet + small) + 64 * small;
}

void ClientGame::play() {
  client_.start(now_);
  host();
  while (!choices_.empty()) {
    move();
    host();
  }
  reading_ = taking_ = true;
  client_.stop(now_);
  host();
  if (judge_) close(CloseCause::fin);
  host();
  require(!client_.wants_link(), "a client that is stopped wants no link");
  require(client_.in_flight() <= client_.config().window, "more in flight than the window");
}

void ClientGame::move() {
  switch (choices_.below(16)) {
    case 15:
      return wait(choices_.one_of({100 * millisecond, 2 * second, 20 * second}));
    case 14:
      (void)client_.stop(now_, std::get<Disconnect>(draw_packet(choices_, PacketType::disconnect,
                                                                Sender::client, newest)));
      return;
    case 13:
      return client_.start(now_);
    case 12:
      reading_ = !reading_;
      return;
    case 11:
      taking_ = !taking_;
      return;
    case 10:
      if (judge_) close(choices_.one_of({CloseCause::fin, CloseCause::reset, CloseCause::timeout}));
      return;
    case 9:
    case 8:
    case 7:
    case 6:
      return call();
    default:
      return write();
  }
}

void ClientGame::call() {
  switch (choices_.below(6)) {
    case 0:
      return called(
          client_.subscribe({{Slice::copy_of(draw_filter(choices_)), draw_qos(choices_)}}, now_));
    case 1:
      return called(client_.unsubscribe({Slice::copy_of(draw_filter(choices_))}, now_));
    default:
      return called(client_.publish(Slice::copy_of(draw_topic(choices_)), draw_payload(choices_),
                                    draw_qos(choices_), choices_.one_in(2), now_,
                                    draw_publish_properties()));
  }
}

Properties ClientGame::draw_publish_properties() {
  if (client_.config().version != ProtocolVersion::v5_0) return {};
  return draw_properties(choices_, place_of(PacketType::publish), Sender::client)
      .remove(PropertyId::topic_alias);
}

void ClientGame::called(const std::variant<Token, Misuse>& answer) {
  if (const Token* token = std::get_if<Token>(&answer))
    require(*token != 0 && open_.insert(*token).second, "a token names one call");
}

void ClientGame::write() {
  if (!judge_ || backlog_.size() > most_backlog) return;
  const ProtocolVersion version = client_.config().version;
  std::vector<std::uint8_t> bytes;
  if (const auto dice = choices_.below(64); dice == 63) {
    const Bytes noise = choices_.bytes(1 + choices_.below(16));
    bytes.assign(noise.begin(), noise.end());
  } else if (dice >= 30) {
    bytes = bytes_of(judge_->answer(choices_), version);
  } else {
    const PacketType type = choices_.one_of({PacketType::publish, PacketType::pubrel});
    bytes = bytes_of(dice == 29 ? draw_packet(choices_, Sender::server, version)
                                : draw_packet(choices_, type, Sender::server, version),
                     version);
    if (dice == 28) mangle(choices_, bytes);
  }
  backlog_.insert(backlog_.end(), bytes.begin(), bytes.end());
}

void ClientGame::feed() {
  while (judge_ && !backlog_.empty()) {
    const auto room = client_.link()->space();
    if (room.empty()) return;
    std::size_t n = std::min(room.size(), backlog_.size());
    if (choices_.one_in(4)) n = 1 + choices_.below(n);
    std::copy_n(backlog_.begin(), n, room.begin());
    const bool read = !client_.link()->finished();
    if (read) judge_->heard(room.first(n));
    client_.link()->received(n, now_);
    backlog_.erase(backlog_.begin(), backlog_.begin() + static_cast<std::ptrdiff_t>(n));
    if (read) after_input();
  }
}

// A link whose application is slow, or whose outbox is full, has not read everything.
void ClientGame::after_input() {
  if (client_.link()->finished()) {
    read();
    judge_->ended();
  } else if (!client_.link()->space().empty()) {
    require(!judge_->must_end(), "a violation, or a refusal, ends the link");
  }
}

void ClientGame::read() {
  std::array<Bytes, 4> pieces;
  while (const std::size_t n = client_.link()->pending(pieces)) {
    std::vector<std::uint8_t> taken;
    for (std::size_t i = 0; i < n; ++i)
      taken.insert(taken.end(), pieces[i].begin(), pieces[i].end());
    if (choices_.one_in(4)) taken.resize(1 + choices_.below(taken.size()));
    judge_->said(taken);
    client_.link()->sent(taken.size(), now_);
  }
  if (!client_.link()->space().empty()) judge_->caught_up();
}

void ClientGame::host() {
  if (judge_ && reading_) read();
  feed();
  if (taking_) take_events();
  if (judge_ && reading_) read();
  if (judge_ && client_.link()->finished()) {
    std::array<Bytes, 1> piece;
    if (client_.link()->pending(piece) == 0) close(CloseCause::local);
  }
  if (client_.wants_link()) {
    client_.dialing(now_);
    dialing_ = true;
  }
  if (dialing_ && !choices_.one_in(8)) {
    dialing_ = false;
    if (choices_.one_in(8)) return client_.dial_failed(CloseCause::reset, now_);
    client_.dialed(now_);
    judge_.emplace(client_.config());
    current_ = !client_.has_events();
    backlog_.clear();
    if (reading_) read();
  }
  const ClientConfig& config = client_.config();
  require(client_.in_flight() <= config.window, "more in flight than the window");
  // What a server has forgotten waits again, beside what has been accepted since.
  require(client_.queued() <= config.queue_messages + config.window, "the queue is over its limit");
}

void ClientGame::take_events() {
  while (client_.has_events()) {
    const auto event = client_.poll(now_);
    require(event.has_value(), "has_events() is true");
    taken(*event);
  }
}

void ClientGame::taken(const ClientEvent& event) {
  if (const auto* completed = std::get_if<Completed>(&event)) {
    require(open_.erase(completed->token) == 1, "a call completes once");
  } else if (const auto* ended = std::get_if<Disconnected>(&event)) {
    require(!ended->violation || ended->violation->reason >= 0x80, "a reason code");
    if (ended->violation && judge_ && current_) judge_->complained(*ended->violation);
  }
}

void ClientGame::close(CloseCause cause) {
  client_.link()->closed(cause, now_);
  require(client_.link() == nullptr, "a link that is closed is gone");
  judge_.reset();
}

void ClientGame::wait(Time duration) {
  const Time until = now_ + duration;
  while (client_.deadline() <= until) {
    const Time due = client_.deadline();
    now_ = std::max(now_, due);
    client_.advance(now_);
    require(client_.deadline() > due || client_.wants_link(), "timers that are due do not go away");
    host();
  }
  now_ = until;
}

}  // namespace mqttlab::fuzz
