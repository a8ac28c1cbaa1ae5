// TraceBuilder: traces by hand, one readable line per thing that happens, for the oracle to judge.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/oracle/oracle.h"
#include "protocol/trace/log.h"

namespace mqttlab::oracle_test {

/// A packet as a trace event shows it.
struct Packet {
  PacketType type{};
  std::uint16_t id = 0;
  std::string topic{}, payload{};
  int qos = 0;
  bool dup = false, retain = false;
  std::vector<trace::FilterDetail> filters{};
  std::uint32_t bytes = 20;
  std::uint8_t code = 0;         ///< reason code of an acknowledgement or DISCONNECT
  trace::PublishDetail with{};   ///< of a PUBLISH of 5.0
  std::uint32_t identifier = 0;  ///< of a SUBSCRIBE of 5.0
  std::optional<std::uint32_t> session_expiry_s{};  ///< of a DISCONNECT of 5.0

  [[nodiscard]] Packet again() const {
    Packet packet = *this;
    packet.dup = true;
    return packet;
  }
  [[nodiscard]] Packet retained() const {
    Packet packet = *this;
    packet.retain = true;
    return packet;
  }
  [[nodiscard]] Packet reason(std::uint8_t why) const {
    Packet packet = *this;
    packet.code = why;
    return packet;
  }
  /// Sets the alias, or uses it without a topic; what it means is the caller's to know.
  [[nodiscard]] Packet alias(std::uint16_t alias, bool topic_given) const {
    Packet packet = *this;
    packet.with.alias = alias;
    packet.with.topic_given = topic_given;
    return packet;
  }
  [[nodiscard]] Packet expires(std::uint32_t after_s) const {
    Packet packet = *this;
    packet.with.expiry_s = after_s;
    return packet;
  }
  [[nodiscard]] Packet identified(std::vector<std::uint32_t> identifiers) const {
    Packet packet = *this;
    packet.with.identifiers = std::move(identifiers);
    return packet;
  }
  [[nodiscard]] Packet size(std::uint32_t n) const {
    Packet packet = *this;
    packet.bytes = n;
    return packet;
  }
};
Packet publish(std::string topic, std::string payload, int qos, std::uint16_t id = 0);
Packet puback(std::uint16_t id);
Packet pubrec(std::uint16_t id);
Packet pubrel(std::uint16_t id);
Packet pubcomp(std::uint16_t id);
Packet pingreq();
Packet pingresp();
Packet disconnect();

/// Options of a SUBSCRIBE of 5.0.
inline constexpr std::uint8_t no_local = 0x04, retain_as_published = 0x08, retain_if_new = 0x10,
                              no_retained = 0x20;

struct ConnectOptions {
  bool clean = false;
  std::uint16_t keep_alive_s = 0;
  std::string will_topic{};    ///< empty: no will
  std::string will_payload{};  ///< empty: "NAME is gone"
  int will_qos = 2;
  bool will_retain = false;
  int present =
      -1;  ///< session present in CONNACK; -1: 1 from the second connection on, unless clean
  int code = 0;
  ProtocolVersion version = ProtocolVersion::v3_1_1;
  trace::ConnectDetail says{};      ///< 5.0: its limits and what stands below them
  trace::ConnackDetail answered{};  ///< 5.0: those of the broker
};

class TraceBuilder;

/// A client on a device of the same name, and its present connection.
class Client {
 public:
  Client(TraceBuilder& trace, std::string name, trace::Actor actor);

  void connect(ConnectOptions options = {});  ///< dials, CONNECT and CONNACK cross
  void opens();                               ///< a new connection, at both ends
  void sends_connect(const ConnectOptions& options);
  void gets_connack(const ConnectOptions& options);
  /// `options`: of 5.0, besides the QoS.
  void subscribe(const std::string& filter, int qos, int granted = -1, std::uint8_t options = 0,
                 std::uint32_t identifier = 0);
  void unsubscribe(const std::string& filter);

  void sends(const Packet& packet);    ///< written here, arrived at the broker
  void writes(const Packet& packet);   ///< written here
  void reaches(const Packet& packet);  ///< arrived at the broker
  void gets(const Packet& packet);     ///< written by the broker, arrived here
  void is_sent(const Packet& packet);  ///< written by the broker
  void hears(const Packet& packet);    ///< arrived here

