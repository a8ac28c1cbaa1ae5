// Exchanges: open QoS 1 and 2 exchanges, found by packet id, walked in sending order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "protocol/wire/codec.h"
#include "protocol/wire/packet.h"

namespace mqttlab {

/// A message on its way out of a session.
struct OutMessage {
  EncodedPublish encoded;  ///< shared by all sessions that send this message
  QoS qos = QoS::at_most_once;
  bool retain = false;  ///< RETAIN as this receiver is to see it
  QoS published_qos{};  ///< what `qos` and `retain` were before its subscription changed them
  bool published_retain = false;
  std::uint32_t origin = 0;  ///< the owner's own note of where it came from
  std::uint64_t token = 0;   ///< the owner's own reference; given back on completion
  Time expires_at = never;   ///< where its Message Expiry Interval ends
  Slice identifiers = {};    ///< this receiver's Subscription Identifiers, as encoded properties
  std::uint64_t record = 0;  ///< the owner's number for it in its journal; 0: it is not there
};

enum class Stage : std::uint8_t { await_puback, await_pubrec, await_pubcomp };

struct Exchange {
  OutMessage message;  ///< its encoding is dropped once PUBREC has arrived
  Stage stage = Stage::await_puback;
  bool takes_quota = false;  ///< its PUBLISH was written on the present link
};

/// A pool of slots, chained twice: by hash of the packet id, and from the oldest exchange to the
/// youngest. Adding, finding and removing take constant time and, once the pool has grown to the
/// window, no allocation; memory follows the exchanges that are open, not the range of ids.
class Exchanges {
 public:
  /// `id` must not be in; at most 65,535 exchanges. The reference is valid until the next add().
  Exchange& add(std::uint16_t id, Exchange exchange);
  [[nodiscard]] Exchange* find(std::uint16_t id);
  [[nodiscard]] const Exchange* find(std::uint16_t id) const;
  void remove(std::uint16_t id);  ///< `id` must be in
  void clear();
  [[nodiscard]] std::size_t size() const { return size_; }

  [[nodiscard]] std::uint16_t oldest() const;                   ///< its packet id; 0 if empty
  [[nodiscard]] std::uint16_t younger(std::uint16_t id) const;  ///< the one sent after it; 0: none

 private:
  using Index = std::uint16_t;
  static constexpr Index none = 65'535;
  struct Slot {
    Exchange exchange;
    std::uint16_t id = 0;
    Index same_bucket = none;  // in a free slot: the next free one
    Index older = none, younger = none;
  };
  [[nodiscard]] std::size_t bucket_of(std::uint16_t id) const { return id & (buckets_.size() - 1); }
  [[nodiscard]] Index index_of(std::uint16_t id) const;
  void grow_buckets();

  std::vector<Slot> slots_;
  std::vector<Index> buckets_;  // a power of two; first slot of each chain
  Index free_ = none, oldest_ = none, youngest_ = none;
  std::size_t size_ = 0;
};

}  // namespace mqttlab
