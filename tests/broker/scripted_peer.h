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

/// Packets as text, one each: "CONNACK 0", "PUBLISH a/b=x q1 id1 dup retain", "PUBACK 1", ... Of
/// 5.0: reason codes other than 0, "PUBACK 1 0x87", and properties, "PUBLISH a=x q0 {Content Type
/// json, User Property k=v}", but those of CONNACK.
using Said = std::vector<std::string>;

inline constexpr auto qos0 = QoS::at_most_once, qos1 = QoS::at_least_once, qos2 = QoS::exactly_once;
Slice slice(std::string_view text);
std::string text_of(const Packet& packet);
std::string text_of(const Properties& properties);  ///< " {...}"; empty: ""
/// A CONNECT of 5.0.
Connect connect_5(std::string_view client_id, bool clean_start = true, Properties properties = {});

class TestBroker;

class ScriptedPeer {
 public:
  ScriptedPeer(TestBroker& test, LinkId id);
  void send(const Packet& packet);
  void send_bytes(Bytes bytes);
  /// Everything that arrived since the last call.
  Said take();
  std::vector<Packet> take_packets();
  [[nodiscard]] bool closed() const { return closed_; }  ///< the broker closed the link
  [[nodiscard]] LinkId id() const { return id_; }
  [[nodiscard]] bool readable();  ///< the broker wants to read
  void lose(CloseCause cause = CloseCause::reset);
  /// A peer that does not read leaves bytes in the broker; `on` again takes them.
  void set_reading(bool on);
  /// Takes at most n bytes from the broker, though not reading.
  void read_some(std::size_t n);

  /// The version of what is sent and read from now on; a CONNECT that is sent sets it, too.
  void speak(ProtocolVersion version) { version_ = version; }

  // Shorthands.
  Said connect(const Connect& packet);
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
  ProtocolVersion version_ = ProtocolVersion::v3_1_1;  // of the last CONNECT sent
  bool reading_ = true, closed_ = false;
};

class TestBroker {
 public:
  explicit TestBroker(BrokerConfig config = {}, Access* access = nullptr,
                      Journal* journal = nullptr, std::function<Time()> unix_offset = {});
  ScriptedPeer& accept();
  ScriptedPeer& connected(std::string_view client_id, bool clean = true,
                          std::uint16_t keep_alive_s = 0);
  ScriptedPeer& connected(const Connect& connect);
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
