#include "protocol/session/exchanges.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace mqttlab {

Exchange& Exchanges::add(std::uint16_t id, Exchange exchange) {
  assert(id != 0 && index_of(id) == none);
  if (size_ == buckets_.size()) grow_buckets();
  Index at = free_;
  if (at == none) {
    assert(slots_.size() < none);
    at = static_cast<Index>(slots_.size());
    slots_.emplace_back();
  } else {
    free_ = slots_[at].same_bucket;
  }
  Slot& slot = slots_[at];
  slot.exchange = std::move(exchange);
  slot.id = id;
  slot.same_bucket = std::exchange(buckets_[bucket_of(id)], at);
  slot.older = std::exchange(youngest_, at);
  slot.younger = none;
  (slot.older == none ? oldest_ : slots_[slot.older].younger) = at;
  ++size_;
  return slot.exchange;
}

Exchange* Exchanges::find(std::uint16_t id) {
  const Index at = index_of(id);
  return at == none ? nullptr : &slots_[at].exchange;
}

const Exchange* Exchanges::find(std::uint16_t id) const {
  const Index at = index_of(id);
  return at == none ? nullptr : &slots_[at].exchange;
}

void Exchanges::remove(std::uint16_t id) {
  const Index at = index_of(id);
  assert(at != none);
  Slot& slot = slots_[at];
  Index* link = &buckets_[bucket_of(id)];
  while (*link != at) link = &slots_[*link].same_bucket;
  *link = slot.same_bucket;
  (slot.older == none ? oldest_ : slots_[slot.older].younger) = slot.younger;
  (slot.younger == none ? youngest_ : slots_[slot.younger].older) = slot.older;
  slot.exchange = {};  // lets go of the message now, not when the slot is used again
  slot.same_bucket = std::exchange(free_, at);
  --size_;
}

void Exchanges::clear() { *this = {}; }

std::uint16_t Exchanges::oldest() const { return oldest_ == none ? 0 : slots_[oldest_].id; }

std::uint16_t Exchanges::younger(std::uint16_t id) const {
  const Index next = slots_[index_of(id)].younger;
  return next == none ? 0 : slots_[next].id;
}

Exchanges::Index Exchanges::index_of(std::uint16_t id) const {
  if (buckets_.empty()) return none;
  Index at = buckets_[bucket_of(id)];
  while (at != none && slots_[at].id != id) at = slots_[at].same_bucket;
  return at;
}

void Exchanges::grow_buckets() {
  buckets_.assign(std::max<std::size_t>(8, buckets_.size() * 2), none);
  for (Index at = oldest_; at != none; at = slots_[at].younger) {
    slots_[at].same_bucket = std::exchange(buckets_[bucket_of(slots_[at].id)], at);
  }
}

}  // namespace mqttlab
