// Oracle: the rules of MQTT as a checker over a trace. It streams over the events with its own
// model of the protocol and shares no state machine with client/ or broker/.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/trace/log.h"

namespace mqttlab::oracle {

/// What the model has to know and the wire does not tell.
struct Settings {
  double keep_alive_factor = 1.5;
  Time keep_alive_slack =
      100 * millisecond;  ///< how much later than factor x keep alive a broker may close
  /// How late the broker's host may be with what the broker has decided already: closing a link.
  Time host_grace = 100 * millisecond;
  /// How much earlier than factor x keep alive it may close: many count in whole seconds of a
  /// real clock.
  Time keep_alive_early = 0;
  /// A QoS 2 message may be passed on when PUBREL comes (Method A of the standard), not before.
  bool passes_on_at_pubrel = false;
  /// It may pass on a message some time after it has acknowledged it, to who is subscribed then.
  bool passes_on_later = false;
  /// The broker's end is watched from the path. What has arrived there it may never have read.
  bool from_the_path = false;
  Time ping_timeout = 10 * second;  ///< of the clients under test, for KA-DETECT; never: not known
  Time converge_within = 0;  ///< from the last phase event to the end everything must be done
  /// How long a peer that can may take to answer; not less than its access control takes.
  Time answer_within = 30 * second;
  bool queue_qos0 = false;
  /// Whether the trace has what applications asked for and were handed. If not, as on a link
  /// between foreign ends, what reaches the client's end counts as handed over, and a verdict that
  /// depends on it says so.
  bool applications = true;
  /// How much of what it had acknowledged last a broker may lose with a torn store; 0: nothing.
  Time crash_loses = 0;
  /// What the standard leaves open is asked for, and what it recommends is demanded.
  bool strict = false;
};

/// What is known of a device and its clients beside their packets.
struct DeviceFacts {
  /// At most, of a link that loses nothing; never: not known, or it may lose something.
  Time round_trip = std::numeric_limits<Time>::max();
  /// How long its clients wait for CONNACK; never: not known.
  Time connect_timeout = std::numeric_limits<Time>::max();
  /// Their wait before the n-th attempt after a failure: initial x factor^n, at most maximum, less
  /// up to `jitter` of it; n begins anew when a connection has stood for `stable`. 0: not known.
  Time backoff_initial = 0, backoff_maximum = 0, backoff_stable = 0;
  double backoff_factor = 1, backoff_jitter = 0;
  /// Its clients subscribe again by themselves where their session was lost.
  bool resubscribes = false;
};

/// What a broker counts of itself, and its limits; 0: no limit is known.
struct Gauges {
  std::uint64_t connections = 0, sessions = 0, subscriptions = 0, retained = 0, queued = 0,
                in_flight = 0, session_bytes = 0, pending_wills = 0;
  std::uint64_t most_retained = 0;
  std::uint64_t most_queued = 0, most_in_flight = 0;  ///< of one session
};

/// One finding: an invariant was broken, by these events (indices into the log), at this time.
struct Violation {
  std::string invariant;   ///< "Q1-NOLOSS"
  std::string statements;  ///< ids of normative statements, space-separated
  Time at = 0;
  std::string what;  ///< one sentence with names, topics and packet ids
  std::vector<std::uint64_t> events;
  /// Which end broke it; none: the trace does not tell, or neither did (two runs compared, the
  /// net).
  std::optional<trace::End> offender;
};

/// `departs`: broken, and no more than a recommendation.
enum class Status : std::uint8_t { pass, fail, not_observable, departs };

/// What the oracle knows of a rule, in words.
struct Invariant {
  std::string name;        ///< "Q1-NOLOSS"
  std::string group;       ///< "QoS 1"
  std::string strength;    ///< "MUST", "SHOULD", "liveness", "advisory", "policy", ...
  std::string needs;       ///< "wire", "app", "internal" or "pair"
  std::string statements;  ///< ids of normative statements, space-separated
};

struct Verdict {
  std::string invariant;
  Status status = Status::pass;
  std::uint64_t checked =
      0;  ///< how many times the rule applied; 0 with status pass is reported as not_observable
  std::string why;  ///< for not_observable: what was missing; else what is to be known, if anything
  std::string strength, needs, group;  ///< as Invariant has them
};

class Oracle : public trace::Listener {
 public:
  explicit Oracle(Settings settings);
  ~Oracle() override;
  void on(const trace::Event& event, const trace::Log& log) override;
  /// What is known of a device, before its first connection; a second client takes what the first
  /// does not promise away.
  void know(trace::Actor device, const DeviceFacts& facts);
  /// The application has told a client of the device to connect, now.
  void started(trace::Actor device);
  /// What the broker counts, at the end.
  void count(const Gauges& gauges);
  /// After the last event; `end` is the instant at which the run stopped.
  void finish(Time end, const trace::Log& log);
  [[nodiscard]] const std::vector<Violation>& violations() const;
  [[nodiscard]] std::vector<Verdict> verdicts() const;  ///< one per invariant, in a fixed order

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Every invariant this oracle knows, in report order.
[[nodiscard]] std::vector<std::string> invariants();
[[nodiscard]] std::vector<Invariant> catalogue();  ///< the same, with what is known of each

}  // namespace mqttlab::oracle
