#include "protocol/live/broker_server.h"

#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "protocol/live/clock.h"
#include "protocol/live/open_files.h"
#include "protocol/trace/tapped_peer.h"

namespace mqttlab::live {
namespace {

std::string_view words(CloseCause cause) {
  switch (cause) {
    case CloseCause::fin:
      return "closed by the client";
    case CloseCause::reset:
      return "reset";
    case CloseCause::timeout:
      return "the network no longer answers";
    case CloseCause::local:
      return "closed by the broker";
  }
  return "?";
}

// Empty if the link itself did not end it.
std::string words(const LinkReport& report) {
  if (report.was_silent) return "refused: no CONNECT in time";
  if (report.reason != ReasonCode::success) {
    std::string text(report.was_accepted ? "ended by the broker: " : "refused: ");
    const PacketType type = report.was_accepted ? PacketType::disconnect : PacketType::connack;
    text += name(report.reason, type);
    if (!report.broken.empty()) text.append(", breaks ").append(report.broken);
    return text;
  }
  return report.said_goodbye ? "disconnected" : "";
}

const ServerConfig& checked(const ServerConfig& config) {
  const std::size_t wanted = config.max_connections + spare_files;
  const std::size_t limit = raise_open_files(wanted);
  if (limit < wanted)
    throw std::runtime_error(fmt::format(
        "{} connections need {} open files, and this process may have {}; allow fewer connections, "
        "or raise the limit (ulimit -n, or LimitNOFILE= of the service)",
        config.max_connections, wanted, limit));
  return config;
}

}  // namespace

BrokerServer::BrokerServer(boost::asio::io_context& io, BrokerConfig broker, ServerConfig config,
                           std::uint64_t seed, Access* access, LogLines& log, BrokerTrace trace,
                           Store* store)
    : log_(log),
      config_(checked(config)),
      trace_(trace),
      store_(store),
      broker_(std::move(broker), seed, access, trace.log, trace.actor, store, unix_offset),
      sockets_(io, [this] { settle(); }),
      rate_(config.accepts_per_s),
      alarm_(io, [this] { due(); }) {
  broker_.advance(steady_now());  // it counts its uptime from here
  sockets_.wake();
}

BrokerServer::~BrokerServer() = default;

void BrokerServer::restore() {
  if (!store_) return;
  const Time begin = steady_now();
  const journal::Image image = store_->load();
  broker_.restore(image, begin);
  log_(LogLevel::notice, "restored {} sessions, {} messages and {} retained ones in {} ms",
       image.sessions().size(), image.messages(), image.retained().size(),
       (steady_now() - begin) / millisecond);
  sockets_.wake();
}

std::uint16_t BrokerServer::listen(ListenerConfig config) {
  const Endpoint& endpoint = config.endpoint;
  if (has_tls(endpoint.transport) && !config.tls)
    throw std::invalid_argument(endpoint.text() + ": needs a certificate and its key");
  if (has_web_socket(endpoint.transport)) check(config.web_socket);
  auto opened = live::listen(sockets_.io(), doors_.emplace_back(std::move(config)), *this, log_);
  std::ranges::move(opened, std::back_inserter(listeners_));
  return listeners_.back()->port();
}

void BrokerServer::accepted(Listener& listener, int socket, std::string address) {
  const std::size_t most = listener.config().max_connections;
  if (connections_.size() >= config_.max_connections || listener.connections >= most) {
    ::close(socket);
    ++gauges_.refused;
    return log_(LogLevel::warning, "{} refused: {} connections are the limit of {}", address,
                std::min(most, config_.max_connections),
                listener.connections >= most ? listener.text() : "this broker");
  }
  ++gauges_.accepted;
  const LinkId id = unused_id();
  const Time now = steady_now();
  auto& connection = connections_[id];
  ++listener.connections;
  log_(LogLevel::info, "{} connected to {}", address, listener.text());
  connection =
      std::make_unique<Connection>(sockets_, socket, id, std::move(address), listener, *this, now);
  active(*connection);
  sockets_.wake();
}

LinkId BrokerServer::unused_id() {
  while (connections_.contains(++last_id_)) {
  }
  return last_id_;
}

Peer& BrokerServer::link(Connection& connection, const Introduction& introduction, Time now) {
  Peer& peer = broker_.accept(connection.id(), now, introduction.certificate);
  if (!trace_.log || !trace_.packets) return peer;
  connection.tap = std::make_unique<trace::TappedPeer>(
      peer, trace::Tap(*trace_.log, trace::End::broker, trace_.actor, connection.id(), now));
  return *connection.tap;
}

void BrokerServer::active(Connection& connection) {
  if (!std::exchange(connection.dirty, true)) dirty_.push_back(&connection);
}

void BrokerServer::ended(Connection& connection, CloseCause cause) {
  if (!connection.failure().empty()) ++gauges_.transports;
  if (log_.wants(LogLevel::info)) {
    std::string how = connection.failure();
    if (connection.has_link()) {
      name(connection);
      const LinkReport report = broker_.report(connection.id());
      if (how.empty()) how = words(report);
    }
    if (how.empty()) how = words(cause);
    log_(LogLevel::info, "{} {} after {} s", connection.address(), how,
         (steady_now() - connection.since()) / second);
  }
  if (connection.has_link()) broker_.release(connection.id());
}

void BrokerServer::name(Connection& connection) {
  const LinkReport report = broker_.report(connection.id());
  if (!report.was_accepted || std::exchange(connection.named, true)) return;
  log_(LogLevel::info, "{} is client '{}'", connection.address(), report.client_id);
}

void BrokerServer::commit() {
  if (!store_) return;
  const JournalPosition safe = store_->commit(steady_now());
  if (safe != committed_) broker_.committed(committed_ = safe);
}

// Bytes on one link make others speak, and what they write may make room for more: until all is
// quiet. What has been read is committed before anything is written.
void BrokerServer::settle() {
  for (;;) {
    commit();
    for (const LinkId id : broker_.touched()) {
      Connection& connection = *connections_.find(id)->second;
      connection.woken = true;
      active(connection);
    }
    if (dirty_.empty()) break;
    flushed_.swap(dirty_);
    const Time now = steady_now();
    for (Connection* connection : flushed_) {
      connection->dirty = false;
      connection->flush(now);
      if (!connection->named && connection->has_link() && !connection->stream().is_ended() &&
          log_.wants(LogLevel::info))
        name(*connection);
      if (connection->stream().is_closed()) {
        if (!std::exchange(connection->closed, true)) closed_.push_back(connection);
      } else if (const Time due = connection->deadline(); due < connection->armed) {
        connection->armed = due;
        timers_.set(due, connection->id());
      }
    }
    flushed_.clear();
  }
  bury();
  alarm_.set(deadline());
}

void BrokerServer::bury() {
  for (Connection* connection : closed_) {
    --connection->listener().connections;
    connections_.erase(connection->id());
  }
  closed_.clear();
  if (connections_.empty() && stopped_) std::exchange(stopped_, nullptr)();
}

Time BrokerServer::deadline() const {
  Time deadline = std::min({broker_.deadline(), timers_.deadline(), stop_at_});
  if (store_) deadline = std::min(deadline, store_->deadline());
  return deadline;
}

void BrokerServer::due() {
  const Time now = steady_now();
  broker_.advance(now);
  while (const auto id = timers_.pop(now)) {
    const auto at = connections_.find(*id);
    if (at == connections_.end()) continue;
    Connection& connection = *at->second;
    connection.armed = never;
    connection.advance(now);
    active(connection);
  }
  if (stop_at_ <= now) {
    stop_at_ = never;
    for (const auto& [id, connection] : connections_) connection->stream().drop(CloseCause::local);
  }
  settle();
}

void BrokerServer::decide(RequestId request, Decision decision) {
  broker_.decide(request, std::move(decision), steady_now());
  sockets_.wake();
}

std::string BrokerServer::address_of(LinkId link) const {
  const auto at = connections_.find(link);
  if (at == connections_.end() || !at->second) return {};
  std::string host = at->second->address();
  host.resize(host.rfind(':'));
  return host.starts_with('[') ? host.substr(1, host.size() - 2) : host;
}

void BrokerServer::renew_tls(
    const std::function<std::shared_ptr<const TlsContext>(Transport)>& context) {
  for (ListenerConfig& door : doors_)
    if (door.tls) door.tls = context(door.endpoint.transport);
}

void BrokerServer::stop(std::function<void()> stopped) {
  const Time now = steady_now();
  stopped_ = std::move(stopped);
  if (!std::exchange(stopping_, true)) {
    log_(LogLevel::notice, "stopping with {} connections", connections_.size());
    for (const auto& listener : listeners_) listener->close();
    broker_.shut_down(now);
    for (const auto& [id, connection] : connections_)
      if (!connection->has_link()) connection->stream().drop(CloseCause::local);
    stop_at_ = now + config_.stop_timeout;
  } else {
    stop_at_ = now;
  }
  sockets_.wake();
}

}  // namespace mqttlab::live
