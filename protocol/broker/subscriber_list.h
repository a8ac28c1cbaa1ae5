// SubscriberList: who subscribes to one filter, at which QoS, by rising slot.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "protocol/wire/packet.h"

namespace mqttlab {

struct Subscriber {
  std::uint32_t slot;  ///< of a session
  QoS qos;
};

/// Most filters have one subscriber: it stands in the list itself and takes no memory of its own.
class SubscriberList {
 public:
  [[nodiscard]] std::span<const Subscriber> all() const {
    if (many_) return *many_;
    return {&one_, one_.slot == none ? std::size_t{0} : std::size_t{1}};
  }
  [[nodiscard]] bool empty() const { return all().empty(); }
  /// False if the slot was in: its QoS has been replaced.
  bool put(Subscriber subscriber) {
    const auto known = all();
    const auto at = position(known, subscriber.slot);
    if (at < known.size() && known[at].slot == subscriber.slot) {
      (many_ ? (*many_)[at] : one_).qos = subscriber.qos;
      return false;
    }
    if (known.empty()) {
      one_ = subscriber;
      return true;
    }
    if (!many_) many_ = std::make_unique<std::vector<Subscriber>>(1, one_);
    many_->insert(many_->begin() + static_cast<std::ptrdiff_t>(at), subscriber);
    return true;
  }
  /// False if the slot was not in.
  bool remove(std::uint32_t slot) {
    const auto known = all();
    const auto at = position(known, slot);
    if (at == known.size() || known[at].slot != slot) return false;
    if (!many_) {
      one_.slot = none;
      return true;
    }
    many_->erase(many_->begin() + static_cast<std::ptrdiff_t>(at));
    if (many_->size() > 1) return true;
    one_ = many_->front();
    many_.reset();
    return true;
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
