// Inbox: what waits for the application, and the acknowledgements owed for it.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "protocol/client/client.h"

namespace mqttlab::client {

/// An acknowledgement for a PUBLISH that arrived on a link. It is sent on that link or not at all
/// (ACK-CAUSAL): after a new link the server asks again.
struct OwedAck {
  std::uint64_t link = 0;
  std::uint16_t packet_id = 0;
  QoS qos = QoS::at_most_once;  ///< at_most_once: nothing is owed
};

/// Events in order. Acknowledgements leave in the order in which their PUBLISHes arrived, so the
/// answer to a repeat waits behind messages not yet taken.
class Inbox {
 public:
  void add(ClientEvent event);
  void add(Received message, OwedAck ack);
  void add_repeat(OwedAck ack);  ///< nothing to deliver, but to be answered in its turn

  /// The next event, if any, with the acknowledgement that taking it owes.
  [[nodiscard]] std::optional<std::pair<ClientEvent, OwedAck>> take();
  /// A repeat whose turn has come; to be called until it gives none.
  [[nodiscard]] std::optional<OwedAck> take_repeat();

  /// A QoS 2 message with this id has not been taken yet.
  [[nodiscard]] bool holds(std::uint16_t packet_id) const;
  [[nodiscard]] bool has_events() const { return events_ > 0; }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] std::size_t completions() const { return completions_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }  ///< of topics, payloads, properties

 private:
  struct Entry {
    std::optional<ClientEvent> event;  // none: a repeat
    OwedAck ack;
  };
  std::deque<Entry> entries_;
  std::size_t events_ = 0;
  std::size_t completions_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace mqttlab::client
