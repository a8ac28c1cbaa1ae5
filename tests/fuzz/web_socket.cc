// One end of a WebSocket against arbitrary frames and noise.
//
// Input: choices. The end's inner Peer reads and writes as they say. Checked: the inner Peer gets
// what plain reading of the frames gives, and is told once that it is over; whatever is written are
// whole frames that carry what it said, and nothing follows Close; buffers are bounded.
#include <array>
#include <memory>
#include <optional>
#include <string>

#include "protocol/session/octets.h"
#include "protocol/transport/http_upgrade.h"
#include "protocol/transport/web_socket_client_filter.h"
#include "protocol/transport/web_socket_server_filter.h"
#include "tests/fuzz/choices.h"
#include "tests/fuzz/target.h"

namespace mqttlab::fuzz {
namespace {

class Inner final : public Peer {
 public:
  std::string heard, to_say;
  std::size_t said = 0, room = 64;
  bool done = false, over = false;

  std::span<std::uint8_t> space() override { return std::span(buffer_).first(live(room)); }
  void received(std::size_t n, Time) override { heard += text_of(Bytes(buffer_).first(live(n))); }
  std::size_t pending(std::span<Bytes> pieces) const override {
    const Bytes rest = bytes_of(to_say).subspan(live(said));
    if (rest.empty() || pieces.empty()) return 0;
    pieces[0] = rest.first((rest.size() + 1) / 2);
    if (rest.size() == 1 || pieces.size() == 1) return 1;
    pieces[1] = rest.subspan(pieces[0].size());
    return 2;
  }
  void sent(std::size_t n, Time) override {
    said += live(n);
    require(said <= to_say.size(), "no more is taken than was there");
  }
  void closed(CloseCause, Time) override { over = live(true); }
  void advance(Time) override { (void)live(0); }
  Time deadline() const override { return live(never); }
  bool finished() const override { return live(done); }

 private:
  template <typename T>
  T live(T value) const {
    require(!over, "nothing is asked of an inner Peer that is over");
    return value;
  }
  std::array<std::uint8_t, 8'192> buffer_;
};

constexpr std::size_t most_message = 5'000;

/// Plain reading of a stream of frames: what they carry, and how they end it.
struct Reading {
  std::string content;
  std::optional<unsigned> closes;  // with this status; 0: as the other end's Close says
  std::size_t frames = 0;
};

class Reader {
 public:
  Reader(std::string_view stream, bool masked, std::uint64_t most_message)
      : left_(stream), masked_(masked), most_message_(most_message) {}
  Reading read() {
    while (!reading_.closes && frame()) ++reading_.frames;
    return reading_;
  }
  [[nodiscard]] std::string_view left() const { return left_; }

