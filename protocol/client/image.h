// Image: what a client must still know when its process comes back.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/client/client.h"
#include "protocol/session/exchanges.h"

namespace mqttlab::client {

/// A client whose process ends goes on with it as over a lost link: exchanges at their stage and
/// under their ids, the queue behind them, ids of QoS 2 messages that the application has taken,
/// filters. Who keeps one writes it before anything leaves that rests on it: whenever the client is
/// about to write, has taken a call, or given an event away.
struct Image {
  struct Message {
    Slice topic, payload;  ///< empty once PUBREC has come
    Properties properties = {};
    QoS qos = QoS::at_least_once;
    bool retain = false;
    Time expires_at = never;  ///< in the host's time, which goes on meanwhile
    Token token = 0;
    std::uint16_t packet_id = 0;  ///< 0: it waits
    Stage stage = Stage::await_puback;
    friend bool operator==(const Message&, const Message&) = default;
  };
  struct Filter {
    Subscription subscription;
    std::uint32_t identifier = 0;  ///< Subscription Identifier; 0: none
    bool asked = false;            ///< its SUBSCRIBE has no answer yet
    friend bool operator==(const Filter&, const Filter&) = default;
  };
  std::string client_id;
  bool has_session = false;
  std::uint32_t expiry_s = 0;  ///< how long the session outlives its link
  Token last_token = 0;
  std::uint16_t last_packet_id = 0;
  std::vector<Message> messages;  ///< in flight, in sending order, then those that wait
  std::vector<std::uint16_t> taken;
  std::vector<Filter> filters;
  friend bool operator==(const Image&, const Image&) = default;
};

[[nodiscard]] std::vector<std::uint8_t> to_bytes(const Image& image);
/// Of what to_bytes() gave; its slices share the memory of `bytes`.
[[nodiscard]] Image image_of(const Slice& bytes);

}  // namespace mqttlab::client
