// Passage: one connection over a link. Its two ends are Peers: what a host moves into one comes out
// of the other as the link lets it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/link/fault_watch.h"
#include "protocol/link/lane.h"
#include "protocol/link/medium.h"
#include "protocol/peer.h"

namespace mqttlab {

enum class LinkEnd : std::uint8_t { device, broker };

/// The device's end stands from the beginning; the broker's is to be dialed once the handshake has
/// got there, and the device's bytes leave when it has come back. An end that closes has closed
/// both its directions.
class Passage {
 public:
  /// Sees the bytes of MQTT at both ends, in the order in which they pass; nothing of connections
  /// that are something else. An end that was opened is closed once.
  class Watcher {
   public:
    virtual ~Watcher() = default;
    virtual void opened(LinkEnd end, Time now) = 0;
    virtual void written(LinkEnd end, Bytes bytes, Time now) = 0;  ///< the end has sent them
    virtual void arrived(LinkEnd end, Bytes bytes, Time now) = 0;  ///< the end has got them
    virtual void closed(LinkEnd end, CloseCause cause, Time now) = 0;
  };
  /// Lets those faults happen that concern the whole link.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void happened(const Fault& fault, Passage& passage, Time now) = 0;
  };

  /// `number`: on the link, from 1. `watcher` may be null; all outlive it.
  Passage(Medium& medium, FaultPlan& plan, std::uint32_t number, Owner& owner, Watcher* watcher,
          Time now);
  Passage(const Passage&) = delete;
  Passage& operator=(const Passage&) = delete;

  [[nodiscard]] std::uint32_t number() const { return number_; }
  [[nodiscard]] Medium& medium() { return medium_; }
  [[nodiscard]] Peer& end(LinkEnd end) { return ends_[index(end)]; }

  /// The broker's end is to be dialed: dialed() or not_dialed() follows.
  [[nodiscard]] bool wants_dial() const;
  void dialing() { dialing_ = true; }
  void dialed(Time now);
  void not_dialed(Time now);
  /// The end's transport is to be reset, not closed in order.
  [[nodiscard]] bool is_aborted(LinkEnd end) const;
  /// Nothing is left to do.
  [[nodiscard]] bool is_over() const;

  void cut(Cut how, Time now);
  [[nodiscard]] std::optional<Cut> was_cut() const { return cut_; }
  /// Whether its packets can be seen; nothing while its first bytes have not told.
  [[nodiscard]] std::optional<bool> is_mqtt() const { return is_mqtt_; }
  /// Bytes that have come out at the far end.
  [[nodiscard]] std::uint64_t delivered(Way way) const { return lane(way).delivered(); }

  [[nodiscard]] Time deadline() const;
  void advance(Time now);

 private:
  class End final : public Peer {
   public:
    End(Passage& passage, LinkEnd which) : passage_(passage), which_(which) {}
    std::span<std::uint8_t> space() override;
    void received(std::size_t n, Time now) override;
    std::size_t pending(std::span<Bytes> pieces) const override;
    void sent(std::size_t n, Time now) override;
    void closed(CloseCause cause, Time now) override;
    void advance(Time now) override { passage_.advance(now); }
    Time deadline() const override { return passage_.deadline(); }
    bool finished() const override;

   private:
    Passage& passage_;
    const LinkEnd which_;
  };
  static constexpr std::size_t index(LinkEnd end) { return static_cast<std::size_t>(end); }
  static constexpr Way way_from(LinkEnd end) {
    return end == LinkEnd::device ? Way::up : Way::down;
  }
  static constexpr Way way_to(LinkEnd end) { return end == LinkEnd::device ? Way::down : Way::up; }
  static constexpr LinkEnd receiver(Way way) {
    return way == Way::up ? LinkEnd::broker : LinkEnd::device;
  }
  Lane& lane(Way way) { return lanes_[static_cast<std::size_t>(way)]; }
  [[nodiscard]] const Lane& lane(Way way) const { return lanes_[static_cast<std::size_t>(way)]; }
  FaultWatch& watch(Way way) { return watches_[static_cast<std::size_t>(way)]; }

  void first_bytes(Bytes bytes, Time now);
  void decide(bool is_mqtt, Time now);
  void send(LinkEnd from, Bytes bytes, Time now);
  void faults(Way way, Time now);
  void opened(LinkEnd end, Time now);
  void closed(LinkEnd end, CloseCause cause, Time now);

  Medium& medium_;
  FaultPlan& plan_;
  const std::uint32_t number_;
  Owner& owner_;
  Watcher* watcher_;
  std::array<Lane, 2> lanes_;
  std::array<FaultWatch, 2> watches_;
  std::array<End, 2> ends_;
  std::vector<std::uint8_t> space_;
  std::vector<std::uint8_t> front_;  // the device's first bytes, while they may be MQTT or not
  std::optional<bool> is_mqtt_;
  std::optional<Cut> cut_;
  std::array<bool, 2> closed_{}, aborted_{}, watched_{};
  bool dialing_ = false, dialed_ = false, refused_ = false;
  bool answered_ = false;  // the handshake is over
};

}  // namespace mqttlab
