#include "protocol/broker/broker_core.h"

#include <algorithm>
#include <cassert>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <utility>

#include "protocol/broker/sys_topics.h"

namespace mqttlab {

BrokerCore::BrokerCore(BrokerConfig config, std::uint64_t seed, Access* access, trace::Log* log,
                       trace::Actor actor)
    : config_(checked(config)),
      access_(access),
      random_(seed, "broker"),
      ledger_(log, actor),
      sessions_(config_, random_.next(), ledger_),
      router_(config_, random_.next(), sessions_, ledger_) {}

Peer& BrokerCore::accept(LinkId id, Time now, std::string certificate) {
  if (started_ == never) {
    started_ = now;
    if (config_.sys_interval > 0) set_timer(now + config_.sys_interval, {Timer::sys, 0});
  }
  auto& link = links_[id];
  assert(!link);
  link = std::make_unique<BrokerLink>(*this, id, std::move(certificate));
  if (shut_down_ || links_.size() > config_.max_connections) {
    link->finish(BrokerLink::Pending::discard, now);
  } else {
    set_timer(now + config_.connect_timeout, {Timer::connect, id});
  }
  return *link;
}

void BrokerCore::release(LinkId id) {
  const BrokerLink* link = find(id);
  if (!link) return;
  assert(link->finished() && "release() comes after closed() or finished()");
  if (link->touched) std::erase(touched_, id);
  links_.erase(id);
}

std::span<const LinkId> BrokerCore::touched() {
  told_.swap(touched_);
  touched_.clear();
  for (const LinkId id : told_) find(id)->touched = false;
  return told_;
}

void BrokerCore::touch(BrokerLink& link) {
  if (std::exchange(link.touched, true)) return;
  touched_.push_back(link.id());
}

BrokerLink* BrokerCore::find(LinkId id) {
  const auto at = links_.find(id);
  return at == links_.end() ? nullptr : at->second.get();
}

void BrokerCore::connect(BrokerLink& link, Time now) {
  const Connect& connect = link.connect();
  if (connect.client_id.empty()) {
    // Only 3.1.1 lets the server choose, and only for a clean session (MQTT-3.1.3-7, -8).
    if (!connect.clean_session || connect.version == ProtocolVersion::v3_1)
      return link.refused(ConnectReturn::identifier_rejected, now);
    link.set_client_id(unused_client_id());  // MQTT-3.1.3-6
  }
  if (!access_) return admit(link, now);
  AccessRequest request = link.access_request(AccessRequest::Kind::authenticate, {});
  request.request = next_request_++;
  request.now = now;
  const Decision decision = access_->ask(request);
  if (decision.verdict != Verdict::later) return decided(link, decision, now);
  requests_.emplace(request.request, link.id());
  link.authenticating(request.request);
  set_timer(now + config_.connect_timeout, {Timer::verdict, link.id()});
}

void BrokerCore::decide(RequestId request, const Decision& decision, Time now) {
  const auto at = requests_.find(request);
  if (at == requests_.end() || decision.verdict == Verdict::later) return;
  BrokerLink& link = *find(at->second);  // a link that goes takes its request with it
  requests_.erase(at);
  decided(link, decision, now);
  link.resume(now);
  touch(link);  // its host may read again
}

void BrokerCore::decided(BrokerLink& link, const Decision& decision, Time now) {
  if (decision.verdict == Verdict::granted) return admit(link, now);
  link.refused(link.connect().user_name ? ConnectReturn::bad_user_name_or_password
                                        : ConnectReturn::not_authorized,
               now);
}

// MQTT-3.1.4-2 to -4: the older link goes, the session is continued or begun anew, then CONNACK.
void BrokerCore::admit(BrokerLink& link, Time now) {
  const Connect& connect = link.connect();
  const std::string_view client_id = connect.client_id.text();
  Session* session = take_over(client_id, now);
  if (session && connect.clean_session) {
    end(*session, now);  // MQTT-3.1.2-6
    session = nullptr;
  }
  const bool present = session != nullptr;
  if (!session) {
    if (sessions_.size() >= config_.max_sessions)
      return link.refused(ConnectReturn::server_unavailable, now);
    session = &sessions_.add(std::string(client_id));
  }
  ++connections_;
  link.accepted(*session, present, now);
  const Time due = link.keep_alive_due();
  if (due != never) set_timer(due, {Timer::keep_alive, link.id()});
}

// The session of this client id without a link. The older link is lost without a DISCONNECT: its
// will is published, and a clean session ends with it.
Session* BrokerCore::take_over(std::string_view client_id, Time now) {
  Session* session = sessions_.find(client_id);
  if (!session || !session->link()) return session;
  BrokerLink& old = *session->link();
  disconnected(old, now);
  old.finish(BrokerLink::Pending::discard, now);
  return sessions_.find(client_id);
}

void BrokerCore::disconnected(BrokerLink& link, Time now) {
  Session* session = link.take_session();
  if (!session) return;
  --connections_;
  if (session->clean()) end(*session, now);
  const auto will = link.take_will();
  if (!will) return;
  // After the session let go, so that a persistent one gets its own will when it comes back.
  Publication publication(will->topic, will->payload, will->qos, true);
  publish(link, publication, will->retain, now);
}

void BrokerCore::end(Session& session, Time now) {
  router_.unsubscribe_all(session);
  session.end(now);
  sessions_.remove(session);
}

bool BrokerCore::allowed(const BrokerLink& link, AccessRequest::Kind kind, std::string_view topic,
                         Time now) {
  if (!access_) return true;
  AccessRequest request = link.access_request(kind, topic);
  request.request = next_request_++;
  request.now = now;
  return access_->ask(request).verdict == Verdict::granted;
}

bool BrokerCore::disconnect(std::string_view client_id, ReasonCode reason, Time now) {
  const ReasonRule* rule = find_reason(static_cast<std::uint8_t>(reason), PacketType::disconnect);
  if (!rule || !may_send(*rule, PacketType::disconnect, Sender::server))
    throw std::invalid_argument("disconnect: no server's DISCONNECT has the reason code " +
                                std::to_string(static_cast<unsigned>(reason)) +
                                "; 0x98 is an administrator's");
  Session* session = sessions_.find(client_id);
  if (!session || !session->link()) return false;
  BrokerLink& link = *session->link();
  disconnected(link, now);
  link.finish(BrokerLink::Pending::drain, now);
  return true;
}

// By rising link id, whatever the table's order is.
void BrokerCore::shut_down(Time now) {
  shut_down_ = true;
  std::vector<LinkId> ids;
  for (const auto& [id, link] : links_)
    if (!link->finished()) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  for (const LinkId id : ids) {
    BrokerLink& link = *find(id);
    disconnected(link, now);
    link.finish(BrokerLink::Pending::drain, now);
  }
}

// One that may not is acknowledged and dropped (MQTT-3.3.5-2). Nobody but the broker speaks for it.
void BrokerCore::publish(const BrokerLink& link, Publication& publication, bool retain, Time now) {
  const std::string_view topic = publication.topic().text();
  if (topic.starts_with("$SYS/") || !allowed(link, AccessRequest::Kind::publish, topic, now)) {
    ledger_.dropped(trace::DropReason::not_authorised, {},
                    ledger_.tracing() ? publication.identity() : 0, publication.qos(), now);
    return;
  }
  router_.publish(publication, retain, now);
}

Slice BrokerCore::unused_client_id() {
  for (;;) {
    char text[24];
    std::snprintf(text, sizeof text, "auto-%016llx",
                  static_cast<unsigned long long>(random_.next()));
    if (!sessions_.find(text)) return Slice::copy_of(std::string_view(text));
  }
}

// Timers of links that have gone stay in the heap until they are due, and a keep alive may be 18
// hours: they are swept before they outnumber the living.
void BrokerCore::set_timer(Time due, Timer timer) {
  if (timers_.size() > 4 * links_.size() + 64)
    timers_.remove_if([&](const Timer& old) { return old.kind != Timer::sys && !find(old.link); });
  timers_.set(due, timer);
}

void BrokerCore::linger(BrokerLink& link, Time now) {
  set_timer(now + config_.connect_timeout, {Timer::linger, link.id()});
}

void BrokerCore::advance(Time now) {
  while (const auto timer = timers_.pop(now)) due(*timer, now);
}

void BrokerCore::due(const Timer& timer, Time now) {
  if (timer.kind == Timer::sys) return due_sys(now);
  BrokerLink* link = find(timer.link);
  if (!link) return;
  switch (timer.kind) {
    case Timer::connect:
      if (link->state() == BrokerLink::State::awaiting_connect)
        link->finish(BrokerLink::Pending::discard, now);
      return;
    case Timer::verdict:
      return link->undecided(now);
    case Timer::keep_alive:
      return due_keep_alive(*link, now);
    case Timer::linger:
      return link->finish(BrokerLink::Pending::discard, now);
    case Timer::sys:
      return;
  }
}

// Packets do not move the timer; it looks when it is due whether one has come meanwhile.
void BrokerCore::due_keep_alive(BrokerLink& link, Time now) {
  const Time due = link.keep_alive_due();
  if (due == never) return;
  if (due > now) return set_timer(due, {Timer::keep_alive, link.id()});
  disconnected(link, now);
  link.finish(BrokerLink::Pending::discard, now);
}

void BrokerCore::due_sys(Time now) {
  publish_sys_topics(router_, gauges(), now - started_, now);
  set_timer(now + config_.sys_interval, {Timer::sys, 0});
}

BrokerGauges BrokerCore::gauges() const {
  BrokerGauges gauges = ledger_.gauges;
  gauges.connections = connections_;
  gauges.sessions = sessions_.size();
  gauges.subscriptions = router_.subscriptions();
  gauges.retained = router_.retained();
  sessions_.for_each([&](const Session& session) {
    gauges.queued_messages += session.queued();
    gauges.in_flight += session.in_flight();
  });
  return gauges;
}

}  // namespace mqttlab
