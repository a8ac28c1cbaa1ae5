#include "protocol/oracle/oracle.h"

#include "protocol/oracle/alias.h"
#include "protocol/oracle/answers.h"
#include "protocol/oracle/attempt.h"
#include "protocol/oracle/birth.h"
#include "protocol/oracle/broker_end.h"
#include "protocol/oracle/client_end.h"
#include "protocol/oracle/converge.h"
#include "protocol/oracle/count.h"
#include "protocol/oracle/crash.h"
#include "protocol/oracle/handover.h"
#include "protocol/oracle/intent.h"
#include "protocol/oracle/keep_alive.h"
#include "protocol/oracle/progress.h"
#include "protocol/oracle/stream.h"

namespace mqttlab::oracle {

/// Takes each event to those whom it concerns: first to the rules that need the model as it was
/// before the event, then to the end of the wire that changes it.
struct Oracle::State {
  explicit State(Settings given) : settings(given) {
    wills.connect(delivery, retained);
    delivery.connect(intake);
    crashes.connect(sessions, wills, retained);
    model.crashes = &crashes;
    if (!settings.applications) note_applications();
  }

  void note_applications() {
    for (const Rule rule : {Rule::no_fabrication, Rule::q0_atmost, Rule::q1_noloss, Rule::q2_once,
                            Rule::ord_topic, Rule::will_iff})
      report.note(rule, "as far as the client's end: what its application got is not in the trace");
  }

  void on(const Event& event);
  void finish(Time end);

  const Settings settings;
  Report report;
  Model model{settings, report};
  Calls calls{model};
  Flow flow{model, calls};
  Exchanges exchanges{model, calls, flow};
  Answers answers{model};
  Aliases aliases{model};
  Wills wills{model};
  Expiry expiry{model};
  Retained retained{model, expiry};
  Discards discards{model};
  Resumes resumes{model};
  Subscriptions subscriptions{model, retained};
  Delivery delivery{model, wills, retained, expiry, discards, subscriptions, resumes};
  Intake intake{model, delivery, retained};
  Takeovers takeovers{model};
  Sessions sessions{model, intake, wills, takeovers, discards};
  ClientEnd client_end{model, calls, exchanges, delivery, discards};
  BrokerEnd broker_end{model,  exchanges, sessions,      takeovers, wills,
                       intake, delivery,  subscriptions, resumes,   discards};
  KeepAlive keep_alive{model};
  Streams streams{model};
  Converge converge{model, calls};
  Attempts attempts{model};
  Intents intents{model};
  Handovers handovers{model};
  Progress progress{model, calls};
  Crashes crashes{model};
  Counts counts{model};
  Births births{model, retained};

