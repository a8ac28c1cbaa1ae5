// A broker with its host in memory, and peers that speak single packets to it: every byte and
// instant is the test's own.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "protocol/broker/broker.h"
#include "protocol/trace/log.h"
#include "protocol/wire/codec.h"
#include "protocol/wire/framer.h"

namespace mqttlab::test {

/// Packets as text, one each: "CONNACK 0", "PUBLISH a/b=x q1 id1 dup retain", "PUBACK 1", ...
using Said = std::vector<std::string>;

Slice slice(std::string_view text);
std::string text_of(const Packet& packet);

class TestBroker;

class ScriptedPeer {
 public:
  ScriptedPeer(TestBroker& test, LinkId id);
  void send(const Packet& packet);
  void send_bytes(Bytes bytes);
  /// Everything that arrived since the last call.
  Said take();
  [[nodiscard]] bool closed() const { return closed_; }  ///< the broker closed the link
  [[nodiscard]] LinkId id() const { return id_; }
  [[nodiscard]] bool readable();  ///< the broker wants to read
  void lose(CloseCause cause = CloseCause::reset);
  /// A peer that does not read leaves bytes in the broker; `on` again takes them.
  void set_reading(bool on);
  /// Takes at most n bytes from the broker, though not reading.
  void read_some(std::size_t n);

  // Shorthands.
  Said connect(std::string_view client_id, bool clean = true, std::uint16_t keep_alive_s = 0);
  Said subscribe(std::string_view filter, QoS qos, std::uint16_t id = 1);
  void publish(std::string_view topic, std::string_view payload, QoS qos = QoS::at_most_once,
               std::uint16_t id = 0, bool retain = false, bool dup = false);

 private:
  friend class TestBroker;
  void flush();
  TestBroker& test_;
  LinkId id_;
  Peer* peer_;
  Framer from_broker_{max_remaining_length};
  Said said_;
  bool reading_ = true, closed_ = false;
};

class TestBroker {
 public:
  explicit TestBroker(BrokerConfig config = {}, Access* access = nullptr);
  ScriptedPeer& accept();
  ScriptedPeer& connected(std::string_view client_id, bool clean = true,
                          std::uint16_t keep_alive_s = 0);
  /// Runs the broker's timers up to `when`, each at its own instant.
  void until(Time when);
  void flush();
  /// What the broker recorded since the last call: "dropped queue_full sub q1", "session_ended
  /// sub".
  Said records();
  /// Order in which links were touched since the last call.
  std::vector<LinkId> touched;

  trace::Log log;
  Broker broker;
  Time now = 0;

 private:
  std::vector<std::unique_ptr<ScriptedPeer>> peers_;  // by link id, from 1
  std::size_t recorded_ = 0;
};

inline Said operator+(Said a, const Said& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace mqttlab::test