 private:
  bool frame() {
    if (left_.size() < 2) return false;
    const unsigned first = byte(0), opcode = first & 15;
    const bool fin = first >> 7, control = opcode >= 8, mask = byte(1) >> 7;
    std::uint64_t size = byte(1) & 127;
    if (control && (size > 125 || !fin)) return close(1002);
    const std::size_t extended = size < 126 ? 0 : size == 126 ? 2 : 8;
    if (left_.size() < 2 + extended) return false;
    if (extended > 0) size = 0;
    for (std::size_t i = 0; i < extended; ++i) size = size << 8 | byte(2 + i);
    if ((extended == 2 && size < 126) || (extended == 8 && (size < 65'536 || size >> 63)))
      return close(1002);
    const std::size_t header = 2 + extended + (mask ? 4 : 0);
    // The payload shows that the header is whole.
    if (left_.size() < header + (size > 0 ? 1 : 0)) return false;
    if (mask != masked_ || (first & 0x70) != 0) return close(1002);
    if (opcode == 1) return close(1003);
    if ((opcode > 2 && opcode < 8) || opcode > 10) return close(1002);
    if (!control && in_message_ != (opcode == 0)) return close(1002);
    if (opcode == 2) message_ = 0;
    if (!control && size > most_message_ - message_) return close(1009);
    std::string payload(left_.substr(header, size));
    for (std::size_t i = 0; mask && i < payload.size(); ++i)
      payload[i] ^= left_[header - 4 + i % 4];
    if (!control) {
      message_ += size;
      reading_.content += payload;
      in_message_ = !fin || payload.size() < size;
    }
    if (payload.size() < size) return false;
    left_.remove_prefix(header + size);
    return opcode == 8 ? close(status_of(payload)) : true;
  }
  static unsigned status_of(std::string_view payload) {
    if (payload.empty()) return 0;
    if (payload.size() == 1) return 1002;
    const unsigned status =
        static_cast<std::uint8_t>(payload[0]) * 256U + static_cast<std::uint8_t>(payload[1]);
    const bool known = (status >= 1000 && status <= 1003) || (status >= 1007 && status <= 1014) ||
                       (status >= 3000 && status <= 4999);
    return known ? status : 1002;
  }
  bool close(unsigned status) {
    reading_.closes = status;
    return false;
  }
  [[nodiscard]] unsigned byte(std::size_t i) const { return static_cast<std::uint8_t>(left_[i]); }

  std::string_view left_;
  bool masked_;
  std::uint64_t most_message_;
  bool in_message_ = false;
  std::uint64_t message_ = 0;
  Reading reading_;
};

class Game {
 public:
  explicit Game(Choices choices) : choices_(choices), server_(choices_.byte() % 2 == 0) {
    server_settings_.max_message_bytes = client_settings_.max_message_bytes = most_message;
    client_settings_.host = "broker";
    const Establish carry = [this](const Introduction&, Time) { return &inner_; };
    if (server_) {
      filter_ = std::make_unique<WebSocketServerFilter>(server_settings_, carry, 0);
    } else {
      filter_ =
          std::make_unique<WebSocketClientFilter>(client_settings_, Random(1, "fuzz"), carry, 0);
    }
  }

  void play() {
    arriving_ = choices_.one_in(8) ? noise() : opening();
    for (int moves = 0; moves < 300 && !choices_.empty(); ++moves) move();
    inner_.room = 4'096;
    for (std::size_t before = arriving_.size() + 1; arriving_.size() < before;) {
      before = arriving_.size();
      filter_->advance(now_);
      deliver(1 << 20);
    }
    require(arriving_.empty(), "with room, all is read");
    write(1 << 20);
    judge();
    const bool carried = filter_->is_established();
    filter_->closed(CloseCause::fin, now_);
    require(inner_.over == carried, "the inner Peer learns that it is over");
    require(carried || !filter_->failure().empty(), "who carried nobody says why");
  }

 private:
  void move() {
    switch (choices_.below(8)) {
      case 0:
        arriving_ += noise();
        break;
      case 1:
      case 2:
        arriving_ += frame();
        break;
      case 3:
        inner_.room = choices_.below(3) * choices_.below(100);
        break;
      case 4:
        for (std::size_t n = inner_.done ? 0 : choices_.below(20'000); n > 0; --n)
          inner_.to_say += static_cast<char>(inner_.to_say.size() % 251);
        break;
      case 5:
        inner_.done = choices_.one_in(16) || inner_.done;
        break;
      case 6:
        write(choices_.below(2'000));
        break;
      default:
        deliver(1 + choices_.below(400));
    }
    if (choices_.one_in(4)) filter_->advance(now_);
    bounded();
  }

  std::string opening() {
    if (server_) {
      return "GET /mqtt HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Protocol: mqtt\r\n\r\n";
    }
    write(1 << 20);
    const auto key = written_.substr(written_.find("Key: ") + 5, 24);
    return "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: " +
           accept_of(key) + "\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
  }
  std::string noise() { return std::string(text_of(choices_.bytes(choices_.below(64)))); }
  std::string frame() {
    const std::uint8_t first = choices_.one_of<std::uint8_t>(
        {0x82, 0x02, 0x00, 0x80, 0x89, 0x8a, 0x82, 0x80, 0x88, choices_.byte()});
    const std::size_t size = choices_.one_of<std::size_t>(
        {choices_.below(20), 0, 125, 126, 300, 4'096, choices_.below(6'000)});
    std::string out(1, static_cast<char>(first));
    const char mask = server_ ? '\x80' : '\0';
    if (size < 126) {
      out += static_cast<char>(mask | static_cast<char>(size));
    } else {
      out += static_cast<char>(mask | 126);
      out += static_cast<char>(size >> 8);
      out += static_cast<char>(size & 255);
    }
    if (server_) out += "\1\2\3\4";
    std::string payload(size, 'p');
    const Bytes head = choices_.bytes(std::min<std::size_t>(size, 4));
    std::copy(head.begin(), head.end(), payload.begin());
    return out + payload;
  }

  void deliver(std::size_t most) {
    while (most > 0 && !arriving_.empty()) {
      const auto room = filter_->space();
      if (room.empty()) return;
      const std::size_t n = std::min({room.size(), arriving_.size(), most});
      std::copy_n(arriving_.begin(), n, room.begin());
      taken_ += arriving_.substr(0, n);
      arriving_.erase(0, n);
      most -= n;
      filter_->received(n, now_);
      bounded();
    }
  }
  void write(std::size_t most) {
    for (std::size_t size = 1; size > 0; most -= size) {
      std::array<Bytes, 3> pieces;
      size = 0;
      for (std::size_t i = 0, count = filter_->pending(pieces); i < count; ++i) {
        const Bytes piece = pieces[i].first(std::min(pieces[i].size(), most - size));
        require(!pieces[i].empty(), "a piece is not empty");
        written_ += text_of(piece);
        size += piece.size();
      }
      if (size > 0) filter_->sent(size, now_);
    }
  }
  void bounded() {
    std::array<Bytes, 8> pieces;
    std::size_t size = 0;
    for (std::size_t i = 0, count = filter_->pending(pieces); i < count; ++i)
      size += pieces[i].size();
    require(size <= WebSocketFilter::frame_bytes + 2'048, "what waits is bounded");
  }

  void judge() {
    if (!filter_->is_established()) {
      require(inner_.heard.empty() && inner_.said == 0, "nothing is carried before the upgrade");
      return;
    }
    const Reading in = Reader(behind_head(taken_), server_, most_message).read();
    Reader written(behind_head(written_), !server_, 1 << 20);
    const Reading out = written.read();
    require(written.left().empty(), "whole frames are written, and nothing follows Close");
    require(out.content == inner_.to_say.substr(0, inner_.said), "frames carry what was said");
    if (!filter_->finished() && !out.closes) {
      require(inner_.heard == in.content, "what was sent arrives");
      require(!in.closes, "what ends a connection ends it");
    } else if (inner_.done) {  // either end may have been the first
      require(in.content.starts_with(inner_.heard), "what arrives was sent");
    } else {
      require(inner_.heard == in.content, "what was sent before the end arrives");
      require(out.closes && out.closes == in.closes, "Close says why, or answers");
    }
  }
  static std::string_view behind_head(std::string_view bytes) {
    const auto end = bytes.find("\r\n\r\n");
    return end == bytes.npos ? std::string_view() : bytes.substr(end + 4);
  }

  Choices choices_;
  bool server_;
  WebSocketServerSettings server_settings_;
  WebSocketClientSettings client_settings_;
  Inner inner_;
  std::unique_ptr<WebSocketFilter> filter_;
  std::string arriving_, taken_, written_;
  Time now_ = 0;
};

}  // namespace
}  // namespace mqttlab::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mqttlab::fuzz;
  return run_target([&] { Game(Choices({data, size})).play(); });
}
