// Load: all connections of a run, and its course: connect, publish, drain.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "protocol/live/bench/connection.h"
#include "protocol/live/bench/outcome.h"
#include "protocol/live/bench/process.h"
#include "protocol/live/bench/tally.h"

namespace mqttlab::bench {

/// One thread, one epoll. A publisher's message is under way until it is acknowledged and everybody
/// who is owed it has it, so what waits in the broker is bounded by the plan at every QoS.
class Load final : private Listener {
 public:
  /// `stop` is polled: true ends the run early, with valid results.
  /// `progress` is told the outcome so far about once a second.
  Load(const Plan& plan, std::function<bool()> stop, std::function<void(const Outcome&)> progress);
  ~Load();

  /// Runs the plan once. Throws std::runtime_error if the connections do not come up.
  Outcome run();

 private:
  struct Publisher {
    Connection* connection = nullptr;
    std::uint64_t published = 0, ended = 0;  // exchanges; at QoS 0 messages that were written
    std::int64_t owed = 0;                   // deliveries of what was published
    bool eligible = false;                   // is in eligible_
  };

  void ready(Connection& connection) override;
  void acknowledged(Connection& connection, bool refused) override;
  void received(Connection& connection, const Stamp& stamp) override;
  void repeated(Connection& connection) override;
  void ended(Connection& connection, const std::string& why) override;

  void resolve();
  void connect();
  void dial_more();
  void publish();
  void drain();
  void stay();
  void close();

  /// Waits for sockets, until `until` at the latest, and serves them.
  void turn(Time until);
  void touch(Connection& connection);
  void flush();
  void watch(Connection& connection);
  void publish_at_rate(Time now);
  void publish_flat_out(Time now);
  void send(Publisher& publisher, Time stamp);
  [[nodiscard]] bool has_room(const Publisher& publisher) const;
  [[nodiscard]] bool all_sent(Time now) const;
  [[nodiscard]] bool all_there() const;
  void may_publish(Publisher& publisher);
  void forgive();
  void report(Time now);
  [[nodiscard]] bool over() const { return outcome_.interrupted || !outcome_.error.empty(); }
  void count();

  const Plan& plan_;
  std::function<bool()> stop_;
  std::function<void(const Outcome&)> progress_;
  Tally tally_;
  Process self_;
  std::optional<Process> broker_;
  Outcome outcome_;
  std::vector<std::uint8_t> address_;
  int epoll_ = -1, timer_ = -1;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::size_t dialed_ = 0, up_ = 0;
  std::vector<Publisher> publishers_;
  std::vector<Publisher*> eligible_;
  std::vector<Connection*> dirty_;
  std::vector<std::uint8_t> scratch_;
  Time started_ = 0, last_sent_ = 0, last_event_ = 0, last_delivery_ = 0, reported_ = 0;
  bool publishing_ = false;
};

}  // namespace mqttlab::bench
