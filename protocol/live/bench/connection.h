// Connection: one MQTT client of the generator on its own socket. It does what a load needs and no
// more: no session that outlives it, no timers, no queue. So it costs less than the brokers that it
// loads; protocol/client is the client for everything else.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "protocol/live/bench/plan.h"
#include "protocol/live/bench/stamp.h"
#include "protocol/session/id_set.h"
#include "protocol/session/packet_ids.h"
#include "protocol/transport/openssl_ptr.h"
#include "protocol/wire/outbox.h"
#include "protocol/wire/packet.h"

struct sockaddr;

namespace mqttlab::bench {

class Connection;

/// Told by connections.
class Listener {
 public:
  virtual void ready(Connection& connection) = 0;  ///< connected and subscribed
  /// A QoS 1 or 2 exchange of this publisher has ended; `refused`: with an error.
  virtual void acknowledged(Connection& connection, bool refused) = 0;
  virtual void received(Connection& connection, const Stamp& stamp) = 0;
  virtual void repeated(Connection& connection) = 0;  ///< QoS 2, and answered as that
  virtual void ended(Connection& connection, const std::string& why) = 0;

 protected:
  ~Listener() = default;
};

class Connection {
 public:
  enum class Role : std::uint8_t { publisher, subscriber, idle };

  /// `number`: of its role. Plan and listener must outlive it.
  Connection(const Plan& plan, Role role, std::uint32_t number, Listener& listener);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Begins to connect, with CONNECT behind it. Throws std::runtime_error if the system refuses.
  void dial(const sockaddr& address, std::uint32_t address_bytes);
  /// Reads what there is into `scratch`, which all connections share, and handles it.
  void readable(std::span<std::uint8_t> scratch);
  /// Writes as much as the socket takes.
  void flush();
  /// Appends a message that flush() writes. At QoS 1 and 2 fewer than 65,535 may be open.
  void publish(const Stamp& stamp);
  /// DISCONNECT, written or not, and the end.
  void close();

  [[nodiscard]] int socket() const { return socket_; }
  [[nodiscard]] Role role() const { return role_; }
  [[nodiscard]] std::uint32_t number() const { return number_; }
  [[nodiscard]] bool writes() const { return !out_.empty(); }
  [[nodiscard]] std::size_t unwritten() const { return out_.size(); }
  bool dirty = false;    ///< is in the load's list of those to flush
  bool watched = false;  ///< the load waits for it to be writable

 private:
  // As recv() and sendmsg(), with TLS if the plan says so.
  [[nodiscard]] ssize_t receive(std::span<std::uint8_t> room);
  [[nodiscard]] ssize_t write();
  [[nodiscard]] ssize_t failed(int outcome);
  [[nodiscard]] std::size_t handle(Bytes arrived);
  void handle(const Packet& packet);
  void on(const Connack& connack);
  void on(const Publish& publish);
  void answer(const Packet& packet);
  void fail(const std::string& why);
  [[nodiscard]] std::string topic() const;

  const Plan& plan_;
  Role role_;
  std::uint32_t number_;
  Listener& listener_;
  int socket_ = -1;
  OpenSslPtr<SSL> ssl_;
  std::vector<std::uint8_t> cut_;  // the front of a packet that has not arrived in full
  Outbox out_;
  std::vector<std::uint8_t> message_;  // a publisher's, encoded; each copy is stamped anew
  PacketIds ids_;
  IdSet taken_;  // QoS 2 messages that are not released yet
};

}  // namespace mqttlab::bench
