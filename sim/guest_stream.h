// GuestStream: one end of a byte stream that a program which is none of ours uses: a scripted peer,
// somebody else's client or broker. What goes to MQTT's port is tapped as our own bytes are.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "sim/alarm.h"
#include "sim/guest_peer.h"
#include "sim/guests.h"
#include "sim/network.h"
#include "sim/stream.h"

namespace mqttlab::sim {

class GuestStream final : public StreamOwner {
 public:
  /// Told of everything that happens, inside events.
  using Tell = std::function<void(GuestNews, CloseCause)>;
  struct Place {
    trace::Actor actor = 0;
    DeviceIndex device = 0;
    std::uint16_t port = 0;  // of the site
  };

  /// From a device; it dials in an event at now().
  GuestStream(Network& network, trace::Log& log, Place place, Tell tell);
  /// At the site, which has accepted it. Inside an event.
  GuestStream(Network& network, trace::Log& log, Place place, Tell tell, const Arrival& arrival);
  ~GuestStream() override;

  // The program's calls; what they cause happens in an event at now(). Those for a stream that is
  // over do nothing.
  void write(const Slice& bytes);
  void close();                ///< FIN after what is written
  void end(trace::Death how);  ///< now, whatever is not written yet
  void pause(bool paused);     ///< reads no more, or again
  [[nodiscard]] std::size_t unwritten() const { return peer_.unwritten(); }
  /// Tells of `drained` once no more than this is unwritten.
  void await_drain(std::size_t low_bytes);
  [[nodiscard]] std::string take() { return peer_.take(); }  ///< what has arrived
  /// The program is done with it, and its kernel not yet.
  [[nodiscard]] bool lingers() const { return over_ && stream_ && !stream_->is_over(); }
  /// IP address and port of this end and the other one, once it is open.
  [[nodiscard]] const std::array<GuestAddress, 2>& ends() const { return ends_; }

  trace::TappedPeer carried(Stream& stream, const Introduction& introduction) override;
  void active(Stream&) override { settle(); }
  bool has_acted(Stream&) override { return !peer_.has_bytes(); }

 private:
  void carry(const ns3::Ptr<TcpSocket>& socket, std::shared_ptr<Wire> wire);
  void work();
  void settle();
  void dial();
  void connected(ns3::Ptr<ns3::Socket> socket);
  void not_connected(ns3::Ptr<ns3::Socket> socket);
  void finish(CloseCause cause);

  Network& network_;
  trace::Log& log_;
  const Place place_;
  const trace::End end_;
  const Tell tell_;
  GuestPeer peer_;
  Dial dialing_;
  std::unique_ptr<Stream> stream_;
  std::array<GuestAddress, 2> ends_;
  std::optional<trace::Death> death_;
  std::optional<std::size_t> drain_below_;
  bool dialed_ = false, over_ = false;
  Alarm alarm_;
};

}  // namespace mqttlab::sim
