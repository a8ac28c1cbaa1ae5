#include "protocol/broker/retained.h"

#include <algorithm>
#include <iterator>
#include <utility>

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

bool RetainedStore::set(Retained message, const Limits& limits, Time now) {
  const std::string key = key_of(message.encoded.topic());
  const std::size_t size_bytes = message.encoded.size();
  const auto fits = [&] {
    const auto old = messages_.find(key);
    const bool fresh = old == messages_.end();
    const std::size_t others_bytes = bytes_ - (fresh ? 0 : old->second.encoded.size());
    return (!fresh || messages_.size() < limits.messages) &&
           others_bytes + size_bytes <= limits.bytes;
  };
  if (!fits()) {
    drop_expired(now);
    if (!fits()) return false;
  }
  if (records(message.encoded.topic())) record(message);
  restore(std::move(message));
  return true;
}

void RetainedStore::restore(Retained message) {
  next_expiry_ = std::min(next_expiry_, message.expires_at);
  Retained& kept = messages_[key_of(message.encoded.topic())];
  bytes_ = bytes_ - kept.encoded.size() + message.encoded.size();
  kept = std::move(message);
}

bool RetainedStore::records(std::string_view topic) const {
  return recorder_.is_on() && !topic.starts_with("$SYS/");
}

void RetainedStore::record(const Retained& message) {
  recorder_(journal::RetainedSet{recorder_.message(message.encoded, message.expires_at),
                                 message.qos, view_of(message.publisher)});
}

void RetainedStore::clear(std::string_view topic) {
  const auto at = messages_.find(key_of(topic));
  if (at != messages_.end()) erase(at);
}

void RetainedStore::erase(Messages::const_iterator at) {
  const std::string_view topic = at->second.encoded.topic();
  if (records(topic)) recorder_(journal::RetainedCleared{view_of(topic)});
  bytes_ -= at->second.encoded.size();
  messages_.erase(at);
}

// Looks at all of them, but only if one has expired since it last did.
void RetainedStore::drop_expired(Time now) {
  if (now < next_expiry_) return;
  next_expiry_ = never;
  for (auto at = messages_.cbegin(); at != messages_.cend();) {
    const auto next = std::next(at);
    if (at->second.expires_at <= now)
      erase(at);
    else
      next_expiry_ = std::min(next_expiry_, at->second.expires_at);
    at = next;
  }
}

std::vector<const Retained*> RetainedStore::match(std::string_view filter, Time now) {
  Found found;
  std::string prefix;
  walk(prefix, filter, found);
  std::vector<const Retained*> messages;
  messages.reserve(found.size());
  for (const auto at : found) {
    if (at->second.expires_at <= now)
      erase(at);
    else
      messages.push_back(&at->second);
  }
  return messages;
}

// `prefix`: the key of the levels matched so far, each with its separator. As deep as the filter.
void RetainedStore::walk(std::string& prefix, std::string_view filter, Found& found) const {
  const std::size_t slash = filter.find('/');
  const std::string_view level = filter.substr(0, slash);
  const bool last = slash == std::string_view::npos;
  const auto enter = [&](std::string_view text) {
    const std::size_t length = prefix.size();
    prefix += text;
    if (last) {
      const auto at = messages_.find(prefix);
      if (at != messages_.end()) found.push_back(at);
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
void RetainedStore::walk_all(const std::string& prefix, Found& found) const {
  if (!prefix.empty()) {
    const auto parent = messages_.find(std::string_view(prefix).substr(0, prefix.size() - 1));
    if (parent != messages_.end()) found.push_back(parent);
  }
  for (auto at = messages_.lower_bound(prefix);
       at != messages_.end() && at->first.starts_with(prefix); ++at)
    if (!hidden(prefix, at->first)) found.push_back(at);
}

}  // namespace mqttlab
