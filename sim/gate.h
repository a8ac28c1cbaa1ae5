// Gate: stands between a Peer of MQTT and what carries its bytes, and lets them pass as far as the
// places that somebody waits for: the sender's keeps what is behind such a place, the receiver's
// tells when all before it has arrived. Where nobody waits, it only counts. What a Peer has written
// that closes meanwhile leaves without it, as from a kernel's send buffer.
#pragma once

#include <optional>
#include <vector>

#include "sim/alarm.h"
#include "sim/wire.h"

namespace mqttlab::sim {

class Gate final : public Peer {
 public:
  /// `stream`: whose bytes they are. All outlive it.
  Gate(Peer& inner, Wire& wire, trace::End end, Stream& stream);

  /// Before its owner moves bytes: it may have acted meanwhile, or be at a place that was not known
  /// when it got there.
  void settle();
  /// What the Peer thinks gone.
  [[nodiscard]] Bytes held() const { return held_; }
  /// The Peer has closed, and waits for nothing but this gate.
  [[nodiscard]] bool is_deserted() const;
  /// The Peer is told that it has closed, and not called any more: what is held leaves as before,
  /// what arrives is thrown away.
  void desert(Time now);
  /// The Peer has got all that has arrived.
  [[nodiscard]] bool is_empty() const { return inbox_.empty(); }

  std::span<std::uint8_t> space() override;
  void received(std::size_t n, Time now) override;
  std::size_t pending(std::span<Bytes> pieces) const override;
  void sent(std::size_t n, Time now) override;
  void closed(CloseCause cause, Time now) override;
  void advance(Time now) override { inner_->advance(now); }
  Time deadline() const override { return inner_->deadline(); }
  bool finished() const override;

 private:
  [[nodiscard]] bool is_over() const;
  [[nodiscard]] bool is_open() const { return held_.empty() && !wire_.is_watched(out_); }
  [[nodiscard]] bool wants_more() const;
  std::size_t gather(std::span<Bytes> pieces) const;
  void absorb();
  [[nodiscard]] bool has_written() const;
  void tell_receiver() const;
  [[nodiscard]] std::size_t frame_size() const;
  void drain(Time now);
  std::size_t give(std::size_t most, Time now);

  Peer* inner_;
  Wire& wire_;
  const trace::End end_;
  const Way out_, in_;
  Stream& stream_;

  // What leaves: first what the Peer thinks gone, then what it has yet. Of both, this much may.
  std::vector<std::uint8_t> held_;
  mutable std::size_t let_go_ = 0;
  mutable Alarm absorb_;
  mutable std::optional<std::size_t> told_;  // the fault whose place the receiver was told of
  // What has arrived, and waits for its place.
  std::vector<std::uint8_t> room_, inbox_;
  std::uint64_t given_ = 0;  // bytes that the Peer has got
  bool direct_ = true;       // room() was the Peer's own
  bool acting_ = false;      // the Peer has all before a place, and has not acted on it yet
  Alarm look_;
};

}  // namespace mqttlab::sim
