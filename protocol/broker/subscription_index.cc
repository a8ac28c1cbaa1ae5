#include "protocol/broker/subscription_index.h"

#include <algorithm>
#include <utility>

#include "protocol/wire/topic.h"

namespace mqttlab {
namespace {

// Calls `each` with every level of a filter, in order, until it returns false.
template <typename Each>
void for_each_level(std::string_view filter, Each each) {
  for (;;) {
    const std::size_t slash = filter.find('/');
    if (!each(filter.substr(0, slash)) || slash == std::string_view::npos) return;
    filter.remove_prefix(slash + 1);
  }
}

bool is_share(SubscriptionIndex::FilterId id) { return (id & SubscriptionIndex::shared) != 0; }

std::uint64_t key_of(SubscriptionIndex::FilterId filter, std::uint32_t slot) {
  return static_cast<std::uint64_t>(filter) << 32 | slot;
}

}  // namespace

SubscriptionIndex::Added SubscriptionIndex::add(std::string_view filter, Subscriber subscriber,
                                                std::uint32_t identifier) {
  const auto share = shared_filter(filter);
  std::uint32_t node = root;
  for_each_level(share ? share->filter : filter, [&](std::string_view level) {
    node = add_child(node, level);
    return true;
  });
  const FilterId id = share ? add_share(node, share->share_name, filter) : node;
  subscriber.identified = identifier != 0;
  const auto old = subscribers(id).put(subscriber);
  if (!old) ++size_;
  if (old && old->no_local) --no_local_;
  if (subscriber.no_local) ++no_local_;
  if (identifier != 0)
    identifiers_of_[key_of(id, subscriber.slot)] =
        Properties().add(PropertyId::subscription_identifier, identifier).bytes();
  else if (old && old->identified)
    identifiers_of_.erase(key_of(id, subscriber.slot));
  return {id, !old};
}

std::optional<SubscriptionIndex::FilterId> SubscriptionIndex::find(std::string_view filter) const {
  const auto share = shared_filter(filter);
  std::uint32_t node = root;
  for_each_level(share ? share->filter : filter, [&](std::string_view text) {
    if (text == "+") {
      node = nodes_[node].plus;
    } else if (text == "#") {
      node = nodes_[node].hash;
    } else {
      const std::uint32_t level = find_level(text);
      node = level == none ? none : find_child(node, level);
    }
    return node != none;
  });
  if (node != none && share)
    node = find_share(node, share->share_name);
  else if (node != none && nodes_[node].subscribers.empty())
    node = none;
  return node == none ? std::nullopt : std::optional(node);
}

void SubscriptionIndex::remove(FilterId filter, std::uint32_t slot) {
  SubscriberList& list = subscribers(filter);
  const auto old = list.remove(slot);
  if (!old) return;
  --size_;
  if (old->no_local) --no_local_;
  if (old->identified) identifiers_of_.erase(key_of(filter, slot));
  if (!is_share(filter)) return prune(filter);
  if (list.empty()) remove_share(filter);
}

SubscriberList& SubscriptionIndex::subscribers(FilterId filter) {
  return is_share(filter) ? shares_.at(filter).members : nodes_[filter].subscribers;
}

// The shares of one filter are chained.
SubscriptionIndex::FilterId SubscriptionIndex::find_share(std::uint32_t node,
                                                          std::string_view name) const {
  FilterId id = nodes_[node].shares;
  while (id != none && shares_.at(id).name != name) id = shares_.at(id).next;
  return id;
}

// Ids are used again as late as can be: messages on their way remember through which share they go.
SubscriptionIndex::FilterId SubscriptionIndex::add_share(std::uint32_t node, std::string_view name,
                                                         std::string_view filter) {
  const FilterId known = find_share(node, name);
  if (known != none) return known;
  do last_share_ = last_share_ + 1 == none ? shared : last_share_ + 1;
  while (shares_.contains(last_share_));
  shares_.emplace(last_share_, Share{.name = std::string(name),
                                     .filter = std::string(filter),
                                     .node = node,
                                     .next = std::exchange(nodes_[node].shares, last_share_),
                                     .members = {}});
  return last_share_;
}

void SubscriptionIndex::remove_share(FilterId id) {
  const auto at = shares_.find(id);
  const std::uint32_t node = at->second.node;
  FilterId* link = &nodes_[node].shares;
  while (*link != id) link = &shares_.at(*link).next;
  *link = at->second.next;
  shares_.erase(at);
  prune(node);
}

SubscriptionIndex::Share* SubscriptionIndex::share(FilterId id) {
  const auto at = shares_.find(id);
  return at == shares_.end() ? nullptr : &at->second;
}

const Slice* SubscriptionIndex::identifier(FilterId filter, std::uint32_t slot) const {
  const auto at = identifiers_of_.find(key_of(filter, slot));
  return at == identifiers_of_.end() ? nullptr : &at->second;
}

// Depth first, the exact child before the one for +: the same order in every run. A stack of our
// own, because a topic may have tens of thousands of levels.
const std::vector<SubscriptionIndex::Match>& SubscriptionIndex::match(std::string_view topic,
                                                                      std::uint32_t publisher) {
  found_.clear();
  shares_found_.clear();
  identifiers_.clear();
  topic_levels_.clear();
  topic_taken_ = lists_ = 0;
  identified_ = false;
  const bool dollar = topic.starts_with('$');
  stack_.push_back({root, 0});
  while (!stack_.empty()) {
    const Visit visit = stack_.back();
    stack_.pop_back();
    const Node& node = nodes_[visit.node];
    const bool wildcards = visit.depth > 0 || !dollar;  // MQTT-4.7.2-1
    // '#' stands for the levels below, and for the parent itself (4.7.1.2).
    if (node.hash != none && wildcards) collect(node.hash, publisher);
    const std::uint32_t level = topic_level(topic, visit.depth);
    if (level == hash) {  // behind the topic's last level
      collect(visit.node, publisher);
      continue;
    }
    if (node.plus != none && wildcards) stack_.push_back({node.plus, visit.depth + 1});
    if (level == none) continue;
    const std::uint32_t child = find_child(visit.node, level);
    // Exactly these characters (MQTT-3.3.2-3, MQTT-4.7.3-4).
    if (child != none) stack_.push_back({child, visit.depth + 1});
  }
  if (lists_ > 1 || identified_) merge();
  std::sort(shares_found_.begin(), shares_found_.end());
  return found_;
}

void SubscriptionIndex::collect(std::uint32_t node, std::uint32_t publisher) {
  for (FilterId id = nodes_[node].shares; id != none; id = shares_.at(id).next)
    shares_found_.push_back(id);
  const auto subscribers = nodes_[node].subscribers.all();
  if (subscribers.empty()) return;
  ++lists_;
  for (const Subscriber& subscriber : subscribers) {
    if (subscriber.no_local && subscriber.slot == publisher) continue;  // v5 MQTT-3.8.3-3
    identified_ = identified_ || subscriber.identified;
    found_.push_back({subscriber.slot, subscriber.qos, subscriber.retain_as_published,
                      subscriber.identified, node});
  }
}

// Makes one Match of each subscriber's, with all their identifiers.
void SubscriptionIndex::merge() {
  // The highest QoS comes first (MQTT-3.3.5-1; v5 MQTT-3.3.4-2).
  std::sort(found_.begin(), found_.end(), [](const Match& a, const Match& b) {
    return a.slot != b.slot ? a.slot < b.slot : a.qos > b.qos;
  });
  auto kept = found_.begin();
  std::vector<std::uint8_t> all;
  for (auto at = found_.begin(); at != found_.end();) {
    Match match = *at;
    const Slice* only = nullptr;
    std::size_t identifiers = 0;
    for (; at != found_.end() && at->slot == match.slot; ++at) {
      match.retain_as_published = match.retain_as_published || at->retain_as_published;
      if (!at->identified) continue;
      only = identifier(at->identifiers, at->slot);
      const Bytes bytes = only->bytes();
      if (identifiers++ == 0) all.clear();
      all.insert(all.end(), bytes.begin(), bytes.end());  // MQTT-3.3.4-4
    }
    match.identified = identifiers > 0;  // MQTT-3.3.4-3, U-3.3.4-1
    if (match.identified) {
      match.identifiers = static_cast<std::uint32_t>(identifiers_.size());
      identifiers_.push_back(identifiers == 1 ? *only : Slice::copy_of(all));
    }
    *kept++ = match;
  }
  found_.erase(kept, found_.end());
}

const Slice* SubscriptionIndex::identifiers(const Match& match) const {
  return match.identified ? &identifiers_[match.identifiers] : nullptr;
}

// The topic's level at `depth`: its id, `none` if no filter has it, `hash` behind the last one. The
// topic is split only as deep as filters reach.
std::uint32_t SubscriptionIndex::topic_level(std::string_view topic, std::size_t depth) {
  while (topic_levels_.size() <= depth) {
    if (topic_taken_ > topic.size()) return hash;
    const std::size_t slash = std::min(topic.find('/', topic_taken_), topic.size());
    topic_levels_.push_back(find_level(topic.substr(topic_taken_, slash - topic_taken_)));
    topic_taken_ = slash + 1;
  }
  return topic_levels_[depth];
}

std::uint32_t SubscriptionIndex::find_level(std::string_view text) const {
  return level_table_.find(hash_of(text, seed_),
                           [&](std::uint32_t id) { return levels_[id].text == text; });
}

std::uint32_t SubscriptionIndex::find_child(std::uint32_t parent, std::uint32_t level) const {
  if (nodes_[parent].children == 0) return none;
  return edges_.find(edge_hash(parent, level), [&](std::uint32_t id) {
    return nodes_[id].parent == parent && nodes_[id].level == level;
  });
}

std::uint32_t SubscriptionIndex::intern(std::string_view text) {
  if (text == "+") return plus;
  if (text == "#") return hash;
  std::uint32_t level = find_level(text);
  if (level != none) return level;
  if (free_levels_.empty()) {
    level = static_cast<std::uint32_t>(levels_.size());
    levels_.emplace_back();
  } else {
    level = free_levels_.back();
    free_levels_.pop_back();
  }
  levels_[level].text = text;
  level_table_.insert(hash_of(text, seed_), level);
  return level;
}

std::uint32_t SubscriptionIndex::add_child(std::uint32_t parent, std::string_view text) {
  const std::uint32_t level = intern(text);
  const bool wild = level == plus || level == hash;
  std::uint32_t child = level == plus   ? nodes_[parent].plus
                        : level == hash ? nodes_[parent].hash
                                        : find_child(parent, level);
  if (child != none) return child;
  if (free_nodes_.empty()) {
    child = static_cast<std::uint32_t>(nodes_.size());
    nodes_.emplace_back();
  } else {
    child = free_nodes_.back();
    free_nodes_.pop_back();
  }
  nodes_[child].parent = parent;
  nodes_[child].level = level;
  ++nodes_[parent].children;
  if (wild) {
    (level == plus ? nodes_[parent].plus : nodes_[parent].hash) = child;
  } else {
    ++levels_[level].nodes;
    edges_.insert(edge_hash(parent, level), child);
  }
  return child;
}

// Gives back a node that nobody subscribes to and that leads nowhere, and its parents likewise.
void SubscriptionIndex::prune(std::uint32_t node) {
  while (node != root && nodes_[node].subscribers.empty() && nodes_[node].shares == none &&
         nodes_[node].children == 0) {
    const std::uint32_t parent = nodes_[node].parent, level = nodes_[node].level;
    if (level == plus) {
      nodes_[parent].plus = none;
    } else if (level == hash) {
      nodes_[parent].hash = none;
    } else {
      edges_.erase(edge_hash(parent, level), node);
      if (--levels_[level].nodes == 0) {
        level_table_.erase(hash_of(levels_[level].text, seed_), level);
        levels_[level] = {};
        free_levels_.push_back(level);
      }
    }
    nodes_[node] = {};
    free_nodes_.push_back(node);
    --nodes_[parent].children;
    node = parent;
  }
}

}  // namespace mqttlab
