#include "protocol/transport/web_socket_filter.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "protocol/session/octets.h"

namespace mqttlab {

// Status codes of Close (RFC 6455, 7.4.1).
enum class WebSocketFilter::Status : std::uint16_t {
  normal = 1000,
  going_away = 1001,
  protocol_error = 1002,
  unsupported_data = 1003,
  message_too_big = 1009,
};

namespace {

Time after(Time now, Time interval) { return interval == never ? never : now + interval; }

// Who reads a resource slower than this, on the whole, does not get all of it.
constexpr std::size_t resource_bytes_per_s = 16 << 10;

// A code that may stand in a Close frame (RFC 6455, 7.4).
bool is_status(unsigned code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
         (code >= 3000 && code <= 4999);
}

}  // namespace

WebSocketFilter::WebSocketFilter(const WebSocketSettings& settings, Establish establish,
                                 Random* masks, Time now)
    : settings_(settings),
      establish_(std::move(establish)),
      reader_(std::make_unique<HttpHeadReader>(masks ? HttpHeadReader::Kind::response
                                                     : HttpHeadReader::Kind::request)),
      is_client_(masks != nullptr),
      frames_(masks),
      give_up_at_(after(now, settings.open_timeout)) {}

// Arriving -----------------------------------------------------------------------------------

// Once all is said, what comes is thrown away: closing a socket with unread bytes would reset it,
// and the reset could overtake what this end said last.
std::span<std::uint8_t> WebSocketFilter::space() {
  if (!payload_.empty()) return {};
  if (!input_) input_ = std::make_unique_for_overwrite<std::uint8_t[]>(input_bytes);
  return {input_.get(), input_bytes};
}

void WebSocketFilter::received(std::size_t n, Time now) {
  assert(input_ && n <= input_bytes);
  begin_ = 0;
  end_ = n;
  heard(now);
  pump(now);
}

void WebSocketFilter::pump(Time now) {
  do {
    read(now);
  } while (write_on(now));
  if (begin_ < end_ || !payload_.empty()) return;
  begin_ = end_ = 0;
  input_.reset();
  frames_.rest();
}

void WebSocketFilter::read(Time now) {
  Bytes input(input_.get() + begin_, end_ - begin_);
  if (phase_ == Phase::opening) read_head(input, now);
  while (phase_ == Phase::open || phase_ == Phase::closing) {
    if (!deliver(now)) break;
    WebSocketFrames::Part part;
    const auto got = frames_.next(input, part);
    if (got == WebSocketFrames::Read::incomplete) break;
    if (got == WebSocketFrames::Read::malformed) {
      fail(Status::protocol_error, "a frame that is malformed", now);
    } else {
      take(part, now);
    }
  }
  if (phase_ == Phase::ended) input = {};
  begin_ = end_ - input.size();
}

void WebSocketFilter::read_head(Bytes& input, Time now) {
  const auto state = reader_->read(input);
  if (state == HttpHeadReader::State::incomplete) return;
  opened(*reader_, state, now);
  reader_.reset();
}

// False while the inner Peer has no room.
bool WebSocketFilter::deliver(Time now) {
  while (!payload_.empty()) {
    const auto room = inner_->space();
    if (room.empty()) return false;
    const std::size_t size = std::min(room.size(), payload_.size());
    std::copy_n(payload_.begin(), size, room.begin());
    payload_ = payload_.subspan(size);
    inner_->received(size, now);
  }
  return true;
}

void WebSocketFilter::take(const WebSocketFrames::Part& part, Time now) {
  if (part.first && !admit(part, now)) return;
  const auto opcode = static_cast<Opcode>(part.opcode);
  if (opcode >= Opcode::close) {
    control_.insert(control_.end(), part.data.begin(), part.data.end());
    if (part.last) take_control(opcode, now);
    return;
  }
  // The inner Peer sees a stream, however packets lie in frames (MQTT-6.0.0-2).
  if (phase_ == Phase::open) payload_ = part.data;
  if (part.last && part.fin) in_message_ = false;
}

// Judges a frame by its header.
bool WebSocketFilter::admit(const WebSocketFrames::Part& part, Time now) {
  const auto refuse = [&](Status status, std::string what) {
    fail(status, std::move(what), now);
    return false;
  };
  if (part.masked == is_client_) {
    return refuse(Status::protocol_error, is_client_ ? "a masked frame" : "a frame without a mask");
  }
  if (part.reserved_bits) return refuse(Status::protocol_error, "a frame with reserved bits");
  const auto opcode = static_cast<Opcode>(part.opcode);
  if (opcode == Opcode::text)  // MQTT-6.0.0-1
    return refuse(Status::unsupported_data, "a text frame: MQTT travels in binary frames");
  switch (opcode) {
    case Opcode::close:
    case Opcode::ping:
    case Opcode::pong:
      return true;
    case Opcode::binary:
      if (in_message_) return refuse(Status::protocol_error, "a message within a message");
      message_bytes_ = 0;
      in_message_ = true;
      break;
    case Opcode::continuation:
      if (!in_message_) return refuse(Status::protocol_error, "a continuation of no message");
      break;
    default:
      return refuse(Status::protocol_error,
                    "a frame of unknown opcode " + std::to_string(part.opcode));
  }
  if (part.payload_bytes > settings_.max_message_bytes - message_bytes_) {
    return refuse(Status::message_too_big,
                  "a message over " + std::to_string(settings_.max_message_bytes) + " bytes");
  }
  message_bytes_ += part.payload_bytes;
  return true;
}

void WebSocketFilter::take_control(Opcode opcode, Time now) {
  if (opcode == Opcode::close) {
    take_close(now);
  } else if (opcode == Opcode::ping) {
    pong_due_ = true;
    pong_.swap(control_);
  }
  control_.clear();
}

// A server closes the connection once Close has gone both ways; a client leaves that to it.
void WebSocketFilter::take_close(Time now) {
  if (phase_ == Phase::open) {
    const std::size_t size = control_.size();
    if (size == 1 || (size > 1 && !is_status(control_[0] * 256U + control_[1])))
      return fail(Status::protocol_error, "a Close frame with no valid status", now);
    control_.resize(std::min<std::size_t>(size, 2));
    shut(control_, CloseCause::fin, now);
  }
  if (!is_client_) phase_ = Phase::ended;
}

// Leaving ------------------------------------------------------------------------------------

std::size_t WebSocketFilter::pending(std::span<Bytes> pieces) const {
  std::size_t count = 0;
  const auto add = [&](Bytes bytes) {
    if (!bytes.empty() && count < pieces.size()) pieces[count++] = bytes;
  };
  add(Bytes(out_).subspan(out_taken_));
  if (resource_) add(bytes_of(resource_->body).subspan(shown_));
  add(Bytes(header_).first(header_size_).subspan(header_taken_));
  if (frame_left_ == 0) return count;
  std::size_t left = frame_left_;
  const auto rest = pieces.subspan(count);
  for (Bytes& piece : rest.first(inner_->pending(rest))) {
    piece = piece.first(std::min(piece.size(), left));
    left -= piece.size();
    add(piece);
  }
  return count;
}

void WebSocketFilter::sent(std::size_t n, Time now) {
  const std::size_t of_out = std::min(n, out_.size() - out_taken_);
  out_taken_ += of_out;
  if (out_taken_ == out_.size()) {
    out_taken_ = 0;
    out_.clear();
    if (out_.capacity() > 256) out_.shrink_to_fit();
  }
  n -= of_out;
  if (resource_) {
    shown_ += n;
    if (shown_ == resource_->body.size()) resource_.reset();
    return;
  }
  const std::size_t of_header = std::min(n, header_size_ - header_taken_);
  if (of_header > 0 && !frame_begun()) overhead_bytes_ += header_size_;
  header_taken_ += of_header;
  n -= of_header;
  assert(n <= frame_left_);
  if (n > 0) {
    frame_left_ -= n;
    if (frame_left_ == 0) header_size_ = header_taken_ = 0;
    inner_->sent(n, now);
  }
  pump(now);
}

// True if the inner Peer has been told that bytes are gone: then it may have room to read.
bool WebSocketFilter::write_on(Time now) {
  if (phase_ != Phase::open) return false;
  std::array<Bytes, 16> pieces;
  const std::size_t count = inner_->pending(pieces);
  std::size_t size = 0;
  for (const Bytes piece : std::span(pieces).first(count)) size += piece.size();
  if (frame_begun()) {
    // It has thrown away what this frame has announced.
    if (inner_->finished() && count < pieces.size() && size < frame_left_)
      give_up({}, CloseCause::local, now);
    return false;
  }
  const bool all_written = out_.empty();
  if (all_written) write_control();
  // Until its header is on its way, a server's frame grows and shrinks with what is pending.
  header_size_ = frame_left_ = 0;
  if (size == 0) {
    if (inner_->finished()) shut(Status::normal, {}, CloseCause::local, now);
    return false;
  }
  if (is_client_ && !all_written) return false;
  begin_frame(std::span(pieces).first(count), std::min(size, frame_bytes));
  if (is_client_) inner_->sent(std::min(size, frame_bytes), now);
  return is_client_;
}

void WebSocketFilter::append(Opcode opcode, std::span<const Bytes> payload) {
  const std::size_t before = out_.size();
  frames_.append(out_, opcode, payload);
  overhead_bytes_ += out_.size() - before;
}

void WebSocketFilter::begin_frame(std::span<const Bytes> pieces, std::size_t size) {
  if (!is_client_) {
    frame_left_ = size;
    header_size_ = frames_.binary_header(header_, size);
    return;
  }
  overhead_bytes_ -= size;  // what it carries is no overhead
  std::array<Bytes, 16> taken;
  std::size_t count = 0;
  for (; size > 0; size -= taken[count++].size())
    taken[count] = pieces[count].first(std::min(size, pieces[count].size()));
  append(Opcode::binary, std::span(taken).first(count));
}

void WebSocketFilter::write_control() {
  if (std::exchange(pong_due_, false)) {
    const Bytes payload = pong_;
    append(Opcode::pong, {&payload, 1});
  }
  if (std::exchange(ping_due_, false)) append(Opcode::ping, {});
}

// A frame that has begun goes on to its end, and its bytes come here: the inner Peer is about to
// go. False if they are gone already.
bool WebSocketFilter::finish_frame(Time now) {
  if (frame_begun()) out_.assign(header_.begin() + header_taken_, header_.begin() + header_size_);
  while (frame_begun() && frame_left_ > 0) {
    Bytes piece;
    if (inner_->pending({&piece, 1}) == 0) return false;
    piece = piece.first(std::min(piece.size(), frame_left_));
    out_.insert(out_.end(), piece.begin(), piece.end());
    frame_left_ -= piece.size();
    inner_->sent(piece.size(), now);
  }
  header_size_ = header_taken_ = frame_left_ = 0;
  return true;
}

void WebSocketFilter::write(std::string_view text) {
  out_.insert(out_.end(), text.begin(), text.end());
  overhead_bytes_ += text.size();
}

void WebSocketFilter::show(std::shared_ptr<const HttpResource> resource) {
  if (!resource->body.empty()) resource_ = std::move(resource);
}

// Beginning and end --------------------------------------------------------------------------

void WebSocketFilter::establish(Time now) {
  established_ = true;
  phase_ = Phase::open;
  give_up_at_ = never;
  heard(now);
  inner_ = std::exchange(establish_, {})({}, now);
  if (!inner_) shut(Status::going_away, "nobody is there", CloseCause::local, now);
}

void WebSocketFilter::end(std::string failure, Time now) {
  if (failure_.empty()) failure_ = std::move(failure);
  phase_ = Phase::ended;
  const std::size_t size = resource_ ? resource_->body.size() : 0;
  const Time reading = static_cast<Time>(size / resource_bytes_per_s) * second;
  give_up_at_ = after(now + reading, settings_.close_timeout);
}

void WebSocketFilter::shut(Bytes close, CloseCause cause, Time now) {
  if (phase_ != Phase::open) return;
  if (!finish_frame(now)) return give_up({}, cause, now);
  append(Opcode::close, {&close, 1});
  phase_ = Phase::closing;
  give_up_at_ = after(now, settings_.close_timeout);
  drop_inner(cause, now);
}

void WebSocketFilter::shut(Status status, std::string_view reason, CloseCause cause, Time now) {
  const auto code = static_cast<std::uint16_t>(status);
  std::string close{static_cast<char>(code >> 8), static_cast<char>(code & 255)};
  close += reason.substr(0, WebSocketFrames::max_control_bytes - close.size());
  shut(bytes_of(close), cause, now);
}

// The other end broke a rule: this one says so, and waits for no answer.
void WebSocketFilter::fail(Status status, std::string what, Time now) {
  shut(status, what, CloseCause::local, now);
  end("the other end sent " + what, now);
}

void WebSocketFilter::give_up(std::string failure, CloseCause cause, Time now) {
  out_.clear();
  out_taken_ = header_size_ = header_taken_ = frame_left_ = 0;
  resource_.reset();
  drop_inner(cause, now);
  end(std::move(failure), now);
}

void WebSocketFilter::drop_inner(CloseCause cause, Time now) {
  payload_ = {};
  if (Peer* inner = std::exchange(inner_, nullptr)) inner->closed(cause, now);
}

void WebSocketFilter::closed(CloseCause cause, Time now) {
  give_up(phase_ == Phase::opening ? "the connection closed before the upgrade" : "", cause, now);
}

// Time ---------------------------------------------------------------------------------------

void WebSocketFilter::heard(Time now) {
  if (phase_ != Phase::open) return;
  ping_at_ = after(now, settings_.ping_interval);
  pong_by_ = never;
}

void WebSocketFilter::keep_alive(Time now) {
  if (now < std::min(ping_at_, pong_by_)) return;
  if (!payload_.empty()) return heard(now);  // an answer could not have been read
  if (now >= pong_by_) return give_up("no answer to a ping", CloseCause::timeout, now);
  ping_due_ = true;
  ping_at_ = never;
  pong_by_ = after(now, settings_.pong_timeout);
}

void WebSocketFilter::advance(Time now) {
  if (inner_) inner_->advance(now);
  if (phase_ == Phase::opening && now >= give_up_at_) {
    too_late(now);
    reader_.reset();
  } else if (phase_ == Phase::open) {
    keep_alive(now);
  } else if (now >= give_up_at_) {
    give_up({}, CloseCause::local, now);
  }
  pump(now);
}

Time WebSocketFilter::deadline() const {
  if (phase_ == Phase::open) return std::min({inner_->deadline(), ping_at_, pong_by_});
  return finished() && out_.empty() && !resource_ ? never : give_up_at_;
}

}  // namespace mqttlab
