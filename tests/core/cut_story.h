// CutStory: one exchange of a client whose link is cut, on one kind of session, judged.
#pragma once

#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tests/support/memory_world.h"

namespace mqttlab::testing {

/// How long the cut client's session lasts, and whether it comes back in time.
struct SessionKind {
  const char* name;
  ProtocolVersion version;
  bool clean;
  std::optional<std::uint32_t> expiry_s;  ///< 5.0
  bool late;                              ///< is away for longer than expiry_s
  /// The session outlives every cut of its link.
  [[nodiscard]] bool kept() const { return !late && expiry_s.value_or(clean ? 0 : 1) > 0; }
};
[[nodiscard]] std::span<const SessionKind> session_kinds();

/// Where a connection ends. stall: both directions fall silent instead of being reset.
struct Fault {
  bool up = true;
  std::uint64_t at = Wire::nowhere;
  bool stall = false;
};
[[nodiscard]] std::string words(const Fault& fault);

class CutStory;

/// One row of the table of exchanges.
struct Exchange {
  const char* name;
  void (*act)(CutStory& story);  ///< what happens from the moment at which the client starts
  bool v5_only = false;
  bool ends_session = false;  ///< by itself: nothing is promised over it
  bool starts_again = false;  ///< and then with Clean Start, if the session is a clean one
  void (*configure)(ClientConfig& client, BrokerConfig& broker) = nullptr;
  bool cut_twice = false;  ///< at every byte of the resume, too
};
[[nodiscard]] std::span<const Exchange> exchanges();

/// Each exchange on each kind of session that can have it.
struct CutCase {
  const Exchange* exchange;
  const SessionKind* kind;
  [[nodiscard]] std::string name() const { return exchange->name + std::string("_") + kind->name; }
};
[[nodiscard]] std::vector<CutCase> cut_cases();
void PrintTo(const CutCase& one, std::ostream* out);

/// How much a stream of the cut client had, from and to it.
struct Lengths {
  std::uint64_t up = 0, down = 0;
};

class CutStory {
 public:
  using Index = MemoryWorld::Index;
  CutStory(const Exchange& exchange, const SessionKind& kind, const Fault& fault,
           const Fault& next_fault = {}, WorldStore* store = nullptr);
  ~CutStory();
  /// The broker's store loses what it had been told last: what is judged by that does not count.
  bool broker_forgets = false;
  /// Plays and judges; what is wrong is a failure of the test.
  void play();
  /// Of the cut client's n-th connection, n from 1.
  [[nodiscard]] Lengths lengths(int connection) const;

  // For exchanges. `cut`: the client whose links are cut; `desk` and `mate` have good links, and
  // desk subscribes to everything; `rival` has cut's client id and has not been started.
  Index cut = 0, desk = 0, mate = 0, rival = 0;
  MemoryWorld& world() { return world_; }
  [[nodiscard]] bool v5() const { return kind_.version == ProtocolVersion::v5_0; }
  void start() { world_.start(cut); }
  void run(Time duration) { world_.run(duration); }
  void publish(Index from, std::string_view topic, QoS qos, bool retain = false,
               const Properties& properties = {});
  /// The cut client subscribes, and the story goes on when that is answered.
  void subscribe(std::string_view filter, QoS qos = QoS::exactly_once);
  Token unsubscribe(std::string_view filter);
  /// From now on desk's messages to `topic` are owed to cut, if its session is kept.
  void owes(std::string_view topic) { owed_.emplace_back(topic); }

 private:
  struct Published {
    Index from;
    Token token;
    std::string payload;
    QoS qos;
    bool owed;     ///< to cut
    bool expires;  ///< and need not arrive
  };
  [[nodiscard]] ClientConfig client(std::string id) const;
  void complete(Index client, const std::vector<Token>& tokens) const;
  void judge(const Published& message) const;

  const Exchange& exchange_;
  const SessionKind& kind_;
  std::unique_ptr<Access> access_;
  MemoryWorld world_;
  std::vector<Published> published_;
  std::vector<Token> requests_;  // of cut
  std::vector<std::string> owed_;
};

void PrintTo(const SessionKind& kind, std::ostream* out);
void PrintTo(const Exchange& exchange, std::ostream* out);

}  // namespace mqttlab::testing
