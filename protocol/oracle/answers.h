// Answers: the packets that an end owes for those that have arrived there, connection by
// connection. Judges ACK-CAUSAL, ORD-ACK, Q2-TOTAL and QUOTA-NONBLOCK.
#pragma once

#include <array>
#include <deque>
#include <vector>

#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Answers {
 public:
  explicit Answers(Model& model) : model_(model) {}

  // Each before the event changes the model.
  void arrived(Connection& connection, const Event& event);
  void written(Connection& connection, const Event& event);
  /// A process has ended: what its store may have missed, it may do again.
  void crashed(const Event& event);
  /// This end has lost the connection, or the run is over.
  void closed(Connection& connection, const Event& event);
  void finish(Connection& connection);

 private:
  /// What is owed for one packet that has arrived.
  struct Owed {
    Time at = 0;
    std::uint64_t event = 0;
    std::uint16_t packet_id = 0;
    bool repeat = false;  ///< of a QoS 2 PUBLISH that PUBREL has not released
    bool waived = false;  ///< a finding already, or not certain to be owed
  };
  /// Oldest first. What is answered in its turn is not moved.
  struct Queue {
    std::vector<Owed> owed;
    std::size_t first = 0;

    [[nodiscard]] bool empty() const { return first == owed.size(); }
    [[nodiscard]] const Owed* oldest() const;  ///< that is not waived; null: none
    void erase(std::size_t index);
  };
  static constexpr std::size_t kinds = 7;
  static constexpr std::size_t remembered = 65'536;  // answers owed per end, kind and connection
  /// One end of one connection.
  struct Ledger {
    std::array<Queue, kinds> queues{};
    std::uint64_t last = 0;   ///< event of the last packet that arrived
    std::uint8_t reason = 0;  ///< of DISCONNECT that was written (5.0)
    bool complete = true;     ///< nothing was owed that is not remembered any more
    /// Exchanges of earlier connections that its PUBREC has gone on with.
    std::vector<std::uint16_t> went_on{};
  };
  /// An end and what it owes.
  struct Here {
    Connection& connection;
    End end;
    Ledger& ledger;

    [[nodiscard]] Side& side() const { return connection.side(end); }
    [[nodiscard]] const Side& other() const {
      return end == End::client ? connection.broker : connection.client;
    }
  };

  /// An exchange of QoS 2 that was released, and whose.
  struct Released {
    End end;
    std::uint32_t whose;  ///< a session at the broker, or a client
    std::uint16_t packet_id;
    Time over_at;
  };
  [[nodiscard]] std::uint32_t whose(const Here& here);
  void ended(const Here& here, const Event& pubcomp);
  [[nodiscard]] bool may_resume(const Here& here, std::uint16_t packet_id);
  void may_be_lost(Table<Exchange>& out, End end, std::uint32_t whose);
  [[nodiscard]] Here here(Connection& connection, End end);
  void owe(const Here& here, const Event& event);
  void answered(const Here& here, const Event& event, std::size_t kind, std::size_t index);
  void without_cause(const Here& here, const Event& event);
  void in_turn(const Here& here, const Event& event, std::size_t kind, std::size_t index);
  void passed_over(const Here& here, const Owed& answered);
  void blocked(const Here& here);
  void over(const Here& here);
  void leave_unread(const Here& here);
  void read_after_all(const Here& here, std::uint16_t packet_id);
  [[nodiscard]] bool left_unread(std::uint32_t session, std::uint16_t packet_id) const;
  void turned_away(const Here& here, Time now);
  void unanswered(const Here& here, std::size_t kind, const std::string& how);
  [[nodiscard]] Table<Exchange>* exchanges(const Here& here);
  [[nodiscard]] bool received_before(const Here& here, const Event& publish);
  [[nodiscard]] bool goes_on(const Here& here, std::uint16_t packet_id);
  [[nodiscard]] Time handed_at(const Here& here);
  [[nodiscard]] static std::uint64_t key(const Connection& connection, End end) {
    return std::uint64_t{connection.number} << 1 | (end == End::broker ? 1U : 0U);
  }

  Model& model_;
  Table<Ledger> ledgers_;        // by connection and end
  std::deque<Released> ended_;   // by PUBCOMP, of late
  std::deque<Released> unread_;  // PUBRELs, perhaps
  std::vector<Released> again_;  // after a crash
};

}  // namespace mqttlab::oracle
