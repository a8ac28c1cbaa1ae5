// GuestPeer: one end of a byte stream whose bytes mean nothing here: they go to a program that is
// none of ours, and come from it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "protocol/peer.h"
#include "protocol/wire/outbox.h"

namespace mqttlab::sim {

class GuestPeer final : public Peer {
 public:
  // The program's side.
  void write(const Slice& bytes) { outbox_.append(bytes); }
  void close() { closing_ = true; }  ///< once all is written; reads no more
  void pause(bool paused) { paused_ = paused; }
  [[nodiscard]] std::string take() { return std::exchange(inbox_, {}); }
  [[nodiscard]] bool has_bytes() const { return !inbox_.empty(); }
  [[nodiscard]] std::size_t unwritten() const { return outbox_.size(); }

  // Peer. What has arrived is taken after the event, so the receive window bounds the inbox.
  [[nodiscard]] std::span<std::uint8_t> space() override {
    return paused_ || closing_ ? std::span<std::uint8_t>() : std::span(buffer_);
  }
  void received(std::size_t n, Time) override {
    inbox_.append(reinterpret_cast<const char*>(buffer_.data()), n);
  }
  [[nodiscard]] std::size_t pending(std::span<Bytes> pieces) const override {
    return outbox_.pending(pieces);
  }
  void sent(std::size_t n, Time) override { outbox_.sent(n); }
  void closed(CloseCause, Time) override { outbox_.clear(); }
  void advance(Time) override {}
  [[nodiscard]] Time deadline() const override { return never; }
  [[nodiscard]] bool finished() const override { return closing_; }

 private:
  std::array<std::uint8_t, 8192> buffer_{};
  std::string inbox_;
  Outbox outbox_;
  bool closing_ = false, paused_ = false;
};

}  // namespace mqttlab::sim