 private:
  void client_written(const Event& event, Connection& connection);
  void client_arrived(const Event& event, Connection& connection);
  void on_connection(const Event& event, Connection& connection, Side& side);
  void closed(const Event& event, Connection& connection, Side& side);
};

Oracle::Oracle(Settings settings) : state_(std::make_unique<State>(settings)) {}
Oracle::~Oracle() = default;

void Oracle::on(const Event& event, const trace::Log& log) {
  state_->model.log = &log;
  state_->on(event);
}

void Oracle::know(trace::Actor device, const DeviceFacts& facts) {
  state_->model.know(device, facts);
}

void Oracle::started(trace::Actor device) {
  state_->intents.forget(device);
  state_->attempts.started(device);
}

void Oracle::count(const Gauges& gauges) { state_->counts.count(gauges); }

void Oracle::finish(Time end, const trace::Log& log) {
  state_->model.log = &log;
  state_->finish(end);
}

const std::vector<Violation>& Oracle::violations() const { return state_->report.violations(); }
std::vector<Verdict> Oracle::verdicts() const {
  return state_->report.verdicts(state_->settings.strict);
}

void Oracle::State::on(const Event& event) {
  model.now = event.at;
  wills.advance();
  sessions.advance();
  switch (event.kind) {
    case Kind::opened:
    case Kind::closed:
    case Kind::written:
    case Kind::arrived:
    case Kind::malformed:
    case Kind::tail: {
      Connection& connection = model.connection(event.connection);
      on_connection(event, connection, connection.side(event.end));
      break;
    }
    case Kind::publish_called:
      calls.called(event);
      break;
    case Kind::publish_completed:
      calls.completed(event);
      break;
    case Kind::delivered:
      delivery.delivered(event);
      for (const std::uint32_t index : model.clients_of(event.actor))
        model.client_at(index).handed_at = event.at;
      break;
    case Kind::dropped:
      delivery.dropped(event);
      retained.dropped(event);
      break;
    case Kind::session_ended:
      sessions.ended(event);
      break;
    case Kind::died:
      client_end.died(event.actor);
      intents.forget(event.actor);
      model.conditions.on(event, false);
      break;
    case Kind::stopped:
      client_end.stopped(event);
      break;
    case Kind::phase:
      converge.phase(event);
      model.conditions.on(event, converge.settling());
      break;
    case Kind::publish_refused:
      break;
    case Kind::link_down:
    case Kind::link_up:
    case Kind::fault:
    case Kind::fault_over:
      model.conditions.on(event, false);
      break;
    case Kind::crashed:
      answers.crashed(event);
      if (event.end == End::broker) {
        crashes.crashed(event);
      } else {
        const auto fate = static_cast<trace::StoreFate>(event.code);
        client_end.crashed(event.actor, fate == trace::StoreFate::kept);
        intents.forget(event.actor);
      }
      model.conditions.on(event, false);
      break;
    case Kind::restarted:
      if (event.end == End::broker) crashes.restarted(event);
      if (event.end == End::client) attempts.started(event.actor);
      model.conditions.on(event, false);
      break;
    case Kind::paused:
    case Kind::went_on:
      model.conditions.on(event, false);
      break;
  }
  ++model.event_index;
}

void Oracle::State::on_connection(const Event& event, Connection& connection, Side& side) {
  const bool client = event.end == End::client;
  // A trace that begins within a connection, or has lost lines of it, tells nothing of its session.
  if (event.packet == PacketType::connack && !connection.connect) return;
  switch (event.kind) {
    case Kind::opened:
      side.opened = true;
      side.opened_at = event.at;
      if (!client) break;
      connection.device = event.actor;
      connection.guest = (event.flags & trace::flag_guest) != 0;
      if (connection.guest) note_applications();
      break;
    case Kind::written:
      streams.written(connection, event);
      answers.written(connection, event);
      keep_alive.written(connection, event);
      if (event.packet == PacketType::publish) aliases.written(connection, event);
      if (client) flow.alive(connection);
      if (!client) takeovers.written(connection, event);
      client ? client_written(event, connection) : broker_end.written(connection, event);
      side.wrote_at = event.at;
      ++side.written;
      break;
    case Kind::arrived:
      streams.arrived(connection, event);
      keep_alive.heard(connection, event);
      answers.arrived(connection, event);
      flow.announced(connection, event);
      side.heard_at = event.at;
      ++side.arrived;
      client ? client_arrived(event, connection) : broker_end.arrived(connection, event);
      break;
    case Kind::malformed:
      streams.malformed(connection, event);
      (event.flags != 0 ? side.malformed_in : side.malformed_out) = true;
      break;
    case Kind::tail:
      (event.flags != 0 ? side.tail_in : side.tail_out) = true;
      break;
    case Kind::closed:
      if (!side.closed) closed(event, connection, side);
      break;
    default:
      break;
  }
}

void Oracle::State::client_written(const Event& event, Connection& connection) {
  client_end.written(connection, event);
  const Client* client = model.client_of(connection);
  if (!client) return;
  switch (event.packet) {
    case PacketType::connect:
      attempts.connect(connection, *client);
      break;
    case PacketType::subscribe:
    case PacketType::unsubscribe:
      intents.asked(connection, event);
      break;
    case PacketType::puback:
    case PacketType::pubrec:
      handovers.acknowledged(*client, connection, event);
      break;
    case PacketType::disconnect:
      intents.forget(event.actor);
      break;
    default:
      break;
  }
}

void Oracle::State::client_arrived(const Event& event, Connection& connection) {
  Client* client = model.client_of(connection);
  const Exchange* exchange = client ? client->out.find(event.packet_id) : nullptr;
  const std::uint64_t message = exchange ? exchange->message : 0;
  if (event.packet == PacketType::suback) intents.answered(connection, event);
  client_end.arrived(connection, event);
  switch (event.packet) {
    case PacketType::connack:
      attempts.answered(connection);
      if (connection.client.connack && !connection.client.resumed &&
          connection.connect->version != ProtocolVersion::v3_1)
        intents.session_lost(connection);
      break;
    case PacketType::publish:
      if (client) handovers.arrived(*client, event);
      break;
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubcomp:
      if (message != 0 && !client->out.find(event.packet_id))
        calls.settled(client->actor, message,
                      !refuses(event) || event.packet == PacketType::pubcomp);
      break;
    default:
      break;
  }
}

void Oracle::State::closed(const Event& event, Connection& connection, Side& side) {
  keep_alive.closed(connection, event);
  answers.closed(connection, event);
  if (event.end == End::client) {
    flow.alive(connection);
    attempts.over(connection, false);
    intents.over(connection);
    progress.client_over(connection, false);
  } else {
    progress.broker_over(connection, false);
  }
  event.end == End::client ? client_end.closed(connection) : broker_end.closed(connection, event);
  side.closed = true;
  if (connection.client.open() || connection.broker.open()) return;
  model.forget_connection(event.connection);
}

void Oracle::State::finish(Time end) {
  model.now = end;
  wills.advance();
  sessions.advance();
  const Deadline deadline = converge.deadline(end);
  for (Connection* connection : model.connections()) {
    answers.finish(*connection);
    if (connection->client.open()) {
      flow.alive(*connection);
      attempts.over(*connection, true);
      intents.over(*connection);
      if (!deadline.known) progress.client_over(*connection, true);
    }
    if (connection->broker.open() && !deadline.known) progress.broker_over(*connection, true);
    exchanges.held(*connection, deadline);
    client_end.finish(*connection);
    broker_end.finish(*connection);
  }
  takeovers.finish(end);
  wills.finish(end);
  keep_alive.finish(end);
  delivery.finish(deadline);
  retained.finish(deadline);
  births.finish(deadline);
  counts.finish(deadline);
  converge.finish(deadline);
}

}  // namespace mqttlab::oracle
