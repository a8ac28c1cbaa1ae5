#include "protocol/broker/retained.h"

#include <algorithm>

namespace mqttlab {
namespace {

constexpr char separator = '\0';

std::string key_of(std::string_view topic) {
  std::string key(topic);
  std::replace(key.begin(), key.end(), '/', separator);
  return key;
}

// A leading wildcard does not match a leading '$' (MQTT-4.7.2-1).
bool hidden(const std::string& prefix, std::string_view level) {
  return prefix.empty() && level.starts_with('$');
}

}  // namespace

bool RetainedStore::set(std::string_view topic, Bytes payload, QoS qos, std::size_t limit) {
  std::string key = key_of(topic);
  auto at = messages_.find(key);
  if (at == messages_.end()) {
    if (messages_.size() >= limit) return false;
    at = messages_.try_emplace(std::move(key)).first;
    at->second.topic = Slice::copy_of(topic);
  }
  at->second.payload = Slice::copy_of(payload);
  at->second.qos = qos;
  return true;
}

void RetainedStore::clear(std::string_view topic) { messages_.erase(key_of(topic)); }

std::vector<const Retained*> RetainedStore::match(std::string_view filter) const {
  std::vector<const Retained*> found;
  std::string prefix;
  walk(prefix, filter, found);
  return found;
}

// `prefix`: the key of the levels matched so far, each with its separator. As deep as the filter.
void RetainedStore::walk(std::string& prefix, std::string_view filter,
                         std::vector<const Retained*>& found) const {
  const std::size_t slash = filter.find('/');
  const std::string_view level = filter.substr(0, slash);
  const bool last = slash == std::string_view::npos;
  const auto enter = [&](std::string_view text) {
    const std::size_t length = prefix.size();
    prefix += text;
    if (last) {
      const auto at = messages_.find(prefix);
      if (at != messages_.end()) found.push_back(&at->second);
    } else {
      prefix += separator;
      walk(prefix, filter.substr(slash + 1), found);
    }
    prefix.resize(length);
  };
  if (level == "#") return walk_all(prefix, found);
  if (level != "+") return enter(level);
  for (auto at = messages_.lower_bound(prefix);
       at != messages_.end() && at->first.starts_with(prefix);) {
    const std::size_t end = at->first.find(separator, prefix.size());
    const std::string text = at->first.substr(prefix.size(), end - prefix.size());
    if (!hidden(prefix, text)) enter(text);
    at = messages_.lower_bound(prefix + text + char(separator + 1));
  }
}

// Everything below the prefix, and the topic that is the prefix without its separator (4.7.1.2).
void RetainedStore::walk_all(const std::string& prefix, std::vector<const Retained*>& found) const {
  if (!prefix.empty()) {
    const auto parent = messages_.find(std::string_view(prefix).substr(0, prefix.size() - 1));
    if (parent != messages_.end()) found.push_back(&parent->second);
  }
  for (auto at = messages_.lower_bound(prefix);
       at != messages_.end() && at->first.starts_with(prefix); ++at)
    if (!hidden(prefix, at->first)) found.push_back(&at->second);
}

}  // namespace mqttlab
