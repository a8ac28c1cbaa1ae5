// RetainedStore: the last retained message of each topic, found by topic filter.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/wire/packet.h"
#include "protocol/wire/slice.h"

namespace mqttlab {

struct Retained {
  Slice topic;
  Slice payload;
  QoS qos = QoS::at_most_once;
};

/// Copies what it keeps: a retained message must not hold on to the buffer that it arrived in.
class RetainedStore {
 public:
  /// Replaces the topic's message, whatever its QoS was (MQTT-3.3.1-5, MQTT-3.3.1-7). False, and
  /// nothing changed, if the topic would be a new one beyond `limit` topics.
  bool set(std::string_view topic, Bytes payload, QoS qos, std::size_t limit);
  void clear(std::string_view topic);  ///< MQTT-3.3.1-10
  /// The messages whose topics the filter matches, in the order of the topics' levels. Valid until
  /// the next set() or clear().
  [[nodiscard]] std::vector<const Retained*> match(std::string_view filter) const;
  [[nodiscard]] std::size_t size() const { return messages_.size(); }

 private:
  // Keys are topics with U+0000, which no topic contains, for '/': a level and all that lies below
  // it are neighbours, so a filter visits only the branches that it matches.
  using Messages = std::map<std::string, Retained, std::less<>>;
  void walk(std::string& prefix, std::string_view filter,
            std::vector<const Retained*>& found) const;
  void walk_all(const std::string& prefix, std::vector<const Retained*>& found) const;
  Messages messages_;
};

}  // namespace mqttlab
