// Topic aliases of the two directions of one connection. They never outlive it (MQTT-3.3.2-7).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/wire/packet.h"
#include "protocol/wire/result.h"

namespace mqttlab {

/// The aliases that this end uses. First come, first served: topics beyond the limit are written in
/// full, for an alias that changes hands costs more than it saves.
class OutboundAliases {
 public:
  OutboundAliases() = default;
  /// `limit`: the smaller one of what the peer accepts and what this end wants to use; 0: none.
  explicit OutboundAliases(std::uint16_t limit) : limit_(limit) {}
  [[nodiscard]] std::uint16_t limit() const { return limit_; }
  /// The topic's alias; 0: it has none.
  [[nodiscard]] std::uint16_t find(std::string_view topic) const;
  /// Gives the topic the next free alias; 0: there is none left.
  std::uint16_t add(std::string_view topic);

 private:
  std::uint16_t limit_ = 0;
  std::map<std::string, std::uint16_t, std::less<>> aliases_;
};

/// The aliases that the peer has set.
class InboundAliases {
 public:
  InboundAliases() = default;
  /// `limit`: the Topic Alias Maximum that this end announced.
  explicit InboundAliases(std::uint16_t limit) : limit_(limit) {}
  /// The PUBLISH's topic name, which may be that of its alias; an alias beside a topic is set. A
  /// Violation for an alias out of range (0x94) and for one that stands for nothing (0x82).
  [[nodiscard]] Result<Slice> resolve(const Publish& publish);

 private:
  std::uint16_t limit_ = 0;
  std::vector<Slice> topics_;  // by alias - 1
};

}  // namespace mqttlab
