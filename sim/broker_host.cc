#include "sim/broker_host.h"

#include <algorithm>
#include <utility>

namespace mqttlab::sim {

BrokerHost::BrokerHost(Network& network, const Security& security, BrokerConfig config,
                       std::uint64_t seed, Access* access, trace::Log* log, trace::Actor actor,
                       const Listeners& listeners)
    : security_(security),
      log_(log),
      actor_(actor),
      broker_(std::move(config), seed, access, log, actor),
      alarm_([this] {
        broker_.advance(virtual_now());
        settle();
      }) {
  for (const auto& [port, transport] : listeners)
    network.serve(
        port, [this, carrier = transport](const Arrival& arrival) { accepted(arrival, carrier); });
}

void BrokerHost::accepted(const Arrival& arrival, Transport transport) {
  const std::uint32_t number = arrival.wire->connection();
  if (number >= connections_.size()) connections_.resize(number + 1);
  connections_[number] = {std::make_unique<Stream>(arrival.socket, arrival.wire, trace::End::broker,
                                                   security_.server(transport), *this),
                          arrival.device};
  pump(number);
  settle();
}

trace::TappedPeer BrokerHost::carried(Stream& stream, const Introduction& introduction) {
  std::optional<trace::Tap> tap;
  if (log_) tap.emplace(*log_, trace::End::broker, actor_, stream.connection(), virtual_now());
  Peer& peer = broker_.accept(stream.connection(), virtual_now(), introduction.certificate);
  return {peer, std::move(tap)};
}

void BrokerHost::decide(RequestId request, Decision decision) {
  broker_.decide(request, std::move(decision), virtual_now());
  settle();
}

void BrokerHost::active(Stream& stream) {
  tidy(stream.connection());
  settle();
}

// Bytes on one link make others speak, and what they write may make room for more: until all is
// quiet.
void BrokerHost::settle() {
  while (const auto due = timers_.pop(virtual_now())) {
    connections_[*due].armed = never;
    pump(*due);
  }
  for (;;) {
    const auto touched = broker_.touched();
    if (touched.empty()) break;
    woken_.assign(touched.begin(), touched.end());
    for (const LinkId link : woken_) pump(link);
  }
  alarm_.set(std::min(broker_.deadline(), timers_.deadline()));
}

void BrokerHost::pump(std::uint32_t connection) {
  if (connection >= connections_.size() || !connections_[connection].stream) return;
  connections_[connection].stream->pump();
  tidy(connection);
}

// Lets go of a stream that is over; of another one, takes note of the timers.
void BrokerHost::tidy(std::uint32_t number) {
  Connection& connection = connections_[number];
  if (!connection.stream) return;
  if (const Time due = connection.stream->deadline(); due < connection.armed) {
    connection.armed = due;
    timers_.set(due, number);
  }
  if (!connection.stream->is_over()) return;
  if (connection.device >= overhead_.size()) overhead_.resize(connection.device + 1);
  overhead_[connection.device] += connection.stream->overhead();
  const bool has_link = connection.stream->is_established();
  connection.stream.reset();
  if (has_link) broker_.release(number);
}

Overhead BrokerHost::overhead(DeviceIndex device) const {
  Overhead all = device < overhead_.size() ? overhead_[device] : Overhead{};
  for (const Connection& connection : connections_)
    if (connection.stream && connection.device == device) all += connection.stream->overhead();
  return all;
}

}  // namespace mqttlab::sim
