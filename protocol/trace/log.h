// Log: the events of one run in one total order, with the strings and lists they refer to, and the
// run's fingerprint.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "protocol/trace/detail.h"
#include "protocol/trace/event.h"

namespace mqttlab::trace {

/// Sees every event as it is appended.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void on(const Event& event, const class Log& log) = 0;
};

class Log {
 public:
  /// `on`: false for one that keeps nothing. It has names and strings, but no event ever.
  explicit Log(bool on = true);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  Actor add_actor(std::string_view name);  ///< numbered from 0 in order of arrival
  [[nodiscard]] std::string_view actor_name(Actor actor) const;
  [[nodiscard]] std::size_t actors() const;
  Text intern(std::string_view text);
  [[nodiscard]] std::string_view text(Text text) const;
  [[nodiscard]] std::size_t texts() const;
  std::uint32_t add_detail(Detail detail);  ///< never 0
  [[nodiscard]] const Detail& detail(std::uint32_t index) const;
  /// The detail of a packet of which it is known what it has.
  template <typename Wanted>
  [[nodiscard]] const Wanted& detail(std::uint32_t index) const {
    return std::get<Wanted>(detail(index));
  }

  /// Where to record: this one, or null if it keeps nothing, so that no event is made for it.
  [[nodiscard]] Log* sink() { return on_ ? this : nullptr; }
  [[nodiscard]] bool is_on() const { return on_; }
  void append(const Event& event);
  [[nodiscard]] const std::vector<Event>& events() const { return events_; }
  /// At most what the trace takes in memory, with all that its events refer to. Events count twice:
  /// they move when there is no room for more, and who reads them gets a copy.
  [[nodiscard]] std::uint64_t bytes() const {
    return referred_bytes_ + 2 * sizeof(Event) * events_.size();
  }
  void listen(Listener* listener);  ///< called for every later event; must outlive the log's use

  /// Identity of a message: a hash of topic and payload, never 0. Two publishes of equal topic and
  /// payload have one identity; harnesses stamp payloads to tell them apart.
  [[nodiscard]] static std::uint64_t identity(std::string_view topic, Bytes payload);

  /// Hex of a hash over every event so far, to its nanosecond, with strings by content: the same in
  /// every process and build. Strings count when an event first refers to them: interning alone
  /// changes nothing. Empty if it keeps nothing.
  [[nodiscard]] std::string fingerprint() const;

 private:
  struct Hash;
  const bool on_;
  std::unique_ptr<Hash> hash_;
  std::vector<Event> events_;
  std::vector<std::string> actor_names_;
  std::deque<std::string> texts_;
  std::unordered_map<std::string_view, Text> text_index_;
  std::deque<Detail> details_;
  std::uint64_t referred_bytes_ = 0;  // of texts and details
  std::vector<Listener*> listeners_;
};

}  // namespace mqttlab::trace
