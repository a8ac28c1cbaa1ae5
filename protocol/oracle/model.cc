#include "protocol/oracle/model.h"

#include <algorithm>

#include "protocol/wire/topic.h"

namespace mqttlab::oracle {
namespace {

// A client without an id is whoever is on its connection: its numbers lie above all texts.
std::uint64_t identity_key(const Connection& connection) {
  return connection.client_id != 0 ? connection.client_id
                                   : (std::uint64_t{1} << 32 | connection.number);
}

std::uint64_t client_key(Actor actor, const Connection& connection) {
  return (std::uint64_t{actor} + 1) << 33 | identity_key(connection);
}

bool settled(const Record& record) { return record.delivered + record.excused >= record.required; }

}  // namespace

const DeviceFacts& Model::facts(Actor device) const {
  static const DeviceFacts unknown;
  const auto known = facts_.find(device);
  return known == facts_.end() ? unknown : known->second;
}

// Which of a device's clients dials cannot be told before CONNECT: what holds for all of them.
void Model::know(Actor device, const DeviceFacts& facts) {
  const auto [at, first] = facts_.emplace(device, facts);
  if (first) return;
  DeviceFacts& known = at->second;
  known.round_trip = std::max(known.round_trip, facts.round_trip);
  known.resubscribes = known.resubscribes && facts.resubscribes;
  known.connect_timeout = std::max(known.connect_timeout, facts.connect_timeout);
  known.backoff_initial = std::min(known.backoff_initial, facts.backoff_initial);
  known.backoff_maximum = std::min(known.backoff_maximum, facts.backoff_maximum);
  known.backoff_stable = std::min(known.backoff_stable, facts.backoff_stable);
  known.backoff_factor = std::min(known.backoff_factor, facts.backoff_factor);
  known.backoff_jitter = std::max(known.backoff_jitter, facts.backoff_jitter);
}

void Model::broker_heard(std::uint32_t connection) {
  if (heard_last_.connection != connection) heard_before_ = heard_last_;
  heard_last_ = {connection, event_index};
}

bool Model::broker_heard_others(std::uint32_t connection, std::uint64_t since) const {
  const Heard& other = heard_last_.connection == connection ? heard_before_ : heard_last_;
  return other.connection != 0 && other.event > since;
}

Connection& Model::connection(std::uint32_t number) {
  std::unique_ptr<Connection>& slot = connections_[number];
  if (!slot) {
    slot = std::make_unique<Connection>();
    slot->number = number;
  }
  return *slot;
}

Connection* Model::find_connection(std::uint32_t number) {
  if (number == 0) return nullptr;
  const auto* slot = connections_.find(number);
  return slot ? slot->get() : nullptr;
}

void Model::forget_connection(std::uint32_t number) { connections_.erase(number); }

std::vector<Connection*> Model::connections() {
  std::vector<Connection*> all;
  for (const std::uint64_t number : connections_.keys())
    all.push_back(connections_.find(number)->get());
  return all;
}

Identity& Model::identity(const Connection& connection) {
  std::uint32_t& index = identity_index_[identity_key(connection)];
  if (index == 0) {
    identities_.emplace_back();
    index = static_cast<std::uint32_t>(identities_.size());
  }
  return identities_[index - 1];
}

Identity* Model::find_identity(Text client_id) {
  if (client_id == 0) return nullptr;
  const std::uint32_t* index = identity_index_.find(client_id);
  return index ? &identities_[*index - 1] : nullptr;
}

const Connection* Model::connecting(Text client_id) {
  const Identity* identity = find_identity(client_id);
  const Connection* connection = identity ? find_connection(identity->connecting) : nullptr;
  return connection && !connection->broker.connack && !connection->broker.closed ? connection
                                                                                 : nullptr;
}

void Model::assign(Connection& connection, Text client_id) {
  if (connection.client_id != 0 || client_id == 0) return;
  const std::uint32_t* known = identity_index_.find(identity_key(connection));
  const std::uint32_t index = known ? *known : 0;
  connection.client_id = client_id;
  if (index != 0) identity_index_[client_id] = index;
}

void Model::assigned(const Connection& connection) {
  Client* client = client_of(connection);
  if (!client || client->client_id != 0) return;
  client->client_id = connection.client_id;
  client_index_[client_key(client->actor, connection)] = client->id;
}

Session* Model::session(std::uint32_t id) { return id == 0 ? nullptr : sessions_[id - 1].get(); }

Session& Model::begin_session(Identity& identity, Text client_id) {
  sessions_.push_back(std::make_unique<Session>());
  Session& session = *sessions_.back();
  session.id = static_cast<std::uint32_t>(sessions_.size());
  session.client_id = client_id;
  identity.session = session.id;
  return session;
}

void Model::end_session(std::uint32_t id) {
  if (!session(id)) return;
  for (const std::uint32_t filter : std::vector(session(id)->filters))
    unsubscribe(*session(id), filter);
  for (const std::uint32_t filter : std::vector(session(id)->former_filters))
    resubscribe(*session(id), filter);
  sessions_[id - 1].reset();
}

std::vector<Session*> Model::sessions() {
  std::vector<Session*> alive;
  for (const auto& session : sessions_)
    if (session) alive.push_back(session.get());
  return alive;
}

std::size_t Model::doubtful() const {
  return static_cast<std::size_t>(std::count_if(identities_.begin(), identities_.end(),
                                                [](const Identity& one) { return one.doubtful; }));
}

// At-most-once can only be judged by what is remembered. A session remembers its last messages and
// every one that is still due; a repeat of something older would be called a fabrication.
Record& Model::record(Memory& memory, std::uint64_t message) {
  const std::size_t before = memory.records.size();
  if (Record& record = memory.records[message]; memory.records.size() == before) return record;
  memory.history.push_back(message);
  if (memory.history.size() > remembered) {
    const std::uint64_t oldest = memory.history.front();
    memory.history.pop_front();
    const Record* record = memory.records.find(oldest);
    if (record && settled(*record)) {
      memory.records.erase(oldest);
    } else if (record) {
      memory.history.push_back(oldest);
    }
  }
  return memory.records[message];
}

Client& Model::client(Actor actor, const Connection& connection) {
  std::uint32_t& index = client_index_[client_key(actor, connection)];
  if (index == 0) {
    clients_.emplace_back();
    index = static_cast<std::uint32_t>(clients_.size());
    Client& client = clients_.back();
    client.id = index;
    client.actor = actor;
    client.client_id = connection.client_id;
    if (clients_of_.size() <= actor) clients_of_.resize(actor + 1);
    clients_of_[actor].push_back(index);
  }
  return clients_[index - 1];
}

Client* Model::client_of(const Connection& connection) {
  return connection.client_index == 0 ? nullptr : &clients_[connection.client_index - 1];
}

const std::vector<std::uint32_t>& Model::clients_of(Actor actor) {
  static const std::vector<std::uint32_t> nobody;
  return actor < clients_of_.size() ? clients_of_[actor] : nobody;
}

Model::Topic& Model::topic(Text text) {
  if (topics_.size() <= text) topics_.resize(std::max<std::size_t>(text + 1, topics_.size() * 2));
  Topic& topic = topics_[text];
  if (!topic.known) {
    topic.known = true;
    topic.system = log->text(text).starts_with("$SYS/");
  }
  return topic;
}

const std::vector<std::uint32_t>& Model::matching(Text text) {
  Topic& found = topic(text);
  for (; found.examined < filters_.size(); ++found.examined)
    if (matches(filters_[found.examined], text)) found.filters.push_back(found.examined);
  return found.filters;
}

bool Model::system_topic(Text text) { return topic(text).system; }

std::vector<std::uint32_t> Model::filters_of(Text text, bool v5) {
  const bool shared = shared_filter(log->text(text)).has_value();
  if (shared && !v5) return {filter_index(text, true), filter_index(text, false)};
  return {filter_index(text, shared)};
}

std::uint32_t Model::filter_index(Text text, bool shared) {
  std::uint32_t& index =
      filter_index_[std::uint64_t{text} + 1 + (shared ? std::uint64_t{1} << 33 : 0)];
  if (index == 0) {
    Filter& filter = filters_.emplace_back();
    filter.text = text;
    if (shared) filter.group = std::make_unique<Group>();
    index = static_cast<std::uint32_t>(filters_.size());
  }
  return index - 1;
}

Subscriber* Model::subscriber(std::uint32_t filter, std::uint32_t session) {
  for (Subscriber& subscriber : filters_[filter].subscribers)
    if (subscriber.session == session) return &subscriber;
  return nullptr;
}

void Model::unsubscribe(Session& session, std::uint32_t filter) {
  Filter& left = filters_[filter];
  std::erase_if(left.subscribers,
                [&](const Subscriber& subscriber) { return subscriber.session == session.id; });
  std::erase(session.filters, filter);
  if (left.group) left.group->left_at = now;
}

void Model::resubscribe(Session& session, std::uint32_t filter) {
  std::erase_if(filters_[filter].former,
                [&](const Filter::Former& former) { return former.session == session.id; });
  std::erase(session.former_filters, filter);
}

bool Model::matches(const Filter& filter, Text topic) const {
  const std::string_view text = log->text(filter.text);
  const auto shared = filter.group ? shared_filter(text) : std::nullopt;
  return mqttlab::matches(shared ? shared->filter : text, log->text(topic));
}

std::string Model::quoted(Text text) const {
  std::string words(1, '\'');
  words += log->text(text);
  words += '\'';
  return words;
}

std::string Model::who(const Connection& connection) const {
  std::string words = "client " + quoted(connection.client_id);
  if (connection.client_id == 0) words = "a client without an id";
  return words + " (connection " + std::to_string(connection.number) + ")";
}

std::string Model::sender(const Connection& connection, End end) const {
  const std::string client = who(connection);
  return end == End::client ? client : "the broker, to " + client + ",";
}

std::string Model::who(Text client_id, Actor device) const {
  if (client_id != 0) return "client " + quoted(client_id);
  return "a client without an id on '" + std::string(log->actor_name(device)) + "'";
}

}  // namespace mqttlab::oracle
