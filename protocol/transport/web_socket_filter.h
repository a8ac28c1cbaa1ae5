// WebSocketFilter: MQTT over WebSocket (RFC 6455; MQTT 6), what server and client have in common.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "protocol/session/random.h"
#include "protocol/transport/filter.h"
#include "protocol/transport/http_head.h"
#include "protocol/transport/web_socket_frames.h"
#include "protocol/transport/web_socket_settings.h"

namespace mqttlab {

/// What both ends do once the upgrade is done. The inner Peer's bytes travel in binary frames; it
/// is told closed() as soon as a Close frame has come, or is to be sent, or the connection breaks.
/// What it still had pending is dropped then, but for a frame that has begun.
///
/// Memory: an idle connection holds this object; while bytes wait for the inner Peer's space(), at
/// most two buffers of 4 KiB; a client, up to one frame of 16 KiB that is masked and not written.
/// A resource is written from where it is.
class WebSocketFilter : public Filter {
 public:
  [[nodiscard]] std::span<std::uint8_t> space() override;
  void received(std::size_t n, Time now) override;
  [[nodiscard]] std::size_t pending(std::span<Bytes> pieces) const override;
  void sent(std::size_t n, Time now) override;
  void closed(CloseCause cause, Time now) override;
  void advance(Time now) override;
  [[nodiscard]] Time deadline() const override;
  [[nodiscard]] bool finished() const override { return phase_ == Phase::ended; }
  [[nodiscard]] bool is_established() const override { return established_; }
  [[nodiscard]] const std::string& failure() const override { return failure_; }
  [[nodiscard]] std::uint64_t overhead_bytes() const override { return overhead_bytes_; }

  static constexpr std::size_t input_bytes = 4'096;  ///< of space()
  /// Payload that a frame takes at most: with its header it fills one TLS record.
  static constexpr std::size_t frame_bytes = 16'384 - 8;

 protected:
  /// `settings` and `masks` outlive the filter; `masks` is null at the server's end.
  WebSocketFilter(const WebSocketSettings& settings, Establish establish, Random* masks, Time now);

  /// The other end's head is whole, too large or malformed.
  virtual void opened(const HttpHeadReader& reader, HttpHeadReader::State state, Time now) = 0;
  virtual void too_late(Time now) = 0;  ///< it did not come in time
  void write(std::string_view text);
  void show(std::shared_ptr<const HttpResource> resource);  ///< the last that is written
  void establish(Time now);
  /// Nothing more is read, and this end closes once all is written.
  void end(std::string failure, Time now);
  /// Closes at once: what is still to be written is thrown away.
  void give_up(std::string failure, CloseCause cause, Time now);

 private:
  /// opening: until the upgrade is done. closing: Close has been sent, the other end's is awaited.
  /// ended: what is pending is to be written.
  enum class Phase : std::uint8_t { opening, open, closing, ended };
  enum class Status : std::uint16_t;

  void pump(Time now);
  void read(Time now);
  void read_head(Bytes& input, Time now);
  bool deliver(Time now);
  void take(const WebSocketFrames::Part& part, Time now);
  bool admit(const WebSocketFrames::Part& part, Time now);
  void take_control(Opcode opcode, Time now);
  void take_close(Time now);
  bool write_on(Time now);
  void write_control();
  void append(Opcode opcode, std::span<const Bytes> payload);
  void begin_frame(std::span<const Bytes> pieces, std::size_t size);
  bool finish_frame(Time now);
  void shut(Bytes close, CloseCause cause, Time now);
  void shut(Status status, std::string_view reason, CloseCause cause, Time now);
  void fail(Status status, std::string what, Time now);
  void drop_inner(CloseCause cause, Time now);
  void heard(Time now);
  void keep_alive(Time now);
  [[nodiscard]] bool frame_begun() const { return header_taken_ > 0; }

  const WebSocketSettings& settings_;
  Establish establish_;
  Peer* inner_ = nullptr;
  std::unique_ptr<HttpHeadReader> reader_;  // until the upgrade is done
  std::string failure_;
  Phase phase_ = Phase::opening;
  bool established_ = false;
  const bool is_client_;  // it masks

  // Arriving.
  WebSocketFrames frames_;
  std::unique_ptr<std::uint8_t[]> input_;  // while something is in it, or about to be
  std::size_t begin_ = 0, end_ = 0;        // of what is in it
  Bytes payload_;                          // for the inner Peer; in frames_' memory
  bool in_message_ = false;
  std::uint64_t message_bytes_ = 0;    // announced by the frames of this message
  std::vector<std::uint8_t> control_;  // payload of the control frame that is arriving

  // Leaving, in this order: out_, then the resource, or the header and the inner Peer's next
  // frame_left_ bytes.
  std::vector<std::uint8_t> out_;
  std::size_t out_taken_ = 0;
  std::shared_ptr<const HttpResource> resource_;
  std::size_t shown_ = 0;  // of its body
  std::array<std::uint8_t, WebSocketFrames::max_header_bytes> header_;
  std::size_t header_size_ = 0, header_taken_ = 0, frame_left_ = 0;
  std::uint64_t overhead_bytes_ = 0;
  bool pong_due_ = false, ping_due_ = false;
  std::vector<std::uint8_t> pong_;  // the last ping's payload: it is the one that is answered

  Time give_up_at_;  // opening, closing and ended
  Time ping_at_ = never, pong_by_ = never;
};

}  // namespace mqttlab
