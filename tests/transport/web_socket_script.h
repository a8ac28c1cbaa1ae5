// What the tests of WebSocket have in common: frames built by hand, and ways to move bytes.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/session/octets.h"
#include "protocol/transport/http_upgrade.h"
#include "protocol/transport/web_socket_client_filter.h"
#include "protocol/transport/web_socket_server_filter.h"
#include "tests/support/talker.h"

namespace mqttlab::testing {

inline Establish gives(Peer* inner) {
  return [inner](const Introduction&, Time) { return inner; };
}

/// What `from` has to write, up to `most` bytes of it; it is told that they are gone.
inline std::string take(Peer& from, Time now = 0, std::size_t most = 1 << 30) {
  std::string taken;
  for (;;) {
    std::array<Bytes, 3> pieces;
    const std::size_t count = from.pending(pieces);
    std::size_t size = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const Bytes piece = pieces[i].first(std::min(pieces[i].size(), most - size));
      taken += text_of(piece);
      size += piece.size();
    }
    if (size == 0) return taken;
    most -= size;
    from.sent(size, now);
  }
}

/// Gives bytes to `to`, at most `chunk` at a time; returns what it had no room for.
inline std::string_view give(Peer& to, std::string_view bytes, Time now = 0,
                             std::size_t chunk = 1 << 30) {
  while (!bytes.empty()) {
    const auto room = to.space();
    if (room.empty()) break;
    const std::size_t size = std::min({room.size(), bytes.size(), chunk});
    std::copy_n(bytes.begin(), size, room.begin());
    bytes.remove_prefix(size);
    to.received(size, now);
  }
  return bytes;
}

struct FrameOptions {
  bool fin = true;
  bool mask = true;
  int reserved = 0;
};

/// A frame by RFC 6455, 5.2: a client's, unless options say otherwise.
inline std::string frame(Opcode opcode, std::string_view payload, FrameOptions options = {}) {
  std::string out;
  const auto put = [&](std::uint64_t value, int bytes) {
    while (bytes-- > 0) out += static_cast<char>(value >> (8 * bytes));
  };
  const std::uint64_t size = payload.size();
  const int mask_bit = options.mask ? 128 : 0;
  put((options.fin ? 128 : 0) | options.reserved << 4 | static_cast<int>(opcode), 1);
  if (size < 126) {
    put(mask_bit | size, 1);
  } else {
    put(mask_bit | (size < 65'536 ? 126 : 127), 1);
    put(size, size < 65'536 ? 2 : 8);
  }
  if (!options.mask) return out.append(payload);
  constexpr std::string_view key = "\x37\xfa\x21\x3d";
  out += key;
  for (std::size_t i = 0; i < payload.size(); ++i)
    out += static_cast<char>(payload[i] ^ key[i % 4]);
  return out;
}

inline std::string binary(std::string_view payload, FrameOptions options = {}) {
  return frame(Opcode::binary, payload, options);
}

inline std::string close_payload(int status) {
  return {static_cast<char>(status >> 8), static_cast<char>(status & 255)};
}

struct ReadFrame {
  Opcode opcode;
  bool masked;
  std::string payload;
};

/// The whole frames in front of `stream`; they are taken off.
inline std::vector<ReadFrame> frames_in(std::string& stream) {
  std::vector<ReadFrame> frames;
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(stream[i]); };
  for (;;) {
    if (stream.size() < 2) return frames;
    const bool masked = byte(1) >= 128;
    std::uint64_t size = byte(1) & 127;
    std::size_t at = 2;
    const std::size_t extended = size == 126 ? 2 : size == 127 ? 8 : 0;
    if (stream.size() < at + extended + (masked ? 4 : 0)) return frames;
    if (extended > 0) size = 0;
    for (std::size_t i = 0; i < extended; ++i) size = size << 8 | byte(at++);
    const std::string key = masked ? stream.substr(at, 4) : std::string(4, '\0');
    at += masked ? 4 : 0;
    if (stream.size() < at + size) return frames;
    ReadFrame read{static_cast<Opcode>(byte(0) & 15), masked, stream.substr(at, size)};
    for (std::size_t i = 0; i < size; ++i) read.payload[i] = read.payload[i] ^ key[i % 4];
    frames.push_back(std::move(read));
    stream.erase(0, at + size);
  }
}

inline const std::string good_request =
    "GET /mqtt HTTP/1.1\r\nHost: broker.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: mqtt\r\n\r\n";

/// `text` with the first `from` made `to`.
inline std::string with(std::string text, std::string_view from, std::string_view to) {
  return text.replace(text.find(from), from.size(), to);
}

/// A server's end that has been upgraded.
struct OpenServer {
  explicit OpenServer(WebSocketServerSettings with = {}) : settings(std::move(with)) {
    give(filter, good_request);
    take(filter);
  }
  WebSocketServerSettings settings;
  Talker inner;
  WebSocketServerFilter filter{settings, gives(&inner), 0};
};

}  // namespace mqttlab::testing
