#include "protocol/oracle/answers.h"

#include <algorithm>
#include <string>

namespace mqttlab::oracle {
namespace {

enum Answer : std::size_t { puback, pubrec, pubrel, pubcomp, suback, unsuback, pingresp, nothing };

// A store that is torn may be so far behind, and further if its promise is less (Settings).
constexpr Time behind_by = 1 * second;

// Who closes so soon after a packet closes because of it.
constexpr Time at_once = 100 * millisecond;

constexpr std::array<PacketType, 7> packets{
    PacketType::puback, PacketType::pubrec,   PacketType::pubrel,  PacketType::pubcomp,
    PacketType::suback, PacketType::unsuback, PacketType::pingresp};

std::size_t kind_of(PacketType answer) {
  return static_cast<std::size_t>(std::find(packets.begin(), packets.end(), answer) -
                                  packets.begin());
}

// The packet that answers this one, if it arrives.
std::size_t answer_to(const Event& event) {
  switch (event.packet) {
    case PacketType::publish:
      return trace::qos_of(event) == QoS::at_least_once  ? puback
             : trace::qos_of(event) == QoS::exactly_once ? pubrec
                                                         : nothing;
    case PacketType::pubrec:
      return refuses(event) ? nothing : pubrel;
    case PacketType::pubrel:
      return pubcomp;
    case PacketType::subscribe:
      return suback;
    case PacketType::unsubscribe:
      return unsuback;
    case PacketType::pingreq:
      return pingresp;
    default:
      return nothing;
  }
}

}  // namespace

const Answers::Owed* Answers::Queue::oldest() const {
  for (std::size_t i = first; i < owed.size(); ++i)
    if (!owed[i].waived) return &owed[i];
  return nullptr;
}

void Answers::Queue::erase(std::size_t index) {
  if (index != first) {
    owed.erase(owed.begin() + static_cast<std::ptrdiff_t>(index));
  } else if (++first * 2 > owed.size()) {
    owed.erase(owed.begin(), owed.begin() + static_cast<std::ptrdiff_t>(first));
    first = 0;
  }
}

Answers::Here Answers::here(Connection& connection, End end) {
  return {connection, end, ledgers_[key(connection, end)]};
}

void Answers::arrived(Connection& connection, const Event& event) {
  const Here at = here(connection, event.end);
  at.ledger.last = model_.event_index;
  blocked(at);
  if (event.packet == PacketType::pubcomp) ended(at, event);
  if (answer_to(event) != nothing) owe(at, event);
}

void Answers::owe(const Here& here, const Event& event) {
  Queue& queue = here.ledger.queues[answer_to(event)];
  Owed owed{.at = event.at, .event = model_.event_index, .packet_id = event.packet_id};
  if (event.packet == PacketType::publish) {
    owed.repeat = received_before(here, event);
  } else if (event.packet == PacketType::pubrec) {
    // What a sender says to a PUBREC out of place is left open.
    auto* out = exchanges(here);
    const Exchange* exchange = out ? out->find(event.packet_id) : nullptr;
    owed.waived = !exchange || exchange->qos != QoS::exactly_once;
  }
  queue.owed.push_back(owed);
  if (queue.owed.size() - queue.first <= remembered) return;
  queue.erase(queue.first);
  here.ledger.complete = false;
}

// Whether the receiver has this QoS 2 message already, and waits for its PUBREL.
bool Answers::received_before(const Here& here, const Event& publish) {
  if (trace::qos_of(publish) != QoS::exactly_once) return false;
  if (here.end == End::client) {
    Client* client = model_.client_of(here.connection);
    return client && client->in.find(publish.packet_id);
  }
  Session* session = model_.session(here.connection.session);
  const Inbound* inbound = session ? session->in.find(publish.packet_id) : nullptr;
  return inbound && inbound->qos == QoS::exactly_once;
}

// Whether the broker has a QoS 2 message of an earlier connection, and not its PUBREL: the standard
// leaves open who begins to go on with that, and the broker can do so once on a connection.
bool Answers::goes_on(const Here& here, std::uint16_t packet_id) {
  Session* session = here.end == End::broker ? model_.session(here.connection.session) : nullptr;
  const Inbound* inbound = session ? session->in.find(packet_id) : nullptr;
  const bool may =
      inbound ? inbound->qos == QoS::exactly_once && inbound->connection != here.connection.number
              : session && left_unread(session->id, packet_id);
  auto& before = here.ledger.went_on;
  if (!may || std::find(before.begin(), before.end(), packet_id) != before.end()) return false;
  before.push_back(packet_id);
  return true;
}

bool Answers::left_unread(std::uint32_t session, std::uint16_t packet_id) const {
  return std::any_of(unread_.begin(), unread_.end(), [&](const Released& one) {
    return one.whose == session && one.packet_id == packet_id;
  });
}

// A PUBREL that came with the end of the connection may not have been read.
void Answers::leave_unread(const Here& here) {
  const Queue& queue = here.ledger.queues[pubcomp];
  const bool late = model_.settings.from_the_path || model_.settings.passes_on_later;
  const Time since = model_.now - (late ? model_.settings.host_grace : 0);
  for (std::size_t i = queue.first; i < queue.owed.size(); ++i)
    if (queue.owed[i].at >= since)
      unread_.push_back({here.end, whose(here), queue.owed[i].packet_id, model_.now});
  while (unread_.size() > remembered) unread_.pop_front();
}

void Answers::read_after_all(const Here& here, std::uint16_t packet_id) {
  std::erase_if(unread_, [&](const Released& one) {
    return one.whose == whose(here) && one.packet_id == packet_id;
  });
}

Table<Exchange>* Answers::exchanges(const Here& here) {
  if (here.end == End::broker) {
    Session* session = model_.session(here.connection.session);
    return session ? &session->out : nullptr;
  }
  Client* client = model_.client_of(here.connection);
  return client ? &client->out : nullptr;
}

void Answers::written(Connection& connection, const Event& event) {
  const Here at = here(connection, event.end);
  blocked(at);
  if (event.packet == PacketType::disconnect) at.ledger.reason = event.code;
  if (event.packet == PacketType::pubcomp) read_after_all(at, event.packet_id);
  const std::size_t kind = kind_of(event.packet);
  if (kind == nothing) return;
  const Queue& queue = at.ledger.queues[kind];
  const auto begin = queue.owed.begin() + static_cast<std::ptrdiff_t>(queue.first);
  const auto found = std::find_if(
      begin, queue.owed.end(), [&](const Owed& owed) { return owed.packet_id == event.packet_id; });
  if (found == queue.owed.end()) return without_cause(at, event);
  answered(at, event, kind, static_cast<std::size_t>(found - queue.owed.begin()));
}

std::uint32_t Answers::whose(const Here& here) {
  if (here.end == End::broker) return here.connection.session;
  const Client* client = model_.client_of(here.connection);
  return client ? client->id : 0;
}

void Answers::ended(const Here& here, const Event& pubcomp) {
  const std::uint32_t owner = whose(here);
  const auto again = std::erase_if(again_, [&](const Released& one) {
    return one.end == here.end && one.whose == owner && one.packet_id == pubcomp.packet_id;
  });
  auto* out = exchanges(here);
  const Exchange* exchange = out ? out->find(pubcomp.packet_id) : nullptr;
  if (again == 0 && (!exchange || exchange->qos != QoS::exactly_once)) return;
  ended_.push_back({here.end, owner, pubcomp.packet_id, pubcomp.at});
  const Time behind = std::max(behind_by, model_.settings.crash_loses);
  const Time oldest = pubcomp.at - behind - model_.settings.host_grace;
  while (ended_.front().over_at < oldest || ended_.size() > remembered) ended_.pop_front();
}

// What was written is in a store that was kept, but for the step in whose middle the process ended;
// of one that was torn the end is missing.
void Answers::crashed(const Event& event) {
  const auto fate = static_cast<trace::StoreFate>(event.code);
  if (fate == trace::StoreFate::lost) return;
  const bool torn = fate == trace::StoreFate::torn;
  const Time behind = torn ? std::max(behind_by, model_.settings.crash_loses) : 0;
  for (const Released& one : ended_) {
    const bool its = one.end == event.end &&
                     (one.end == End::broker || model_.client_at(one.whose).actor == event.actor);
    if (its && one.over_at + model_.settings.host_grace >= event.at - behind) again_.push_back(one);
  }
  if (!torn) return;
  if (event.end == End::broker) {
    for (Session* session : model_.sessions()) may_be_lost(session->out, End::broker, session->id);
  } else {
    for (const std::uint32_t index : model_.clients_of(event.actor))
      may_be_lost(model_.client_at(index).out, End::client, index);
  }
}

// The model forgets what is under way in a torn store.
void Answers::may_be_lost(Table<Exchange>& out, End end, std::uint32_t whose) {
  for (const std::uint64_t id : out.keys())
    if (out.find(id)->stage != Exchange::Stage::publish)
      again_.push_back({end, whose, static_cast<std::uint16_t>(id), model_.now});
}

bool Answers::may_resume(const Here& here, std::uint16_t packet_id) {
  const std::uint32_t owner = whose(here);
  return std::any_of(again_.begin(), again_.end(), [&](const Released& one) {
    return one.end == here.end && one.whose == owner && one.packet_id == packet_id;
  });
}

// Acknowledgements do not outlive their connection (MQTT-2.2.1-5, MQTT-2.2.1-6; MQTT-2.3.1-6 in
// 3.1.1), but a resumed exchange may go on with PUBREC or PUBREL: with PUBREL also one that was
// over, if the crash came before the PUBCOMP was in the store.
void Answers::without_cause(const Here& here, const Event& event) {
  if (!here.ledger.complete || event.packet == PacketType::pingresp) return;
  model_.report.checked(Rule::ack_causal);
  auto* out = event.packet == PacketType::pubrel ? exchanges(here) : nullptr;
  if (out && out->find(event.packet_id)) return;
  if (event.packet == PacketType::pubrec && goes_on(here, event.packet_id)) return;
  if (out && may_resume(here, event.packet_id)) return;
  model_.report.broken(Rule::ack_causal, here.end, model_.now,
                       model_.sender(here.connection, here.end) + " wrote " +
                           std::string(name(event.packet)) + " id " +
                           std::to_string(event.packet_id) + " at " + seconds(model_.now) +
                           ", which answers nothing that had arrived on this connection",
                       {model_.event_index});
}

void Answers::answered(const Here& here, const Event& event, std::size_t kind, std::size_t index) {
  Queue& queue = here.ledger.queues[kind];
  const Owed owed = queue.owed[index];
  if (kind != pingresp) model_.report.checked(Rule::ack_causal);
  if (kind == pubcomp || owed.repeat) model_.report.checked(Rule::q2_total);
  if (here.side().window.full()) model_.report.checked(Rule::quota_nonblock);
  // Of a broker's acknowledgements the standard orders PUBREL only: that belongs to delivering.
  const bool ordered = here.end == End::client ? kind <= pubrel : kind == pubrel;
  if (ordered) in_turn(here, event, kind, index);
  queue.erase(index);
  passed_over(here, owed);
}

void Answers::in_turn(const Here& here, const Event& event, std::size_t kind, std::size_t index) {
  Queue& queue = here.ledger.queues[kind];
  const Owed* oldest = queue.oldest();
  if (!oldest || queue.owed.size() - queue.first < 2) return;
  model_.report.checked(Rule::ord_ack);
  if (oldest >= &queue.owed[index]) return;  // MQTT-4.6.0-2, MQTT-4.6.0-3, MQTT-4.6.0-4
  model_.report.broken(Rule::ord_ack, here.end, model_.now,
                       model_.sender(here.connection, here.end) + " wrote " +
                           std::string(name(event.packet)) + " id " +
                           std::to_string(event.packet_id) + " at " + seconds(model_.now) +
                           ", before that of id " + std::to_string(oldest->packet_id) +
                           ", although that was due earlier, since " + seconds(oldest->at),
                       {oldest->event, queue.owed[index].event, model_.event_index});
  for (std::size_t i = queue.first; i < index; ++i) queue.owed[i].waived = true;
}

// Who answers what came much later has handled what came before. A client may keep PUBREC back
// until its application has taken the message.
void Answers::passed_over(const Here& here, const Owed& answered) {
  const Time before = answered.at - model_.settings.answer_within;
  for (const std::size_t kind : {pubcomp, pubrec}) {
    const Owed* owed = here.ledger.queues[kind].oldest();
    if (!owed || owed->at >= before || (kind == pubrec && handed_at(here) >= before)) continue;
    unanswered(here, kind, "and has answered what arrived later");  // MQTT-4.3.3-10, MQTT-4.3.3-11
  }
}

void Answers::unanswered(const Here& here, std::size_t kind, const std::string& how) {
  Queue& queue = here.ledger.queues[kind];
  Owed& owed = queue.owed[static_cast<std::size_t>(queue.oldest() - queue.owed.data())];
  owed.waived = true;
  model_.report.broken(
      Rule::q2_total, here.end, model_.now,
      model_.sender(here.connection, here.end) + " wrote no " + std::string(name(packets[kind])) +
          " for the " + (kind == pubcomp ? "PUBREL" : "PUBLISH") + " id " +
          std::to_string(owed.packet_id) + " that arrived at " + seconds(owed.at) + ", " + how,
      {owed.event, model_.event_index});
}

// When its application last took a message; never: it has others to take.
Time Answers::handed_at(const Here& here) {
  const Client* client = here.end == End::client ? model_.client_of(here.connection) : nullptr;
  if (!client) return 0;
  return client->arrivals.empty() ? client->handed_at : never;
}

// At zero quota everything but PUBLISH goes on. Told by what is owed for too long by an end that
// has a free link, and no application to wait for.
void Answers::blocked(const Here& here) {
  const Window& window = here.side().window;
  const Time before = model_.now - model_.settings.answer_within;
  const bool could = window.full() && here.connection.link_free(here.end, model_.now);
  if (!could || window.full_since >= before || handed_at(here) >= before) return;
  for (std::size_t kind = 0; kind < kinds; ++kind) {
    Queue& queue = here.ledger.queues[kind];
    const Owed* oldest = queue.oldest();
    if (!oldest || oldest->at >= before) continue;
    Owed& owed = queue.owed[static_cast<std::size_t>(oldest - queue.owed.data())];
    owed.waived = true;
    model_.report.broken(  // MQTT-3.3.4-8, MQTT-3.3.4-10, MQTT-4.9.0-3
        Rule::quota_nonblock, here.end, model_.now,
        model_.sender(here.connection, here.end) + " has used up its quota since " +
            seconds(window.full_since) + ", and wrote no " + std::string(name(packets[kind])) +
            (owed.packet_id == 0 ? "" : " id " + std::to_string(owed.packet_id)) +
            " for what arrived at " + seconds(owed.at),
        {owed.event, model_.event_index});
  }
}

void Answers::closed(Connection& connection, const Event& event) {
  const Here at = here(connection, event.end);
  over(at);
  if (static_cast<CloseCause>(event.code) == CloseCause::local) turned_away(at, event.at);
  ledgers_.erase(key(connection, event.end));
}

void Answers::finish(Connection& connection) {
  for (const End end : {End::client, End::broker})
    if (connection.side(end).open()) over(here(connection, end));
}

void Answers::over(const Here& here) {
  blocked(here);
  if (here.end == End::broker) return leave_unread(here);
  // With nothing to answer later on, a client shows by its own packets that it is there.
  const Time before = here.side().wrote_at - model_.settings.answer_within;
  const Owed* owed = here.ledger.queues[pubcomp].oldest();
  if (owed && owed->at < before && handed_at(here) < before)
    unanswered(here, pubcomp, "and went on until " + seconds(here.side().wrote_at));
}

// A PUBREL of any id and a PUBLISH that comes again are legal, and nothing to part for.
void Answers::turned_away(const Here& here, Time now) {
  const Client* client = model_.client_of(here.connection);
  const Side& side = here.side();
  const bool by_reason = here.ledger.reason >= 0x80;
  const bool unread = here.end == End::broker && model_.settings.from_the_path;
  const bool crashed =
      here.end == End::broker && model_.conditions.runs_since(End::broker, 0) == never;
  const bool excused =
      unread || crashed || side.malformed_in || side.tail_in || (side.ended && !by_reason) ||
      here.connection.challenged || here.other().arrived + (by_reason ? 1 : 0) < side.written ||
      (here.end == End::client && (!client || client->dead)) || handed_at(here) == never;
  if (excused) return;
  for (const std::size_t kind : {pubcomp, pubrec}) {
    const Queue& queue = here.ledger.queues[kind];
    const Owed* owed = queue.oldest();
    if (!owed || owed->event != here.ledger.last || now > owed->at + at_once) continue;
    if (kind == pubcomp || owed->repeat) unanswered(here, kind, "and closed the connection");
  }
}

}  // namespace mqttlab::oracle
