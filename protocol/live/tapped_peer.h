// TappedPeer: records the bytes of MQTT that a Peer gets and gives, whatever carries them.
#pragma once

#include <utility>

#include "protocol/trace/tap.h"

namespace mqttlab::live {

class TappedPeer final : public Peer {
 public:
  TappedPeer(Peer& peer, trace::Tap tap) : peer_(peer), tap_(std::move(tap)) {}

  std::span<std::uint8_t> space() override { return room_ = peer_.space(); }
  void received(std::size_t n, Time now) override {
    tap_.arrived(room_.first(n), now);
    peer_.received(n, now);
  }
  std::size_t pending(std::span<Bytes> pieces) const override { return peer_.pending(pieces); }
  void sent(std::size_t n, Time now) override;
  void closed(CloseCause cause, Time now) override {
    tap_.closed(cause, now);
    peer_.closed(cause, now);
  }
  void advance(Time now) override { peer_.advance(now); }
  Time deadline() const override { return peer_.deadline(); }
  bool finished() const override { return peer_.finished(); }

 private:
  Peer& peer_;
  trace::Tap tap_;
  std::span<std::uint8_t> room_;
};

}  // namespace mqttlab::live
