// SubscriptionIndex: the subscriptions of all sessions, looked up by topic name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "protocol/broker/id_table.h"
#include "protocol/broker/subscriber_list.h"
#include "protocol/wire/packet.h"

namespace mqttlab {

/// A tree of topic levels. Levels are interned and the tree's edges live in one flat hash table, so
/// a match costs one look-up per level and branch, and a filter some 220 bytes (100,000 filters of
/// three levels). Filters and topics must be valid; whether a filter is acceptable is the caller's
/// business. `$share/{name}/{filter}` is a share of what `filter` matches: its subscribers are
/// members who take turns.
class SubscriptionIndex {
 public:
  static constexpr std::uint32_t none = IdTable::none;
  using FilterId = std::uint32_t;  ///< names a filter as long as somebody subscribes to it
  struct Added {
    FilterId filter;
    bool fresh;  ///< false: the subscriber had this filter already, and has been replaced
  };
  /// One shared subscription.
  struct Share {
    std::string name;
    std::string filter;  ///< all of it, `$share/{name}/...`
    std::uint32_t node;  // of `...`
    FilterId next;       // share of the same filter
    SubscriberList members;
    std::uint32_t served = none;  ///< slot of the member whose turn was last
  };
  /// What one subscriber is to get of a message: everything that its matching filters say.
  struct Match {
    std::uint32_t slot;
    QoS qos;                   ///< the highest granted (MQTT-3.3.5-1; v5 MQTT-3.3.4-2)
    bool retain_as_published;  ///< one of them at least says so
    bool identified;
    std::uint32_t identifiers;  // in match(): node; then, if identified, index in identifiers_
  };
  /// In the FilterId of a share, and in no other.
  static constexpr FilterId shared = 0x8000'0000;

  explicit SubscriptionIndex(std::uint64_t seed) : seed_(seed) { nodes_.emplace_back(); }

  /// `identifier`: its Subscription Identifier; 0: none.
  Added add(std::string_view filter, Subscriber subscriber, std::uint32_t identifier = 0);
  /// The id of an identical filter, character by character (MQTT-3.10.4-1), of any subscriber.
  [[nodiscard]] std::optional<FilterId> find(std::string_view filter) const;
  /// The subscriber must have the filter.
  void remove(FilterId filter, std::uint32_t slot);

  /// Every subscriber with a matching filter, once, by rising slot; shares are not among them.
  /// Subscriptions of `publisher` with No Local do not count. The list is valid until the next
  /// call that is not const.
  [[nodiscard]] const std::vector<Match>& match(std::string_view topic,
                                                std::uint32_t publisher = none);
  /// The shares whose filters matched in the last match(), by rising id.
  [[nodiscard]] const std::vector<FilterId>& matched_shares() const { return shares_found_; }
  /// The Subscription Identifiers of all filters behind a Match, as encoded properties; null:
  /// none has one.
  [[nodiscard]] const Slice* identifiers(const Match& match) const;
  /// The same of one subscription.
  [[nodiscard]] const Slice* identifier(FilterId filter, std::uint32_t slot) const;
  /// Null if nobody is left in it.
  [[nodiscard]] Share* share(FilterId id);

  [[nodiscard]] std::size_t size() const { return size_; }  ///< subscriptions, shared ones included
  /// How many of them have No Local: if none has, match() need not know the publisher.
  [[nodiscard]] std::size_t no_local() const { return no_local_; }
  /// Nodes of the tree in use, the root included: what memory follows.
  [[nodiscard]] std::size_t nodes() const { return nodes_.size() - free_nodes_.size(); }

 private:
  static constexpr std::uint32_t plus = none - 1, hash = none - 2;  // levels that are not interned
  static constexpr std::uint32_t root = 0;

  struct Node {
    std::uint32_t parent = none, level = none;
    std::uint32_t plus = none, hash = none;  // the children for + and #
    std::uint32_t children = 0;              // all of them
    FilterId shares = none;                  // the first one of this filter
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
  [[nodiscard]] FilterId find_share(std::uint32_t node, std::string_view name) const;
  FilterId add_share(std::uint32_t node, std::string_view name, std::string_view filter);
  void remove_share(FilterId id);
  [[nodiscard]] SubscriberList& subscribers(FilterId filter);
  void merge();
  void prune(std::uint32_t node);
  void collect(std::uint32_t node, std::uint32_t publisher);
  std::uint32_t topic_level(std::string_view topic, std::size_t depth);

  std::uint64_t seed_;
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> free_nodes_;
  std::vector<Level> levels_;
  std::vector<std::uint32_t> free_levels_;
  IdTable edges_, level_table_;
  std::unordered_map<FilterId, Share> shares_;  // looked up, never iterated; so are the next
  std::unordered_map<std::uint64_t, Slice> identifiers_of_;  // by filter and slot
  FilterId last_share_ = shared;
  std::size_t size_ = 0, no_local_ = 0;

  // Working memory of match(), kept from call to call.
  struct Visit {
    std::uint32_t node;
    std::uint32_t depth;
  };
  std::vector<Visit> stack_;
  std::vector<std::uint32_t> topic_levels_;
  std::size_t topic_taken_ = 0;  // bytes of the topic that are split
  std::size_t lists_ = 0;        // subscriber lists that went into found_
  bool identified_ = false;      // one of them has an identifier
  std::vector<Match> found_;
  std::vector<FilterId> shares_found_;
  std::vector<Slice> identifiers_;
};

}  // namespace mqttlab
