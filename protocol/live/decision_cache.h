// DecisionCache: verdicts that an identity system has given lately.
#pragma once

#include <algorithm>
#include <cstddef>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "protocol/broker/access.h"

namespace mqttlab::live {

class DecisionCache {
 public:
  struct Limits {
    Time granted = 60 * second;  ///< how long a grant counts; 0: never
    Time denied = 5 * second;
    std::size_t decisions = 10'000;  ///< the oldest goes first
  };
  explicit DecisionCache(Limits limits) : limits_(limits) {}

  /// `key` names all that the question said, and is no secret itself.
  [[nodiscard]] std::optional<Decision> find(const std::string& key, Time now) const {
    const auto at = by_key_.find(key);
    if (at == by_key_.end() || at->second->until <= now) return std::nullopt;
    return at->second->decision;
  }

  void put(const std::string& key, const Decision& decision, Time now) {
    const bool granted = decision.verdict == Verdict::granted;
    const Time until = std::min(now + (granted ? limits_.granted : limits_.denied),
                                granted ? decision.valid_until : never);
    if (const auto at = by_key_.find(key); at != by_key_.end()) erase(at->second);
    if (until <= now || limits_.decisions == 0) return;
    if (entries_.size() >= limits_.decisions) erase(entries_.begin());
    entries_.push_back({key, decision, until});
    by_key_[key] = std::prev(entries_.end());
  }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string key;
    Decision decision;
    Time until;
  };
  using Entries = std::list<Entry>;
  void erase(Entries::iterator entry) {
    by_key_.erase(entry->key);
    entries_.erase(entry);
  }
  Limits limits_;
  Entries entries_;  // the oldest first
  std::map<std::string, Entries::iterator> by_key_;
};

}  // namespace mqttlab::live
