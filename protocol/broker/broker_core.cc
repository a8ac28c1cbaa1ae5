#include "protocol/broker/broker_core.h"

#include <algorithm>
#include <cassert>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <utility>

namespace mqttlab {

BrokerCore::BrokerCore(BrokerConfig config, std::uint64_t seed, Access* access, trace::Log* log,
                       trace::Actor actor, Journal* journal, std::function<Time()> unix_offset)
    : config_(checked(config)),
      access_(access),
      random_(seed, "broker"),
      ledger_(log, actor),
      recorder_(journal, std::move(unix_offset)),
      sessions_(config_, random_.next(), ledger_, recorder_),
      router_(config_, random_.next(), sessions_, ledger_, recorder_) {}

Peer& BrokerCore::accept(LinkId id, Time now, std::string_view certificate) {
  begin(now);
  auto& link = links_[id];
  assert(!link);
  link = std::make_unique<BrokerLink>(*this, id, certificate);
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

void BrokerCore::end_step() {
  const JournalPosition position = recorder_.step();
  for (BrokerLink* link : promised_) {
    // Without a record of its own a promise repeats one that may not be safe yet.
    if (!link->wait_for(position)) continue;
    if (position <= committed_)
      link->may_leave(committed_);
    else
      waiting_.emplace_back(position, link->id());
  }
  promised_.clear();
}

void BrokerCore::committed(JournalPosition position) {
  committed_ = position;
  while (!waiting_.empty() && waiting_.front().first <= position) {
    if (BrokerLink* link = find(waiting_.front().second)) {
      link->may_leave(position);
      touch(*link);
    }
    waiting_.pop_front();
  }
}

BrokerLink* BrokerCore::find(LinkId id) {
  const auto at = links_.find(id);
  return at == links_.end() ? nullptr : at->second.get();
}

void BrokerCore::connect(BrokerLink& link, Time now) {
  const Connect& connect = link.connect();
  if (config_.redirect != ReasonCode::success) return link.refuse(config_.redirect, now);
  if (connect.will && connect.will->qos > config_.maximum_qos)  // MQTT-3.2.2-12
    return link.refuse(ReasonCode::qos_not_supported, now);
  if (connect.will && connect.will->retain && !config_.retain_available)  // MQTT-3.2.2-13
    return link.refuse(ReasonCode::retain_not_supported, now);
  if (connect.client_id.empty()) {  // all others will do (MQTT-3.1.3-5)
    // Before 5.0 only 3.1.1 lets the server choose, and only for a clean session (MQTT-3.1.3-7).
    const bool may =
        link.v5() || (connect.clean_session && connect.version != ProtocolVersion::v3_1);
    if (!may)  // MQTT-3.1.3-8 and -9
      return link.refuse(ReasonCode::client_identifier_not_valid, now);
    link.set_client_id(unused_client_id());  // MQTT-3.1.3-6; v5 MQTT-3.1.3-6 and -7
  }
  link.handshake().begin(now);
}

// Nobody but the broker speaks for $SYS.
Decision BrokerCore::ask(AccessRequest& request, Time now) {
  if (request.kind == AccessRequest::Kind::publish && request.topic.starts_with("$SYS/"))
    return Verdict::denied;
  if (!access_) return Verdict::granted;
  request.request = next_request_++;
  request.now = now;
  Decision decision = access_->ask(request);
  if (decision.verdict == Verdict::later) {
    questions_[request.request].link = request.link;
    set_timer(now + config_.connect_timeout, {Timer::verdict, request.request});
  }
  return decision;
}

void BrokerCore::decide(RequestId request, const Decision& decision, Time now) {
  const auto at = questions_.find(request);
  if (at == questions_.end() || decision.verdict == Verdict::later) return;
  const Question question = std::move(at->second);
  questions_.erase(at);
  // A link that goes takes its question with it.
  if (!question.will) return find(question.link)->decided(request, decision, now);
  --wills_asked_for_;
  publish(*question.will, decision, question.since, now);
}

Time BrokerCore::handshake_begins(BrokerLink& link, Time now) {
  const Time deadline = now + config_.connect_timeout;
  set_timer(deadline, {Timer::handshake, link.id()});
  return deadline;
}

void BrokerCore::valid_until(BrokerLink& link, Time when) {
  set_timer(when, {Timer::validity, link.id(), when});
}

// The older link goes, the session is continued or begun anew, then CONNACK.
void BrokerCore::admit(BrokerLink& link, const Properties& authentication, Time now) {
  Connack connack = link.welcome(authentication);
  if (!link.fits(connack))  // v5 MQTT-3.1.2-24
    return link.finish(BrokerLink::Pending::discard, now);
  const std::string_view client_id = link.identity().client_id.text();
  Session* session = take_over(client_id, now);   // MQTT-3.1.2-4; v5 MQTT-3.1.2-5
  if (session && link.connect().clean_session) {  // MQTT-3.1.4-3; v5 MQTT-3.1.4-4
    end(*session, now);                           // MQTT-3.1.2-6; v5 MQTT-3.1.2-4
    session = nullptr;
  }
  connack.session_present = session != nullptr;  // MQTT-3.2.2-1 to -3; v5 MQTT-3.2.2-2, -3
  if (!session) {                                // v5 MQTT-3.1.2-6
    if (sessions_.size() >= config_.max_sessions)
      return link.refuse(ReasonCode::quota_exceeded, now);
    session = &sessions_.add(std::string(client_id));
  }
  // Without the end (v5 MQTT-4.1.0-1) and the will that were still owed (v5 MQTT-3.1.3-9).
  session->absence = {};
  if (recorder_.is_on()) record_arrival(*session, link);
  ++connections_;
  ++ledger_.gauges.connects_accepted;
  ledger_.gauges.most_connections = std::max(ledger_.gauges.most_connections, connections_);
  link.accepted(*session, std::move(connack), now);
  const Time due = link.keep_alive_due(now);
  if (due != never) set_timer(due, {Timer::keep_alive, link.id()});
}

// The session of this client id without a link. The older link is lost without a DISCONNECT of its
// own: its will is published, and a session that does not outlive links ends with it.
Session* BrokerCore::take_over(std::string_view client_id, Time now) {
  Session* session = sessions_.find(client_id);  // MQTT-3.1.3-2
  if (!session) return nullptr;
  if (BrokerLink* old = session->link())  // MQTT-3.1.4-2; v5 MQTT-3.1.4-3
    old->end(ReasonCode::session_taken_over, now, BrokerLink::Pending::discard);
  else if (session->absence.due() <= now)  // though its timer has not come yet
    overdue(*session, now);
  return sessions_.find(client_id);
}

void BrokerCore::disconnected(BrokerLink& link, Time now) {
  Session* session = link.take_session();
  if (!session) return;
  --connections_;
  Absence& absence = session->absence;
  if (link.session_expiry_s() != endless_expiry_s)  // from now on (v5 MQTT-3.1.2-23)
    absence.ends_at = now + link.session_expiry_s() * second;
  if (auto will = link.take_will()) {  // MQTT-3.1.2-8, MQTT-3.1.2-12
    // After its delay or at the session's end, whichever comes first (v5 MQTT-3.1.2-8).
    const auto delay_s = will->properties.get<PropertyId::will_delay_interval>().value_or(0);
    absence.will_at = std::min(now + delay_s * second, absence.ends_at);
    absence.will =  // v5 MQTT-3.1.2-7
        std::make_unique<OwedWill>(OwedWill{link.identity(), std::move(*will)});
  }
  if (session->recorded.number != 0 && absence.ends_at > now)
    record_absence(*session, link.session_expiry_s());
  attend(*session, now);
}

void BrokerCore::overdue(Session& session, Time now) {
  if (session.absence.ends_at <= now) ++ledger_.gauges.sessions_expired;
  attend(session, now);
}

void BrokerCore::attend(Session& session, Time now) {
  Absence& absence = session.absence;
  std::unique_ptr<OwedWill> will;
  if (absence.will_at <= now) {
    will = std::move(absence.will);  // published once (MQTT-3.1.2-10; v5 MQTT-3.1.2-10)
    absence.will_at = never;
    if (std::exchange(session.recorded.will, false) && absence.ends_at > now)
      recorder_(journal::WillWithdrawn{session.recorded.number});
  }
  if (absence.ends_at <= now) {  // v5 MQTT-4.1.0-2; never with a link (v3 MQTT-4.1.0-2)
    router_.end(session, now);
    if (session.recorded.number != 0) recorder_(journal::SessionEnded{session.recorded.number});
    sessions_.remove(session);
  } else if (absence.due() != never) {
    set_timer(absence.due(), {Timer::session, session.slot(), absence.due()});
  }
  // After the session let go, so that a persistent one gets its own will when it comes back.
  if (will) publish(std::move(*will), now);
}

void BrokerCore::end(Session& session, Time now) {
  session.absence.ends_at = now;
  if (session.absence.will) session.absence.will_at = now;
  attend(session, now);
}

void BrokerCore::publish(OwedWill will, Time now) {
  AccessRequest request = will.who.request(AccessRequest::Kind::publish);
  request.topic = will.will.topic.text();
  request.qos = will.will.qos;
  request.retain = will.will.retain;
  const Decision decision = ask(request, now);
  if (decision.verdict != Verdict::later) return publish(will, decision, now, now);
  if (wills_asked_for_ >= config_.max_connections) {
    forget(request.request);
    return publish(will, Verdict::denied, now, now);
  }
  ++wills_asked_for_;
  Question& question = questions_[request.request];
  question.will = std::make_unique<OwedWill>(std::move(will));
  question.since = now;
}

void BrokerCore::publish(const OwedWill& owed, const Decision& decision, Time since, Time now) {
  Publication publication(owed.will, owed.who.client_id.text(), since);
  publish(publication, decision, now);
}

ReasonCode BrokerCore::publish(Publication& publication, const Decision& decision, Time now) {
  if (decision.verdict == Verdict::granted) return router_.publish(publication, now);
  ledger_.dropped(trace::DropReason::not_authorised, {},
                  ledger_.tracing() ? publication.identity() : 0, publication.qos(), now);
  return reason_for(decision, PacketType::puback, ReasonCode::not_authorized);
}

bool BrokerCore::disconnect(std::string_view client_id, ReasonCode reason, Time now) {
  const ReasonRule* rule = find_reason(static_cast<std::uint8_t>(reason), PacketType::disconnect);
  if (!rule || !may_send(*rule, PacketType::disconnect, Sender::server))
    throw std::invalid_argument("disconnect: no server's DISCONNECT has the reason code " +
                                std::to_string(static_cast<unsigned>(reason)) +
                                "; 0x98 is an administrator's");
  const Session* session = sessions_.find(client_id);
  if (!session || !session->link()) return false;
  session->link()->end(reason, now);
  return true;
}

// By rising link id, whatever the table's order is.
void BrokerCore::shut_down(Time now) {
  shut_down_ = true;
  std::vector<LinkId> ids;
  for (const auto& [id, link] : links_)
    if (link->state() != BrokerLink::State::finished) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  for (const LinkId id : ids) {
    BrokerLink& link = *find(id);
    if (link.state() == BrokerLink::State::awaiting_connect)
      link.finish(BrokerLink::Pending::discard, now);
    else
      link.end(ReasonCode::server_shutting_down, now);
  }
}

void BrokerCore::gone(BrokerLink& link) {
  if (access_) access_->gone(link.id());
}

Slice BrokerCore::unused_client_id() {
  for (;;) {
    char text[24];
    std::snprintf(text, sizeof text, "auto-%016llx",
                  static_cast<unsigned long long>(random_.next()));
    if (!sessions_.find(text)) return Slice::copy_of(std::string_view(text));
  }
}

// Stale timers stay in the heap until they are due, and that may be a week: they are swept before
// they outnumber the others.
void BrokerCore::set_timer(Time due, Timer timer) {
  if (timers_.size() >= sweep_at_) {
    timers_.remove_if([this](const Timer& old) { return stale(old); });
    sweep_at_ = 2 * timers_.size() + 64;
  }
  timers_.set(due, timer);
}

bool BrokerCore::stale(const Timer& timer) {
  switch (timer.kind) {
    case Timer::sys:
      return false;
    case Timer::verdict:
      return !questions_.contains(timer.what);
    case Timer::session: {
      const Session* session = sessions_.find(static_cast<Session::Slot>(timer.what));
      return !session || session->absence.due() != timer.due;
    }
    case Timer::connect: {
      const BrokerLink* link = find(static_cast<LinkId>(timer.what));
      return !link || link->state() != BrokerLink::State::awaiting_connect;
    }
    case Timer::validity: {
      BrokerLink* link = find(static_cast<LinkId>(timer.what));
      return !link || link->handshake().valid_until() != timer.due;
    }
    default:
      return !find(static_cast<LinkId>(timer.what));
  }
}

// The DISCONNECT that tells of the silence itself leaves at once or not at all.
void BrokerCore::linger(BrokerLink& link, Time silent_at, Time now) {
  constexpr Time at_once = 10 * millisecond;               // for its host to write it
  const Time latest = std::max(silent_at, now + at_once);  // MQTT-3.1.2-24; v5 MQTT-3.1.2-22
  set_timer(std::min(now + config_.connect_timeout, latest), {Timer::linger, link.id()});
}

void BrokerCore::advance(Time now) {
  begin(now);
  while (const auto timer = timers_.pop(now)) due(*timer, now);
}

void BrokerCore::due(const Timer& timer, Time now) {
  if (stale(timer)) return;
  if (timer.kind == Timer::sys) return due_sys(now);
  if (timer.kind == Timer::verdict)
    return decide(timer.what, {Verdict::denied, ReasonCode::server_unavailable}, now);
  if (timer.kind == Timer::session)
    return overdue(*sessions_.find(static_cast<Session::Slot>(timer.what)), now);
  BrokerLink& link = *find(static_cast<LinkId>(timer.what));
  if (timer.kind == Timer::handshake) return link.handshake().overdue(now);
  if (timer.kind == Timer::keep_alive) return due_keep_alive(link, now);
  if (timer.kind == Timer::validity) {
    if (link.state() != BrokerLink::State::finished) link.end(ReasonCode::not_authorized, now);
    return;
  }
  if (timer.kind == Timer::connect) return link.overdue(now);
  link.finish(BrokerLink::Pending::discard, now);  // not drained
}

// Packets do not move the timer; it looks when it is due whether one has come meanwhile.
void BrokerCore::due_keep_alive(BrokerLink& link, Time now) {
  const Time due = link.keep_alive_due(now);
  if (due == never) return;
  if (due > now) return set_timer(due, {Timer::keep_alive, link.id()});
  // A DISCONNECT behind bytes that the client does not take would only keep the link open.
  if (!link.output().outbox.empty()) {
    disconnected(link, now);
    return link.finish(BrokerLink::Pending::discard, now);
  }
  // MQTT-3.1.2-24; v5 MQTT-3.1.2-22
  link.end(ReasonCode::keep_alive_timeout, now, BrokerLink::Pending::discard);
}

void BrokerCore::begin(Time now) {
  if (started_ != never) return;
  started_ = now;
  if (config_.sys_interval > 0) set_timer(now + config_.sys_interval, {Timer::sys});
}

void BrokerCore::due_sys(Time now) {
  sys_topics_.publish(router_, gauges(), now - started_, now);
  set_timer(now + config_.sys_interval, {Timer::sys});
}

BrokerGauges BrokerCore::gauges() const {
  BrokerGauges gauges = ledger_.gauges;
  gauges.connections = connections_;
  gauges.sessions = sessions_.size();
  gauges.subscriptions = router_.subscriptions();
  gauges.retained = router_.retained();
  gauges.retained_bytes = router_.retained_bytes();
  gauges.pending_wills = wills_asked_for_;
  sessions_.for_each([&](const Session& session) {
    gauges.queued_messages += session.queued();
    gauges.in_flight += session.in_flight();
    gauges.session_bytes += session.bytes();
    gauges.pending_wills += session.absence.will != nullptr;
  });
  return gauges;
}

}  // namespace mqttlab
