// TappedPeer: records the bytes of MQTT that a Peer gets and gives, whatever carries them.
#pragma once

#include <optional>
#include <utility>

#include "protocol/trace/tap.h"

namespace mqttlab::trace {

class TappedPeer final : public Peer {
 public:
  /// Pieces of one write that a host may take: more are not seen.
  static constexpr std::size_t most_pieces = 64;

  /// Without a tap nothing is recorded: what goes over this stream is not MQTT, or nobody listens.
  TappedPeer(Peer& peer, std::optional<Tap> tap) : peer_(peer), tap_(std::move(tap)) {}
  [[nodiscard]] bool is_tapped() const { return tap_.has_value(); }
  /// The Peer's process is dead: records the end without telling the Peer, which is not called any
  /// more.
  void bury(Time now) {
    if (tap_) tap_->closed(CloseCause::local, now);
  }

  std::span<std::uint8_t> space() override { return room_ = peer_.space(); }
  void received(std::size_t n, Time now) override {
    if (tap_) tap_->arrived(room_.first(n), now);
    peer_.received(n, now);
  }
  std::size_t pending(std::span<Bytes> pieces) const override { return peer_.pending(pieces); }
  void sent(std::size_t n, Time now) override;
  void closed(CloseCause cause, Time now) override {
    if (tap_) tap_->closed(cause, now);
    peer_.closed(cause, now);
  }
  void advance(Time now) override { peer_.advance(now); }
  Time deadline() const override { return peer_.deadline(); }
  bool finished() const override { return peer_.finished(); }

 private:
  Peer& peer_;
  std::optional<Tap> tap_;
  std::span<std::uint8_t> room_;
};

}  // namespace mqttlab::trace