  /// The application publishes; the message reaches the broker and is acknowledged to the end.
  void publishes(const std::string& topic, const std::string& payload, int qos,
                 std::uint16_t id = 1, bool retain = false);
  void publishes(const Packet& packet);
  /// The broker sends the message, it is handed to the application and acknowledged to the end.
  void receives(const std::string& topic, const std::string& payload, int qos, std::uint16_t id = 1,
                bool retain = false);
  void receives(const Packet& packet);
  void calls(const std::string& topic, const std::string& payload, int qos,
             std::uint32_t token = 1);
  void completes(std::uint32_t token = 1, std::uint8_t outcome = 0);
  void is_handed(const std::string& topic, const std::string& payload, int qos,
                 bool retain = false);

  void closes(CloseCause cause = CloseCause::local);     ///< this end
  void is_closed(CloseCause cause = CloseCause::local);  ///< the broker's end
  void cut();                                            ///< both ends, by reset
  void leaves();                                         ///< DISCONNECT, and both ends close
  void is_stopped();  ///< by its application, while it is not connected
  void dies(trace::Death how = trace::Death::silent);
  /// Something of the world happens to the device: a fault, a pause, a crash.
  void suffers(trace::Kind what, trace::StoreFate fate = trace::StoreFate::kept);

  [[nodiscard]] std::uint32_t connection() const { return connection_; }
  [[nodiscard]] trace::Actor actor() const { return actor_; }
  void use(std::uint32_t connection) { connection_ = connection; }

 private:
  TraceBuilder& trace_;
  std::string name_;
  trace::Actor actor_;
  std::uint32_t connection_ = 0;
  int connected_ = 0;
  std::uint16_t request_ = 60'000;
};

class TraceBuilder {
 public:
  TraceBuilder();

  Client client(const std::string& name);
  void wait(double seconds) { now_ += static_cast<Time>(seconds * 1e9); }
  void drops(const std::string& client_id, const Packet& message, trace::DropReason reason);
  void ends_session(const std::string& client_id);
  void malformed(std::uint32_t connection, trace::End end, bool arrived,
                 const std::string& statement);
  void tail(std::uint32_t connection, trace::End end, bool arrived);
  /// The broker; its connections end with it: `local`: its kernel closes them in order.
  void crash(trace::StoreFate fate, CloseCause cause = CloseCause::reset);
  void restart();  ///< and it is back
  void settle();   ///< faults stop, and time passes until everything must be done

  void event(trace::Event event);  ///< a millisecond after the last
  void packet(trace::Kind kind, trace::End end, trace::Actor actor, std::uint32_t connection,
              const Packet& packet);
  [[nodiscard]] trace::Log& log() { return log_; }
  [[nodiscard]] Time now() const { return now_; }
  [[nodiscard]] trace::Actor broker() const { return broker_; }
  [[nodiscard]] std::uint32_t next_connection() { return ++connections_; }
  /// What the oracle is told of the client's device, and that it is told to connect, now.
  void know(const Client& client, const oracle::DeviceFacts& facts);
  void started(const Client& client);
  std::optional<oracle::Gauges> gauges{};                     ///< that it is given at the end
  oracle::Settings settings{.converge_within = 20 * second};  ///< of the verdicts to come

  /// The invariants that are broken, each once, in the order of their first violation.
  [[nodiscard]] std::string broken();
  [[nodiscard]] std::vector<oracle::Violation> violations();
  [[nodiscard]] oracle::Verdict verdict(std::string_view invariant);

 private:
  [[nodiscard]] std::unique_ptr<oracle::Oracle> judged();

  trace::Log log_;
  trace::Actor broker_;
  std::vector<std::uint32_t> open_;  // connections at the broker
  std::vector<std::pair<trace::Actor, oracle::DeviceFacts>> facts_;
  std::vector<std::pair<std::size_t, trace::Actor>> starts_;  // before the event of that index
  Time now_ = 0;
  std::uint32_t connections_ = 0;
};

}  // namespace mqttlab::oracle_test
