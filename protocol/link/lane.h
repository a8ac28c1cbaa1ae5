// Lane: one way of one connection over a link. Bytes go in at one end and come out at the other, in
// order and later. A packet that the medium loses is sent again, and all behind it wait: what a
// loss looks like to those who use TCP.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "protocol/link/medium.h"
#include "protocol/peer.h"

namespace mqttlab {

/// Repeats follow Linux's TCP: after Medium::patience(), twice as long after each repeat that was
/// lost too, at most two minutes; or when three packets behind the lost one have arrived, after the
/// way back. A stream never gives up. The rate of a sender does not sink with losses, and answers
/// of TCP itself neither take capacity nor get lost.
class Lane {
 public:
  /// How a stream ends behind its last byte. An orderly end is repeated until it has arrived, a
  /// reset is sent once.
  enum class Ending : std::uint8_t { fin, reset };

  Lane(Medium& medium, Way way);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// A packet of TCP's handshake goes ahead of all bytes, which wait for open().
  void greet(Time now);
  [[nodiscard]] bool is_greeted() const { return greeted_; }  ///< it has arrived
  void open(Time now);

  // The sender's end.
  /// Bytes that are taken now; 0: the sender is to wait.
  [[nodiscard]] std::size_t room() const;
  void write(Bytes bytes, Time now);
  void finish(Ending ending, Time now);

  // The receiver's end.
  [[nodiscard]] std::size_t pending(std::span<Bytes> pieces) const;
  void taken(std::size_t n, Time now);
  [[nodiscard]] std::uint64_t delivered() const { return delivered_; }  ///< bytes taken
  /// The stream's end has arrived, and all before it was taken.
  [[nodiscard]] std::optional<Ending> ended() const;

  // Faults.
  static constexpr std::uint64_t no_limit = UINT64_MAX;
  /// pending() ends at this position of the stream.
  void set_limit(std::uint64_t position) { limit_ = position; }
  /// What has arrived and was not taken has not arrived: it is to be sent again.
  void take_back(Time now);
  /// What there is and what comes is taken and goes nowhere.
  void swallow();

  [[nodiscard]] Time deadline() const { return deadline_; }
  void advance(Time now);

 private:
  enum class State : std::uint8_t { waiting, flying, lost, arrived };
  enum class Content : std::uint8_t { bytes, greeting, fin, reset };
  struct Segment {
    Content content = Content::bytes;
    State state = State::waiting;
    bool repeated = false;
    Time arrival = 0;
    std::vector<std::uint8_t> bytes{};
  };
  void push(Content content, Time now);
  void arrive(Time now);
  void repeat(Time now);
  void send_waiting(Time now);
  void account(Time now);
  bool offer(Segment& segment, Time now);
  void lose(Segment& segment, Time now);
  void drop_reset();
  [[nodiscard]] bool may_send(const Segment& segment) const;
  [[nodiscard]] std::deque<Segment>::iterator first_lost();

  Medium& medium_;
  const Way way_;
  std::deque<Segment> segments_;
  std::size_t offered_ = 0;  // of segments_, from the front: all but those that wait
  std::size_t waiting_bytes_ = 0, held_bytes_ = 0;
  std::size_t front_taken_ = 0;
  std::uint64_t delivered_ = 0, limit_ = no_limit;
  bool greeted_ = false, open_ = true, swallows_ = false;
  // Repeats: when the first lost segment is sent again, and how often that was in vain.
  Time repeat_at_ = never;
  unsigned in_vain_ = 0;
  bool hurried_ = false;
  bool stalled_ = false;
  Time stalled_since_ = 0;
  Time deadline_ = never;
};

}  // namespace mqttlab
