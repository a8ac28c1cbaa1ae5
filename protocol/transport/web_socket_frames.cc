#include "protocol/transport/web_socket_frames.h"

#include <wslay/wslay.h>

#include <algorithm>
#include <cassert>
#include <new>
#include <utility>

namespace mqttlab {
namespace {

std::size_t header_bytes(const WebSocketFrames::Part& part) {
  const std::size_t length = part.payload_bytes < 126 ? 0 : part.payload_bytes < 65'536 ? 2 : 8;
  return 2 + length + (part.masked ? 4 : 0);
}

}  // namespace

struct WebSocketFrames::Calls {
  static ssize_t receive(std::uint8_t* to, std::size_t room, int, void* user) {
    auto& frames = *static_cast<WebSocketFrames*>(user);
    const std::size_t size = std::min(room, frames.input_->size());
    if (size == 0) return -1;
    std::copy_n(frames.input_->begin(), size, to);
    *frames.input_ = frames.input_->subspan(size);
    frames.unread_ += size;
    return static_cast<ssize_t>(size);
  }

  // The header comes first, in one call.
  static ssize_t send(const std::uint8_t* from, std::size_t size, int, void* user) {
    auto& frames = *static_cast<WebSocketFrames*>(user);
    if (frames.out_) {
      frames.out_->insert(frames.out_->end(), from, from + size);
    } else if (std::uint8_t* to = std::exchange(frames.header_, nullptr)) {
      std::copy_n(from, size, to);
      frames.header_bytes_ = size;
    }
    return static_cast<ssize_t>(size);
  }

  static int mask(std::uint8_t* to, std::size_t size, void* user) {
    std::uint64_t key = static_cast<WebSocketFrames*>(user)->masks_->next();
    for (std::size_t i = 0; i < size; ++i, key >>= 8) to[i] = static_cast<std::uint8_t>(key);
    return 0;
  }
};

void WebSocketFrames::Free::operator()(wslay_frame_context* context) const {
  wslay_frame_context_free(context);
}

wslay_frame_context* WebSocketFrames::context() {
  constexpr wslay_frame_callbacks calls{Calls::send, Calls::receive, Calls::mask};
  if (!context_) {
    wslay_frame_context* made = nullptr;
    if (wslay_frame_context_init(&made, &calls, this) != 0) throw std::bad_alloc();
    context_.reset(made);
  }
  return context_.get();
}

void WebSocketFrames::append(std::vector<std::uint8_t>& out, Opcode opcode,
                             std::span<const Bytes> payload) {
  wslay_frame_iocb frame{};
  frame.fin = 1;
  frame.opcode = static_cast<std::uint8_t>(opcode);
  frame.mask = masks_ ? 1 : 0;
  for (const Bytes piece : payload) frame.payload_length += piece.size();
  out.reserve(out.size() + max_header_bytes + frame.payload_length);
  out_ = &out;
  if (frame.payload_length == 0) wslay_frame_send(context(), &frame);
  for (const Bytes piece : payload) {
    if (piece.empty()) continue;
    frame.data = piece.data();
    frame.data_length = piece.size();
    [[maybe_unused]] const auto taken = wslay_frame_send(context(), &frame);
    assert(taken == static_cast<ssize_t>(piece.size()));
  }
  out_ = nullptr;
}

std::size_t WebSocketFrames::binary_header(std::span<std::uint8_t, max_header_bytes> out,
                                           std::size_t payload) {
  assert(!masks_ && payload > 0);
  wslay_frame_iocb frame{};
  frame.fin = 1;
  frame.opcode = WSLAY_BINARY_FRAME;
  frame.payload_length = frame.data_length = payload;
  frame.data = out.data();  // nobody reads it: Calls::send takes the payload unseen
  header_ = out.data();
  wslay_frame_send(context(), &frame);
  return header_bytes_;
}

WebSocketFrames::Read WebSocketFrames::next(Bytes& input, Part& part) {
  wslay_frame_iocb frame;
  input_ = &input;
  const ssize_t size = wslay_frame_recv(context(), &frame);
  input_ = nullptr;
  if (size == WSLAY_ERR_WANT_READ) return Read::incomplete;
  if (size < 0) return Read::malformed;
  part.opcode = frame.opcode;
  part.fin = frame.fin != 0;
  part.reserved_bits = frame.rsv != 0;
  part.masked = frame.mask != 0;
  part.payload_bytes = frame.payload_length;
  part.data = {frame.data, frame.data_length};
  part.first = part_bytes_ == 0;
  part_bytes_ += part.data.size();
  part.last = part_bytes_ == part.payload_bytes;
  if (part.last) {
    unread_ -= header_bytes(part) + std::exchange(part_bytes_, 0);
  }
  return Read::part;
}

void WebSocketFrames::rest() {
  if (unread_ == 0) context_.reset();
}

}  // namespace mqttlab
