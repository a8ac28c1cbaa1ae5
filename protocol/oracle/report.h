// Report: what has been checked and what was found, rule by rule.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/oracle/oracle.h"

namespace mqttlab::oracle {

/// The invariants, in report order.
enum class Rule : std::uint8_t {
  no_fabrication,
  q0_atmost,
  q1_noloss,
  q1_resume,
  dup_bound,
  app_q1,
  q2_once,
  q2_no_republish,
  q2_resume,
  q2_total,
  q2_honest,
  dup_rule,
  no_live_resend,
  pid_unique,
  pid_stable,
  pid_release,
  ack_causal,
  rm_limit,
  quota_conserve,
  quota_nonblock,
  progress,
  alias_scope,
  ord_topic,
  ord_resend,
  ord_ack,
  expiry,
  sp_truth,
  sess_queue,
  sess_discard,
  sess_expiry,
  sub_durable,
  sub_intent,
  token_complete,
  one_conn,
  epoch,
  takeover_term,
  will_iff,
  will_once,
  will_order,
  birth_wins,
  ret_converge,
  ret_set,
  ret_mono,
  ret_flag,
  ka_send,
  ka_enforce,
  ka_fair,
  ka_detect,
  ka_false,
  clock_indep,
  dur_ack,
  dur_prefix,
  frame_equiv,
  stream_ok,
  close_drain,
  connect_bound,
  backoff,
  bounded,
  leak,
  amplify,
  shared_redispatch,
  converge,
};
inline constexpr std::size_t rules = static_cast<std::size_t>(Rule::converge) + 1;
[[nodiscard]] std::string_view name(Rule rule);

/// How much it weighs when a rule is broken. What the standard recommends, and patterns of
/// applications, are told and fail nothing, unless a run is strict.
enum class Strength : std::uint8_t {
  must,         ///< the standard demands it, or it follows from what it demands
  liveness,     ///< something good happens in time
  policy,       ///< a peer keeps to how it was configured
  library,      ///< a client library keeps to what it promises its application
  metamorphic,  ///< two runs come to the same
  strict,       ///< the standard leaves it open: only a strict run asks for it
  should,       ///< the standard recommends it, or good practice does
  advisory,
};
/// What a rule is judged by.
enum class Needs : std::uint8_t {
  wire,      ///< packets at the hosts' boundary
  app,       ///< calls and deliveries of the client's application
  internal,  ///< what a peer counts of itself
  pair,      ///< two runs: compare.h
};

class Report {
 public:
  /// Violations of one rule that are kept; the rest are counted. A broken broker breaks a rule with
  /// every message.
  static constexpr std::uint64_t kept_per_rule = 100;

  /// The rule applied and held, so far.
  void checked(Rule rule, std::uint64_t times = 1) { checked_[index(rule)] += times; }
  /// The rule applied and was broken, by the end that it binds. `what` is one sentence; event
  /// indices in rising order.
  void broken(Rule rule, Time at, std::string what, std::vector<std::uint64_t> events);
  /// The same of a rule that binds both ends, or when it was the other one.
  void broken(Rule rule, std::optional<trace::End> offender, Time at, std::string what,
              std::vector<std::uint64_t> events);
  /// Why the rule could not be judged although a run would usually show it.
  void not_observable(Rule rule, std::string why) { why_[index(rule)] = std::move(why); }

  /// What is to be known of a verdict that the rule holds.
  void note(Rule rule, std::string what) { notes_[index(rule)] = std::move(what); }

  [[nodiscard]] const std::vector<Violation>& violations() const { return violations_; }
  /// `strict`: what would only be told counts as failed.
  [[nodiscard]] std::vector<Verdict> verdicts(bool strict) const;

 private:
  [[nodiscard]] static constexpr std::size_t index(Rule rule) {
    return static_cast<std::size_t>(rule);
  }
  std::array<std::uint64_t, rules> checked_{}, broken_{};
  std::array<std::string, rules> why_, notes_, first_;
  std::vector<Violation> violations_;
};

/// "12.345678 s"; shorter when the digits are 0.
[[nodiscard]] std::string seconds(Time time);

}  // namespace mqttlab::oracle
