// BrokerCore: the broker's inside. Links, their timers, who connects as whom; messages are the
// Router's.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "protocol/broker/absence.h"
#include "protocol/broker/broker.h"
#include "protocol/broker/broker_link.h"
#include "protocol/broker/ledger.h"
#include "protocol/broker/recorder.h"
#include "protocol/broker/router.h"
#include "protocol/broker/session_table.h"
#include "protocol/broker/sys_topics.h"
#include "protocol/journal/image.h"
#include "protocol/session/random.h"
#include "protocol/session/timers.h"
#include "protocol/wire/block_pool.h"

namespace mqttlab {

class BrokerCore {
 public:
  BrokerCore(BrokerConfig config, std::uint64_t seed, Access* access, trace::Log* log,
             trace::Actor actor, Journal* journal, std::function<Time()> unix_offset);

  // What Broker offers.
  void restore(const journal::Image& image, Time now);
  void committed(JournalPosition position);
  /// The end of a call of the host: what it has caused belongs together. Links call it themselves.
  void step() {
    if (recorder_.is_on()) end_step();
  }
  Peer& accept(LinkId id, Time now, std::string_view certificate);
  void release(LinkId id);
  [[nodiscard]] std::span<const LinkId> touched();
  [[nodiscard]] LinkReport report(LinkId id) const { return links_.at(id)->report(); }
  void decide(RequestId request, const Decision& decision, Time now);
  bool disconnect(std::string_view client_id, ReasonCode reason, Time now);
  void shut_down(Time now);
  void advance(Time now);
  [[nodiscard]] Time deadline() const { return timers_.deadline(); }
  [[nodiscard]] BrokerGauges gauges() const;

  // What links ask for.
  [[nodiscard]] const BrokerConfig& config() const { return config_; }
  [[nodiscard]] Router& router() { return router_; }
  [[nodiscard]] Ledger& ledger() { return ledger_; }
  [[nodiscard]] Recorder& recorder() { return recorder_; }
  [[nodiscard]] BlockPool& blocks() { return blocks_; }
  void touch(BrokerLink& link);
  /// In this call of the host the link has written what it may have to stand by after a crash.
  void promised(BrokerLink& link) { promised_.push_back(&link); }
  /// A link has sent a CONNECT.
  void connect(BrokerLink& link, Time now);
  [[nodiscard]] bool supports(std::string_view method) const {
    return access_ && access_->supports(method);
  }
  /// Asks about a link. An answer `later` comes to its decided(), within connect_timeout; it is
  /// named by `request.request`.
  [[nodiscard]] Decision ask(AccessRequest& request, Time now);
  /// Nobody waits for this verdict any more.
  void forget(RequestId request) { questions_.erase(request); }
  /// The link's client has to go on with its part within connect_timeout: until then, at most.
  Time handshake_begins(BrokerLink& link, Time now);
  /// The link's grant ends then, unless it is renewed.
  void valid_until(BrokerLink& link, Time when);
  /// The link's CONNECT is accepted. `authentication`: properties for CONNACK.
  void admit(BrokerLink& link, const Properties& authentication, Time now);
  /// A connected link has ended, in whatever way: its session lives on or ends, its will is
  /// published, now or later, unless it has been taken away. A link without a session is left as it
  /// is.
  void disconnected(BrokerLink& link, Time now);
  /// A link has ended; told once.
  void gone(BrokerLink& link);
  /// A finished link has bytes to write: gives it a while, then it is closed all the same.
  /// `silent_at`: when its client will have been silent for too long.
  void linger(BrokerLink& link, Time silent_at, Time now);
  /// Publishes what `decision` allows; the reason code for PUBACK and PUBREC.
  ReasonCode publish(Publication& publication, const Decision& decision, Time now);

 private:
  struct Timer {
    enum Kind : std::uint8_t {
      connect,
      handshake,
      validity,
      keep_alive,
      linger,   // of a link so far
      verdict,  // of a question
      session,
      sys,
    } kind;
    std::uint64_t what = 0;  // link, question or session slot
    Time due = never;        // of validity and session: stale if theirs has moved
  };
  struct Question {
    LinkId link = 0;
    std::unique_ptr<OwedWill> will;  // asked for a will, which needs no link; null: for the link
    Time since = 0;                  // of a will: it is published from then on
  };
  void end_step();
  void record_arrival(Session& session, const BrokerLink& link);
  void record_absence(Session& session, std::uint32_t expiry_s);
  void restore_absence(Session& session, const journal::Image::Session& known, Time now);
  Session* take_over(std::string_view client_id, Time now);
  /// Does what is due for an absent session by now.
  void attend(Session& session, Time now);
  /// The same for one that has waited for it.
  void overdue(Session& session, Time now);
  void end(Session& session, Time now);
  void publish(OwedWill will, Time now);
  void publish(const OwedWill& will, const Decision& decision, Time since, Time now);
  [[nodiscard]] Slice unused_client_id();
  void set_timer(Time due, Timer timer);
  [[nodiscard]] bool stale(const Timer& timer);
  void due(const Timer& timer, Time now);
  void due_keep_alive(BrokerLink& link, Time now);
  void begin(Time now);
  void due_sys(Time now);
  [[nodiscard]] BrokerLink* find(LinkId id);

  const BrokerConfig config_;
  Access* access_;
  Random random_;
  Ledger ledger_;
  Recorder recorder_;
  SessionTable sessions_;
  Router router_;
  BlockPool blocks_;
  std::unordered_map<LinkId, std::unique_ptr<BrokerLink>> links_;  // iterated by sorted ids
  std::map<RequestId, Question> questions_;                        // answered `later`
  std::size_t wills_asked_for_ = 0;                                // of questions_
  RequestId next_request_ = 1;
  Timers<Timer> timers_;
  std::size_t sweep_at_ = 64;  // so many timers are looked through for stale ones
  std::vector<LinkId> touched_, told_;
  std::vector<BrokerLink*> promised_;                       // in this call of the host
  std::deque<std::pair<JournalPosition, LinkId>> waiting_;  // links whose bytes wait
  JournalPosition committed_ = 0;
  std::uint64_t connections_ = 0;  // accepted CONNECTs on live links
  Time started_ = never;           // when its host first told the time
  SysTopics sys_topics_;
  bool shut_down_ = false;
};

}  // namespace mqttlab
