// SubscriptionIndex: the subscriptions of all sessions, looked up by topic name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/broker/id_table.h"
#include "protocol/broker/subscriber_list.h"
#include "protocol/wire/packet.h"

namespace mqttlab {

/// A tree of topic levels. Levels are interned and the tree's edges live in one flat hash table, so
/// a match costs one look-up per level and branch, and a filter some 220 bytes (100,000 filters of
/// three levels). Filters and topics must be valid; whether a filter is acceptable is the caller's
/// business.
class SubscriptionIndex {
 public:
  using FilterId = std::uint32_t;  ///< names a filter as long as somebody subscribes to it
  struct Added {
    FilterId filter;
    bool fresh;  ///< false: the subscriber had this filter already, and its QoS has been replaced
  };

  explicit SubscriptionIndex(std::uint64_t seed) : seed_(seed) { nodes_.emplace_back(); }

  Added add(std::string_view filter, Subscriber subscriber);
  /// The id of an identical filter, character by character (MQTT-3.10.4-1), of any subscriber.
  [[nodiscard]] std::optional<FilterId> find(std::string_view filter) const;
  /// The subscriber must have the filter.
  void remove(FilterId filter, std::uint32_t slot);

  /// Every subscriber with a matching filter, once, with the highest QoS among its matching filters
  /// (MQTT-3.3.5-1), by rising slot. The list is valid until the next call.
  [[nodiscard]] const std::vector<Subscriber>& match(std::string_view topic);

  [[nodiscard]] std::size_t size() const { return size_; }  ///< subscriptions
  /// Nodes of the tree in use, the root included: what memory follows.
  [[nodiscard]] std::size_t nodes() const { return nodes_.size() - free_nodes_.size(); }

 private:
  static constexpr std::uint32_t none = IdTable::none;
  static constexpr std::uint32_t plus = none - 1, hash = none - 2;  // levels that are not interned
  static constexpr std::uint32_t root = 0;

  struct Node {
    std::uint32_t parent = none, level = none;
    std::uint32_t plus = none, hash = none;  // the children for + and #
    std::uint32_t children = 0;              // all of them
    SubscriberList subscribers;
  };
  struct Level {
    std::string text;
    std::uint32_t nodes = 0;  // that stand for it
  };

  [[nodiscard]] std::uint32_t find_level(std::string_view text) const;
  [[nodiscard]] std::uint32_t find_child(std::uint32_t parent, std::uint32_t level) const;
  [[nodiscard]] std::uint32_t edge_hash(std::uint32_t parent, std::uint32_t level) const {
    return static_cast<std::uint32_t>(
        mix(seed_ ^ (static_cast<std::uint64_t>(parent) << 32 | level)));
  }
  std::uint32_t intern(std::string_view text);
  std::uint32_t add_child(std::uint32_t parent, std::string_view text);
  void prune(std::uint32_t node);
  void collect(std::uint32_t node);
  std::uint32_t topic_level(std::string_view topic, std::size_t depth);

  std::uint64_t seed_;
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> free_nodes_;
  std::vector<Level> levels_;
  std::vector<std::uint32_t> free_levels_;
  IdTable edges_, level_table_;
  std::size_t size_ = 0;

  // Working memory of match(), kept from call to call.
  struct Visit {
    std::uint32_t node;
    std::uint32_t depth;
  };
  std::vector<Visit> stack_;
  std::vector<std::uint32_t> topic_levels_;
  std::size_t topic_taken_ = 0;  // bytes of the topic that are split
  std::size_t lists_ = 0;        // subscriber lists that went into found_
  std::vector<Subscriber> found_;
};

}  // namespace mqttlab
