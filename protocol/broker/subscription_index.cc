#include "protocol/broker/subscription_index.h"

#include <algorithm>

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

}  // namespace

SubscriptionIndex::Added SubscriptionIndex::add(std::string_view filter, Subscriber subscriber) {
  std::uint32_t node = root;
  for_each_level(filter, [&](std::string_view level) {
    node = add_child(node, level);
    return true;
  });
  const bool fresh = nodes_[node].subscribers.put(subscriber);
  if (fresh) ++size_;
  return {node, fresh};
}

std::optional<SubscriptionIndex::FilterId> SubscriptionIndex::find(std::string_view filter) const {
  std::uint32_t node = root;
  for_each_level(filter, [&](std::string_view text) {
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
  if (node == none || nodes_[node].subscribers.empty()) return std::nullopt;
  return node;
}

void SubscriptionIndex::remove(FilterId filter, std::uint32_t slot) {
  if (!nodes_[filter].subscribers.remove(slot)) return;
  --size_;
  prune(filter);
}

// Depth first, the exact child before the one for +: the same order in every run. A stack of our
// own, because a topic may have tens of thousands of levels.
const std::vector<Subscriber>& SubscriptionIndex::match(std::string_view topic) {
  found_.clear();
  topic_levels_.clear();
  topic_taken_ = lists_ = 0;
  const bool dollar = topic.starts_with('$');
  stack_.push_back({root, 0});
  while (!stack_.empty()) {
    const Visit visit = stack_.back();
    stack_.pop_back();
    const Node& node = nodes_[visit.node];
    const bool wildcards = visit.depth > 0 || !dollar;  // MQTT-4.7.2-1
    // '#' stands for the levels below, and for the parent itself (4.7.1.2).
    if (node.hash != none && wildcards) collect(node.hash);
    const std::uint32_t level = topic_level(topic, visit.depth);
    if (level == hash) {  // behind the topic's last level
      collect(visit.node);
      continue;
    }
    if (node.plus != none && wildcards) stack_.push_back({node.plus, visit.depth + 1});
    if (level == none) continue;
    const std::uint32_t child = find_child(visit.node, level);
    if (child != none) stack_.push_back({child, visit.depth + 1});
  }
  if (lists_ > 1) {
    std::sort(found_.begin(), found_.end(), [](const Subscriber& a, const Subscriber& b) {
      return a.slot != b.slot ? a.slot < b.slot : a.qos > b.qos;
    });
    const auto same = [](const Subscriber& a, const Subscriber& b) { return a.slot == b.slot; };
    found_.erase(std::unique(found_.begin(), found_.end(), same), found_.end());
  }
  return found_;
}

void SubscriptionIndex::collect(std::uint32_t node) {
  const auto subscribers = nodes_[node].subscribers.all();
  if (subscribers.empty()) return;
  ++lists_;
  found_.insert(found_.end(), subscribers.begin(), subscribers.end());
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
  while (node != root && nodes_[node].subscribers.empty() && nodes_[node].children == 0) {
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
