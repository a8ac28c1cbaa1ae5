// BrokerCore: the broker's inside. Links, their timers, who connects as whom; messages are the
// Router's.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "protocol/broker/broker.h"
#include "protocol/broker/broker_link.h"
#include "protocol/broker/ledger.h"
#include "protocol/broker/router.h"
#include "protocol/broker/session_table.h"
#include "protocol/session/random.h"
#include "protocol/session/timers.h"

namespace mqttlab {

class BrokerCore {
 public:
  BrokerCore(BrokerConfig config, std::uint64_t seed, Access* access, trace::Log* log,
             trace::Actor actor);

  // What Broker offers.
  Peer& accept(LinkId id, Time now, std::string certificate);
  void release(LinkId id);
  [[nodiscard]] std::span<const LinkId> touched();
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
  void touch(BrokerLink& link);
  /// A link has sent a valid CONNECT.
  void connect(BrokerLink& link, Time now);
  /// A connected link has ended, in whatever way: its session lives on or ends, its will is
  /// published unless it has been taken away. A link without a session is left as it is.
  void disconnected(BrokerLink& link, Time now);
  /// Nobody waits for this verdict any more.
  void forget(RequestId request) { requests_.erase(request); }
  /// A finished link has bytes to write: gives it a while, then it is closed all the same.
  void linger(BrokerLink& link, Time now);
  /// Authorisation to publish or subscribe.
  [[nodiscard]] bool allowed(const BrokerLink& link, AccessRequest::Kind kind,
                             std::string_view topic, Time now);
  void publish(const BrokerLink& link, Publication& publication, bool retain, Time now);

 private:
  struct Timer {
    enum Kind : std::uint8_t { connect, verdict, keep_alive, linger, sys } kind;
    LinkId link;
  };
  void decided(BrokerLink& link, const Decision& decision, Time now);
  void admit(BrokerLink& link, Time now);
  Session* take_over(std::string_view client_id, Time now);
  void end(Session& session, Time now);
  [[nodiscard]] Slice unused_client_id();
  void set_timer(Time due, Timer timer);
  void due(const Timer& timer, Time now);
  void due_keep_alive(BrokerLink& link, Time now);
  void due_sys(Time now);
  [[nodiscard]] BrokerLink* find(LinkId id);

  const BrokerConfig config_;
  Access* access_;
  Random random_;
  Ledger ledger_;
  SessionTable sessions_;
  Router router_;
  std::unordered_map<LinkId, std::unique_ptr<BrokerLink>> links_;  // iterated by sorted ids
  std::map<RequestId, LinkId> requests_;                           // answered `later`
  RequestId next_request_ = 1;
  Timers<Timer> timers_;
  std::vector<LinkId> touched_, told_;
  std::uint64_t connections_ = 0;  // accepted CONNECTs on live links
  Time started_ = never;           // the first accept
  bool shut_down_ = false;
};

}  // namespace mqttlab
