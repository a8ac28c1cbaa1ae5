// RetainedStore: the last retained message of each topic, found by topic filter.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/broker/recorder.h"
#include "protocol/wire/codec.h"

namespace mqttlab {

struct Retained {
  EncodedPublish encoded;  ///< must not share an arrival buffer
  QoS qos = QoS::at_most_once;
  Time expires_at = never;     ///< where its Message Expiry Interval ends
  std::string publisher = {};  ///< client id; empty: the broker's own
};

/// A message whose Message Expiry Interval has passed is not there any more (v5 MQTT-3.3.2-5); its
/// memory is freed when it is found or when a limit is reached.
class RetainedStore {
 public:
  struct Limits {
    std::size_t messages, bytes;
  };
  /// The broker's own messages, below `$SYS/`, are not recorded.
  explicit RetainedStore(Recorder& recorder) : recorder_(recorder) {}

  /// Replaces the topic's message, whatever its QoS was (MQTT-3.3.1-5, MQTT-3.3.1-7). False, and
  /// nothing changed, if a limit would be exceeded.
  bool set(Retained message, const Limits& limits, Time now);
  /// One that the journal has: no limit applies.
  void restore(Retained message);
  void clear(std::string_view topic);  ///< MQTT-3.3.1-10; v5 MQTT-3.3.1-6
  /// The messages whose topics the filter matches, in the order of the topics' levels. Valid until
  /// the next call that is not const.
  [[nodiscard]] std::vector<const Retained*> match(std::string_view filter, Time now);
  [[nodiscard]] std::size_t size() const { return messages_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }  ///< topics, properties, payloads

 private:
  // Keys are topics with U+0000, which no topic contains, for '/': a level and all that lies below
  // it are neighbours, so a filter visits only the branches that it matches.
  using Messages = std::map<std::string, Retained, std::less<>>;
  using Found = std::vector<Messages::const_iterator>;
  void walk(std::string& prefix, std::string_view filter, Found& found) const;
  void walk_all(const std::string& prefix, Found& found) const;
  void erase(Messages::const_iterator at);
  void drop_expired(Time now);
  void record(const Retained& message);
  [[nodiscard]] bool records(std::string_view topic) const;

  Recorder& recorder_;
  Messages messages_;
  std::size_t bytes_ = 0;
  Time next_expiry_ = never;  // no message expires before it
};

}  // namespace mqttlab
