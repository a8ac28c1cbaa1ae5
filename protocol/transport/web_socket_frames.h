// WebSocketFrames: bytes <-> frames (RFC 6455, 5), by libwslay.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "protocol/peer.h"
#include "protocol/session/random.h"

struct wslay_frame_context;

namespace mqttlab {

enum class Opcode : std::uint8_t {
  continuation = 0,
  text = 1,
  binary = 2,
  close = 8,
  ping = 9,
  pong = 10,
};

/// Both directions of one connection. An idle one holds nothing but this object.
class WebSocketFrames {
 public:
  /// `masks`: a client draws its masking keys from it; null: a server, whose frames are bare.
  explicit WebSocketFrames(Random* masks) : masks_(masks) {}
  WebSocketFrames(const WebSocketFrames&) = delete;
  WebSocketFrames& operator=(const WebSocketFrames&) = delete;

  static constexpr std::size_t max_header_bytes = 14, max_control_bytes = 125;
  /// Appends a whole frame.
  void append(std::vector<std::uint8_t>& out, Opcode opcode, std::span<const Bytes> payload);
  /// Writes the header of a binary frame whose payload goes out as it is: a server's. Its size.
  std::size_t binary_header(std::span<std::uint8_t, max_header_bytes> out, std::size_t payload);

  /// A piece of a frame, of whatever size the arrival gave it.
  struct Part {
    std::uint8_t opcode = 0;
    bool fin = false, reserved_bits = false, masked = false;
    std::uint64_t payload_bytes = 0;   ///< of the whole frame
    bool first = false, last = false;  ///< of this frame
    Bytes data;                        ///< unmasked; valid until the next call
  };
  enum class Read : std::uint8_t { incomplete, part, malformed };
  /// Takes bytes off the front of `input`: all of them before it says `incomplete`.
  Read next(Bytes& input, Part& part);
  /// No Part is in use any more: gives memory back if no frame has begun.
  void rest();

 private:
  struct Free {
    void operator()(wslay_frame_context* context) const;
  };
  struct Calls;
  wslay_frame_context* context();

  Random* masks_;
  std::unique_ptr<wslay_frame_context, Free> context_;
  std::uint64_t unread_ = 0;      // bytes taken that belong to no frame that has been read
  std::uint64_t part_bytes_ = 0;  // of the frame's payload that have been read
  // The callbacks' ends, set for the length of a call.
  Bytes* input_ = nullptr;
  std::vector<std::uint8_t>* out_ = nullptr;
  std::uint8_t* header_ = nullptr;
  std::size_t header_bytes_ = 0;
};

}  // namespace mqttlab
