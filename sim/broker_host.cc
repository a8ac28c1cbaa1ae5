#include "sim/broker_host.h"

#include <utility>

namespace mqttlab::sim {

BrokerHost::BrokerHost(Network& network, BrokerConfig config, std::uint64_t seed, Access* access,
                       trace::Log& log, trace::Actor actor)
    : log_(log),
      actor_(actor),
      broker_(std::move(config), seed, access, &log, actor),
      alarm_([this] {
        broker_.advance(virtual_now());
        settle();
      }) {
  network.serve([this](ns3::Ptr<TcpSocket> socket, std::uint32_t connection) {
    accepted(std::move(socket), connection);
  });
}

void BrokerHost::accepted(ns3::Ptr<TcpSocket> socket, std::uint32_t connection) {
  if (connection >= streams_.size()) streams_.resize(connection + 1);
  trace::Tap tap(log_, trace::End::broker, actor_, connection, virtual_now());
  Peer& peer = broker_.accept(connection, virtual_now());
  streams_[connection] =
      std::make_unique<Stream>(std::move(socket), peer, std::move(tap), connection, *this);
  streams_[connection]->pump();
  settle();
}

void BrokerHost::decide(RequestId request, Decision decision) {
  broker_.decide(request, std::move(decision), virtual_now());
  settle();
}

void BrokerHost::active(Stream& stream) {
  release_if_over(stream.connection());
  settle();
}

// Bytes on one link make others speak, and what they write may make room for more: until all is
// quiet.
void BrokerHost::settle() {
  for (;;) {
    const auto touched = broker_.touched();
    if (touched.empty()) break;
    woken_.assign(touched.begin(), touched.end());
    for (const LinkId link : woken_) {
      if (link >= streams_.size() || !streams_[link]) continue;
      streams_[link]->pump();
      release_if_over(link);
    }
  }
  alarm_.set(broker_.deadline());
}

void BrokerHost::release_if_over(std::uint32_t connection) {
  auto& stream = streams_[connection];
  if (!stream || !stream->is_over()) return;
  stream.reset();
  broker_.release(connection);
}

}  // namespace mqttlab::sim
