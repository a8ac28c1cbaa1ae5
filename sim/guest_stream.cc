#include "sim/guest_stream.h"

#include <ns3/inet-socket-address.h>
#include <ns3/inet6-socket-address.h>

#include <sstream>
#include <utility>

#include "protocol/transport/transport.h"

namespace mqttlab::sim {
namespace {

GuestAddress address_of(const ns3::Address& address) {
  std::ostringstream text;
  if (ns3::InetSocketAddress::IsMatchingType(address)) {
    const auto v4 = ns3::InetSocketAddress::ConvertFrom(address);
    text << v4.GetIpv4();
    return {text.str(), v4.GetPort()};
  }
  const auto v6 = ns3::Inet6SocketAddress::ConvertFrom(address);
  text << v6.GetIpv6();
  return {text.str(), v6.GetPort()};
}

}  // namespace

GuestStream::GuestStream(Network& network, trace::Log& log, Place place, Tell tell)
    : network_(network),
      log_(log),
      place_(place),
      end_(trace::End::client),
      tell_(std::move(tell)),
      alarm_([this] { work(); }) {
  alarm_.set(virtual_now());
}

GuestStream::GuestStream(Network& network, trace::Log& log, Place place, Tell tell,
                         const Arrival& arrival)
    : network_(network),
      log_(log),
      place_(place),
      end_(trace::End::broker),
      tell_(std::move(tell)),
      dialed_(true),
      alarm_([this] { work(); }) {
  carry(arrival.socket, arrival.wire);
  alarm_.set(virtual_now());
}

GuestStream::~GuestStream() {
  if (dialing_.socket) dialing_.socket->vanish();
}

void GuestStream::write(const Slice& bytes) {
  if (over_ || death_) return;
  peer_.write(bytes);
  alarm_.set(virtual_now());
}

void GuestStream::close() {
  peer_.close();
  if (!over_) alarm_.set(virtual_now());
}

void GuestStream::end(trace::Death how) {
  if (over_ || death_) return;
  death_ = how;
  if (stream_) stream_->freeze();
  alarm_.set(virtual_now());
}

void GuestStream::pause(bool paused) {
  peer_.pause(paused);
  if (!over_) alarm_.set(virtual_now());
}

void GuestStream::await_drain(std::size_t low_bytes) {
  drain_below_ = low_bytes;
  if (!over_) alarm_.set(virtual_now());
}

void GuestStream::carry(const ns3::Ptr<TcpSocket>& socket, std::shared_ptr<Wire> wire) {
  ns3::Address local, remote;
  socket->GetSockName(local);
  socket->GetPeerName(remote);
  ends_ = {address_of(local), address_of(remote)};
  stream_ = std::make_unique<Stream>(socket, std::move(wire), end_, FilterPlan{}, *this);
}

trace::TappedPeer GuestStream::carried(Stream& stream, const Introduction&) {
  if (place_.port != port_of(over::tcp)) return {peer_, std::nullopt};
  return {peer_,
          trace::Tap::on(log_, end_, place_.actor, stream.connection(), virtual_now(), true)};
}

void GuestStream::work() {
  if (over_) return;
  if (death_) {
    if (stream_) stream_->die(*death_);
    finish(CloseCause::local);
  } else if (!dialed_) {
    dial();
  } else {
    settle();
  }
}

void GuestStream::settle() {
  if (!stream_ || over_ || death_) return;
  stream_->pump();
  if (peer_.has_bytes()) tell_(GuestNews::arrived, {});
  if (drain_below_ && peer_.unwritten() <= *drain_below_) {
    drain_below_.reset();
    tell_(GuestNews::drained, {});
  }
  if (stream_->is_left()) finish(stream_->end_cause());
}

void GuestStream::dial() {
  dialed_ = true;
  dialing_ = network_.dial(place_.device, place_.port);
  if (!dialing_.wire) return finish(CloseCause::local);  // every local port is in use
  const auto failed = ns3::MakeCallback(&GuestStream::not_connected, this);
  dialing_.socket->SetConnectCallback(ns3::MakeCallback(&GuestStream::connected, this), failed);
  dialing_.socket->SetCloseCallbacks(failed, failed);
}

void GuestStream::connected(ns3::Ptr<ns3::Socket>) {
  if (death_) return;
  const Dial dial = std::exchange(dialing_, {});
  carry(dial.socket, dial.wire);
  tell_(GuestNews::opened, {});
  settle();
}

void GuestStream::not_connected(ns3::Ptr<ns3::Socket>) {
  if (death_) return;
  const Dial dial = std::exchange(dialing_, {});
  const bool unanswered = dial.socket->syn_given_up();
  dial.socket->forget();
  finish(unanswered ? CloseCause::timeout : CloseCause::reset);
}

void GuestStream::finish(CloseCause cause) {
  over_ = true;
  alarm_.cancel();
  if (dialing_.socket) std::exchange(dialing_, {}).socket->vanish();
  tell_(GuestNews::ended, cause);
}

}  // namespace mqttlab::sim
