#include "sim/broker_host.h"

#include <algorithm>
#include <string>
#include <utility>

namespace mqttlab::sim {

BrokerHost::BrokerHost(Network& network, const Security& security, Program program)
    : network_(network),
      security_(security),
      program_(std::move(program)),
      alarm_([this] {
        if (state_ != State::runs) return;
        broker_->advance(virtual_now());
        settle();
      }),
      burial_([this] { bury(); }),
      birth_([this] {
        record(trace::Kind::restarted);
        begin();
        settle();
      }),
      wakening_([this] { catch_up(); }),
      turns_([this] { take_turns(); }) {
  if (program_.disk) store_.emplace(*program_.disk);
  begin();
}

BrokerHost::~BrokerHost() = default;

trace::TappedPeer BrokerHost::carried(Stream& stream, const Introduction& introduction) {
  std::optional<trace::Tap> tap;
  if (program_.log)
    tap.emplace(*program_.log, trace::End::broker, program_.actor, stream.connection(),
                virtual_now());
  Peer& peer = broker_->accept(stream.connection(), virtual_now(), introduction.certificate);
  return {peer, std::move(tap)};
}

void BrokerHost::arrived(const Arrival& arrival, Transport transport) {
  if (state_ == State::runs && !ties_) return accept({arrival, transport});
  const auto ended = ns3::MakeCallback(&BrokerHost::left, this);
  arrival.socket->SetCloseCallbacks(ended, ended);
  waiting_.push_back({arrival, transport});
  if (ties_) turns_.set(virtual_now());
}

void BrokerHost::left(ns3::Ptr<ns3::Socket> socket) {
  for (Waiting& one : waiting_)
    if (one.arrival.socket == socket) one.ended = one.arrival.socket->end_cause();
}

void BrokerHost::accept(const Waiting& waiting) {
  const Arrival& arrival = waiting.arrival;
  const std::uint32_t number = arrival.wire->connection();
  if (number >= connections_.size()) connections_.resize(number + 1);
  connections_[number] = {std::make_unique<Stream>(arrival.socket, arrival.wire, trace::End::broker,
                                                   security_.server(waiting.transport), *this),
                          arrival.device};
  if (waiting.ended) connections_[number].stream->go_on(waiting.ended);
  pump(number);
  settle();
}

void BrokerHost::active(Stream& stream) {
  tidy(stream.connection());
  settle();
}

// Bytes on one link make others speak, and what they write may make room for more: until all is
// quiet, or the process is not there any more.
void BrokerHost::settle() {
  while (state_ == State::runs) {
    const auto due = timers_.pop(virtual_now());
    if (!due) break;
    connections_[*due].armed = never;
    pump(*due);
  }
  while (state_ == State::runs) {
    commit();
    const auto touched = broker_->touched();
    if (touched.empty()) break;
    woken_.assign(touched.begin(), touched.end());
    for (const LinkId link : woken_) pump(link);
  }
  if (state_ != State::runs) return;
  const Time disk = store_ ? store_->deadline() : never;
  alarm_.set(std::min({broker_->deadline(), timers_.deadline(), disk}));
}

void BrokerHost::commit() {
  if (!store_) return;
  const JournalPosition safe = store_->commit(virtual_now());
  if (safe > committed_) broker_->committed(committed_ = safe);
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
  if (!connection.stream->is_left()) return;
  if (connection.device >= lingering_.size()) lingering_.resize(connection.device + 1);
  const bool has_link = connection.stream->is_established();
  lingering_[connection.device].take(std::move(connection.stream));
  if (has_link && state_ != State::crashed) broker_->release(number);
}

BrokerGauges BrokerHost::gauges() const { return broker_ ? broker_->gauges() : BrokerGauges{}; }

Overhead BrokerHost::overhead(DeviceIndex device) const {
  Overhead all = device < lingering_.size() ? lingering_[device].overhead() : Overhead{};
  for (const Connection& connection : connections_)
    if (connection.stream && connection.device == device) all += connection.stream->overhead();
  return all;
}

}  // namespace mqttlab::sim
