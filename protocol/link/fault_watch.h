// FaultWatch: finds the places of faults in the bytes of one way of one connection; FaultPlan: the
// faults of a link, and which have happened.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "protocol/link/fault.h"
#include "protocol/peer.h"

namespace mqttlab {

class FaultPlan {
 public:
  explicit FaultPlan(std::vector<Fault> faults)
      : faults_(std::move(faults)), happened_(faults_.size()) {}
  [[nodiscard]] const std::vector<Fault>& faults() const { return faults_; }
  /// True if the fault is to happen now: it happens once, unless each connection has its own.
  bool take(std::size_t fault) { return ++happened_[fault] == 1 || faults_[fault].when.each; }
  [[nodiscard]] bool has_happened(std::size_t fault) const { return happened_[fault] > 0; }

 private:
  std::vector<Fault> faults_;
  std::vector<std::uint32_t> happened_;
};

class FaultWatch {
 public:
  FaultWatch() = default;
  /// Armed with what is open in the plan. `connection`: its number on the link.
  FaultWatch(const FaultPlan& plan, Way way, std::uint32_t connection);

  /// From here on: bytes that come next, packets that begin with them. `fault`: its number.
  void arm(std::size_t fault, const Trigger& when);
  void disarm(std::size_t fault);
  [[nodiscard]] bool is_idle() const { return armed_.empty() && places_.empty(); }

  /// The next bytes of the stream. Packets are looked for only in bytes that are MQTT's.
  void feed(Bytes bytes, bool is_mqtt);
  /// Takes bytes of MQTT as far as the nearest place; returns how many.
  std::size_t feed_to_place(Bytes bytes);
  [[nodiscard]] std::uint64_t position() const { return position_; }  ///< of the next byte

  struct Place {
    std::uint64_t position;  ///< bytes of the stream before it
    std::size_t fault;
    Trigger::Kind kind;
    std::uint64_t begin;  ///< position of its packet
  };
  /// The nearest place that is known and was not passed.
  [[nodiscard]] std::optional<Place> next() const;
  void pass();  ///< the nearest one is behind

 private:
  struct Armed {
    std::size_t fault;
    Trigger when;
    std::uint32_t count = 0;
    bool seen = true;     // the packet that is being read was looked at, or began too early
    bool is_due = false;  // it is this packet's end
  };
  std::size_t walk(Bytes bytes, bool stops);
  void begin(Bytes bytes);
  void look(Armed& armed, bool is_resent);
  bool take_header(std::uint8_t byte);
  void known(std::size_t frame_size);
  void take_body(Bytes bytes);
  [[nodiscard]] bool is_resent(Bytes packet) const;
  [[nodiscard]] bool is_at_begin() const { return header_size_ == 0 && left_ == 0; }
  void add(std::uint64_t position, const Armed& armed);

  std::vector<Armed> armed_;
  std::vector<Place> places_;   // by position
  std::uint64_t position_ = 0;  // of the byte that comes next
  bool begun_ = false;          // the packet that comes next has been looked at
  bool lost_track_ = false;     // bytes that are no packet
  // The packet that is being read.
  std::uint64_t begin_ = 0;
  std::uint8_t first_byte_ = 0;
  std::array<std::uint8_t, 5> header_{};
  std::size_t header_size_ = 0;
  std::uint64_t left_ = 0, body_at_ = 0;  // bytes of its body to come, and behind
  std::uint32_t topic_bytes_ = 0, packet_id_ = 0;
  std::set<std::uint32_t> published_;  // packet ids of QoS 2 that are not released
};

/// Whether the first bytes of a client are a CONNECT over plain TCP; nothing while it is open.
[[nodiscard]] std::optional<bool> begins_like_mqtt(Bytes front);

}  // namespace mqttlab
