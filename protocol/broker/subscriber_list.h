// SubscriberList: who subscribes to one filter, and how, by rising slot.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "protocol/wire/packet.h"

namespace mqttlab {

struct Subscriber {
  std::uint32_t slot;  ///< of a session
  QoS qos;             ///< granted
  bool no_local = false;
  bool retain_as_published = false;
  bool identified = false;  ///< has a Subscription Identifier
};
static_assert(sizeof(Subscriber) == 8);

/// Most filters have one subscriber: it stands in the list itself and takes no memory of its own.
class SubscriberList {
 public:
  [[nodiscard]] std::span<const Subscriber> all() const {
    if (many_) return *many_;
    return {&one_, one_.slot == none ? std::size_t{0} : std::size_t{1}};
  }
  [[nodiscard]] bool empty() const { return all().empty(); }
  /// Index in all() of the first one behind this slot, or of none.
  [[nodiscard]] std::size_t behind(std::uint32_t slot) const { return position(all(), slot + 1); }
  /// The subscriber that was in with this slot: it has been replaced.
  std::optional<Subscriber> put(Subscriber subscriber) {
    const auto known = all();
    const auto at = position(known, subscriber.slot);
    if (at < known.size() && known[at].slot == subscriber.slot) {
      return std::exchange(many_ ? (*many_)[at] : one_, subscriber);  // MQTT-3.8.4-3
    }
    if (known.empty()) {
      one_ = subscriber;
      return std::nullopt;
    }
    if (!many_) many_ = std::make_unique<std::vector<Subscriber>>(1, one_);
    many_->insert(many_->begin() + static_cast<std::ptrdiff_t>(at), subscriber);
    return std::nullopt;
  }
  /// The subscriber that was in with this slot.
  std::optional<Subscriber> remove(std::uint32_t slot) {
    const auto known = all();
    const auto at = position(known, slot);
    if (at == known.size() || known[at].slot != slot) return std::nullopt;
    const Subscriber old = known[at];
    if (!many_) {
      one_.slot = none;
      return old;
    }
    many_->erase(many_->begin() + static_cast<std::ptrdiff_t>(at));
    if (many_->size() > 1) return old;
    one_ = many_->front();
    many_.reset();
    return old;
  }

 private:
  static constexpr std::uint32_t none = 0xFFFF'FFFF;
  static std::size_t position(std::span<const Subscriber> known, std::uint32_t slot) {
    const auto at = std::lower_bound(known.begin(), known.end(), slot,
                                     [](const Subscriber& subscriber, std::uint32_t wanted) {
                                       return subscriber.slot < wanted;
                                     });
    return static_cast<std::size_t>(at - known.begin());
  }
  Subscriber one_{none, QoS::at_most_once};
  std::unique_ptr<std::vector<Subscriber>> many_;  // two and more
};

}  // namespace mqttlab
