// Connection: one accepted socket of a broker, with the filters between it and the broker's link.
#pragma once

#include <memory>
#include <string>

#include "protocol/live/listener.h"
#include "protocol/live/stream.h"
#include "protocol/transport/filter_stack.h"

namespace mqttlab::live {

class Connection final : public StreamOwner {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    /// The transport stands: the broker's Peer.
    virtual Peer& link(Connection& connection, const Introduction& introduction, Time now) = 0;
    virtual void active(Connection& connection) = 0;
    virtual void ended(Connection& connection, CloseCause cause) = 0;
  };

  /// Takes the socket.
  Connection(ReadySet& sockets, int socket, LinkId id, std::string address, Listener& listener,
             Owner& owner, Time now);

  [[nodiscard]] LinkId id() const { return id_; }
  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] Listener& listener() { return listener_; }
  [[nodiscard]] Stream& stream() { return *stream_; }
  [[nodiscard]] Time since() const { return since_; }
  [[nodiscard]] bool has_link() const { return filters_.is_established(); }
  /// What the transport found wrong; empty: nothing.
  [[nodiscard]] std::string failure() const { return filters_.failure(); }

  /// Writes and closes as far as it goes.
  void flush(Time now);
  /// Timers of the filters, and the end of lingering.
  void advance(Time now);
  [[nodiscard]] Time deadline() const;

  bool dirty = false;         ///< is in the server's list of connections to flush
  bool closed = false;        ///< is in the server's list of connections to forget
  bool named = false;         ///< the log has said whose it is
  bool woken = false;         ///< others have given the link something
  Time armed = never;         ///< the server's earliest timer for it
  std::unique_ptr<Peer> tap;  ///< watches the link, if anything is recorded

 private:
  void active(Stream&) override { owner_.active(*this); }
  void ended(Stream&, CloseCause cause) override;

  const LinkId id_;
  const std::string address_;
  Listener& listener_;
  Owner& owner_;
  const Time since_;
  Time linger_until_ = never;
  FilterStack filters_;
  std::unique_ptr<Stream> stream_;
};

}  // namespace mqttlab::live
