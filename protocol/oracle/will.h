// Wills: each CONNECT with a will is one will instance. It is published if and only if its
// connection ends without DISCONNECT (in 5.0: with reason 0) and, in 5.0, nobody comes back to the
// session before the delay is over; the end of the session ends the delay (WILL-IFF). It is
// published at most once (WILL-ONCE), and before what its client publishes later (WILL-ORDER). A
// takeover is such an end too. What the broker publishes is seen by who it is sent to: Delivery
// counts.
#pragma once

#include <functional>
#include <map>
#include <queue>
#include <utility>
#include <vector>

#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Delivery;
class Retained;

class Wills {
 public:
  /// What is known of the instances of one will message.
  struct Past {
    bool cancelled = false;
    bool by_resume = false;
    std::uint64_t event = 0;  ///< DISCONNECT or CONNACK that cancelled the last one
  };

  explicit Wills(Model& model) : model_(model) {}
  void connect(Delivery& delivery, Retained& retained) {
    delivery_ = &delivery;
    retained_ = &retained;
  }

  /// Before each event: wills whose delay is over are due.
  void advance() {
    while (!due_.empty() && due_.top().first < model_.now) due();
  }
  void accepted(Connection& connection);      ///< CONNACK with code 0 was written
  void disconnected(Connection& connection);  ///< DISCONNECT with reason 0 arrived
  void closed(Connection& connection);        ///< at the broker, the session told before
  void resumed(Session& session);             ///< a CONNECT goes on with it
  void session_over(const Session& session);
  /// The broker's process is gone: from now on each will may be published, and none need be soon.
  void crashed();
  /// The message was sent, or dropped, beyond what is due so far. True if it is the will of a
  /// connection whose end the broker may have decided already: it counts as published from now on.
  bool seen(std::uint64_t message);
  [[nodiscard]] Past past(std::uint64_t message);
  /// Of a will that may have gone out earlier, and comes now that it would be late: whether it is
  /// another connection's, which says the same.
  [[nodiscard]] bool is_next(Session& session, const Record& record, const Event& event);
  /// The broker began to send a message that is due to the session, a will or not.
  void sent(const Connection& connection, Session& session, const Record& record,
            const Event& event);
  void finish(Time end);

 private:
  /// A will whose connection is over and whose delay is not.
  struct Waiting {
    const trace::ConnectDetail* connect = nullptr;
    Text client_id = 0;
    std::uint32_t connection = 0;
    Time from = 0, by = 0;  // the earliest and the latest instant at which the delay may be over
  };
  struct Instances {
    std::vector<std::uint32_t> armed;    // connections
    std::vector<std::uint32_t> waiting;  // sessions
    Past past;
  };
  void due();
  void fire(Connection& connection);
  void fire(std::uint32_t session, bool owed);
  void accept(const trace::ConnectDetail& connect, Text client_id, bool owed);
  void overtaken(std::uint64_t message);
  void disarm(const Connection& connection);
  void cancel(const trace::ConnectDetail& connect, bool by_resume);
  [[nodiscard]] bool ready(std::uint32_t session) const;
  [[nodiscard]] const std::uint64_t* later(Session& session, const Record& record, QoS qos) const;
  bool seen_waiting(const Instances& instances);
  [[nodiscard]] Time delay(const Connection& connection);
  [[nodiscard]] bool replaced_for_good(Text client_id) const;
  [[nodiscard]] bool too_early(const Connection& connection);
  [[nodiscard]] bool justified(const Connection& connection) const;
  void check_early(const Connection& connection, Time closed_at);
  void early(Text client_id, const std::string& why, std::uint64_t event);
  void check_late(const Session& session, const Record& record, Time free_since);

  Model& model_;
  Delivery* delivery_ = nullptr;
  Retained* retained_ = nullptr;
  Table<Instances> by_message_;
  std::map<std::uint32_t, Waiting> waiting_;  // by session
  using Due = std::pair<Time, std::uint32_t>;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;  // Waiting::by, session
  Table<bool> topics_;                                              // of wills, by topic + 1
};

}  // namespace mqttlab::oracle
