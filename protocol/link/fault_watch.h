// FaultWatch: finds the places of faults in the bytes of one way of one connection; FaultPlan: the
// faults of a link, and which have happened.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
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
  /// `connection`: its number on the link.
  FaultWatch(const FaultPlan& plan, Way way, std::uint32_t connection);

  /// The next bytes of the stream. Packets are looked for only in bytes that are MQTT's.
  void feed(Bytes bytes, bool is_mqtt);

  struct Place {
    std::uint64_t position;  ///< bytes of the stream before it
    std::size_t fault;       ///< index in the plan
  };
  /// The nearest place that is known and was not passed.
  [[nodiscard]] std::optional<Place> next() const;
  void pass();  ///< the nearest one is behind

 private:
  void begun(std::uint8_t first_byte);
  void known(std::size_t frame_size);
  void add(std::uint64_t position, std::size_t fault);

  const FaultPlan& plan_;
  std::vector<std::size_t> faults_;  // that concern this way of this connection
  std::vector<Place> places_;        // by position
  std::uint64_t position_ = 0;       // of the byte that comes next
  // The packet that is being read.
  std::uint64_t begin_ = 0, skip_ = 0;
  PacketType type_{};
  std::vector<std::uint8_t> header_;
  std::array<std::uint32_t, 16> counts_{};  // by type
  bool lost_track_ = false;                 // bytes that are no packet
};

/// Whether the first bytes of a client are a CONNECT over plain TCP; nothing while it is open.
[[nodiscard]] std::optional<bool> begins_like_mqtt(Bytes front);

}  // namespace mqttlab
